"""Why nothing is done, in words with their numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause, Departure, Problem, Removal, Unknown
from etcd_operator.plan.model import Blocked
from etcd_operator.plan.obstacles import obstacles
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_member,
    a_node,
    a_pod,
    an_observation,
    having,
    listing,
    losing,
    on_nodes,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import decide, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]
LISTED = tuple(a_member(name) for name in (A, B, C))
FORBIDDEN = Unknown("nodes is forbidden")


def blocks(seen: Observation) -> list[Blocked]:
    """All that stands against what is asked for."""
    return list(obstacles(situation(seen)))


def removing(seen: Observation, member: str, cause: Departure = Departure.DATA_LOST) -> Observation:
    """The same moment, after `member` was chosen to leave."""
    return with_record(seen, removing=Removal(member, cause, "chosen"))


QUIET: dict[str, Observation] = {
    "everything is well": STABLE,
    "a member is silent": silent(STABLE, C),
    "a cluster has not formed": an_observation(Stage.STARTED),
    "a newcomer is prepared": with_newcomers(STABLE, D, at_gate=False),
    "a newcomer has no claim yet": without(with_newcomers(STABLE, D, at_gate=False), Kind.CLAIM, D),
    "a learner catches up": with_learner(with_newcomers(STABLE, D), D),
    "a learner catches up while a member is down": silent(with_learner(with_newcomers(STABLE, D), D), C),
    "a member leaves that may": with_spec(removing(FIVE, E, Departure.SCALE_IN), replicas=3),
    "a lost member is replaced": with_newcomers(removing(losing(STABLE, C), C), D),
    "a member leaves whose data is lost": removing(losing(STABLE, C), C),
    "nodes may not be read and all is well": replace(STABLE, nodes=FORBIDDEN),
    "nodes may not be read and a member does not even run": replace(
        having(silent(STABLE, C), a_pod(C, running=False)), nodes=FORBIDDEN
    ),
    "a node is away for a moment": on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=NOW)),
}


@pytest.mark.parametrize("seen", QUIET.values(), ids=QUIET)
def test_nothing_is_blocked_while(seen: Observation) -> None:
    assert blocks(seen) == []


def test_without_a_quorum_nothing_is_changed_and_it_says_so() -> None:
    message = "no quorum of the members can be asked: none is added, removed or replaced, and no data is touched"
    assert blocks(silent(STABLE)) == [Blocked("change the members", BlockReason.NO_QUORUM, message)]


def test_a_member_that_is_not_ours_is_named_with_its_address_and_what_to_do() -> None:
    guest = replace(a_member("guest"), id=0xABC, name="", peer_urls=("https://10.0.0.9:2380",))
    other = replace(a_member("other"), id=0xDEF, peer_urls=("https://10.0.0.8:2380",))
    (block,) = blocks(with_spec(listing(STABLE, *LISTED, guest, other), replicas=5))
    assert (block.action, block.reason) == ("change the members", BlockReason.FOREIGN_MEMBER)
    assert block.message == (
        "etcd lists a member that is not the operator's: abc at https://10.0.0.9:2380, other at https://10.0.0.8:2380; "
        "take it out with etcdctl member remove abc, or put the former address of one that is ours back with etcdctl "
        "member update abc"
    )


def test_a_member_that_may_not_be_removed_is_told_with_the_numbers_and_for_whom_it_waits() -> None:
    seen = with_spec(removing(silent(STABLE, B), C, Departure.SCALE_IN), replicas=1)
    message = f"would remove {C}: 2 of 3 voters healthy, quorum is 2; waiting for {B}"
    assert Blocked(f"remove {C}", BlockReason.QUORUM, message) in blocks(seen)


def test_a_lost_member_that_may_not_be_replaced_is_told_before_it_is_chosen() -> None:
    seen = silent(losing(FIVE, C), D, E)
    message = f"would remove {C}: 2 of 5 voters healthy, quorum is 3; waiting for {C}, {D}, {E}"
    assert Blocked(f"remove {C}", BlockReason.QUORUM, message) in blocks(seen)


def test_a_member_of_a_node_that_is_away_for_a_moment_is_not_told_as_lost() -> None:
    seen = on_nodes(silent(FIVE, C, D, E), node_3=a_node("node-3", ready=False, since=NOW))
    assert blocks(seen) == []
    long = on_nodes(silent(FIVE, C, D, E), node_3=a_node("node-3", ready=False, since=NOW - timedelta(hours=1)))
    assert [block.action for block in blocks(long)] == [f"remove {C}"]


def test_one_too_many_that_may_not_leave_is_told_before_it_is_chosen() -> None:
    seen = with_spec(silent(FIVE, C, D, E), replicas=3)
    assert [(block.action, block.reason) for block in blocks(seen)] == [(f"remove {C}", BlockReason.QUORUM)]


def test_an_addition_that_etcd_would_refuse_is_told_with_the_numbers() -> None:
    seen = silent(with_newcomers(STABLE, D, E), C)
    message = f"would add {D}: 2 of 3 voters healthy, quorum is 2, and adding takes 3; waiting for {C}"
    assert blocks(seen) == [Blocked(f"add {D}", BlockReason.QUORUM, message)]


def test_an_addition_that_follows_a_removal_is_not_told() -> None:
    assert blocks(with_newcomers(removing(losing(STABLE, C), C), D)) == []


def test_a_foreign_voter_that_is_waited_for_is_told_alone() -> None:
    seen = listing(silent(with_newcomers(STABLE, D), C), *LISTED, a_member("guest"))
    assert [block.reason for block in blocks(seen)] == [BlockReason.FOREIGN_MEMBER]


def test_a_silent_member_may_be_on_a_lost_node_where_nodes_may_not_be_read() -> None:
    message = f"{B}, {C} may be on a lost node, and the operator may not read nodes: nodes is forbidden"
    found = blocks(replace(silent(FIVE, B, C), nodes=FORBIDDEN))
    assert found == [Blocked(f"replace {B}", BlockReason.NODES_FORBIDDEN, message)]


def test_a_silent_member_whose_pod_says_why_is_not_told_as_one_of_a_lost_node() -> None:
    crash = a_pod(C, problem=Problem(Cause.CRASHING, "OOMKilled"))
    found = blocks(replace(having(silent(STABLE, C), crash), nodes=FORBIDDEN))
    assert [block.reason for block in found] == [BlockReason.CRASHING]


def test_a_silent_member_without_a_pod_is_not_told_as_one_of_a_lost_node() -> None:
    assert blocks(replace(without(silent(STABLE, C), Kind.POD, C), nodes=FORBIDDEN)) == []


OUT = "it stays out of the cluster, for it would forget what it acknowledged"


def test_damaged_data_is_told_in_the_words_of_who_found_it() -> None:
    damaged = a_pod(C, running=False, problem=Problem(Cause.DATA_DAMAGED, "the WAL is torn"))
    found = blocks(having(silent(STABLE, C), damaged))
    assert found == [Blocked(f"start {C}", BlockReason.DATA_DAMAGED, f"the WAL is torn; {OUT}")]


def test_a_newcomer_that_finds_no_node_is_told_in_kubernetes_words() -> None:
    stuck = a_pod(D, running=False, problem=Problem(Cause.UNSCHEDULABLE, "0/3 nodes are available"))
    found = blocks(having(with_newcomers(STABLE, D), stuck))
    assert found == [Blocked(f"start {D}", BlockReason.UNSCHEDULABLE, "0/3 nodes are available")]


def test_the_claim_says_why_its_pod_is_not_scheduled() -> None:
    stuck = a_pod(C, running=False, problem=Problem(Cause.UNSCHEDULABLE, "unbound claim"))
    found = blocks(having(STABLE, stuck, a_claim(C, problem=Problem(Cause.STORAGE, "no space"))))
    assert found == [Blocked(f"start {C}", BlockReason.STORAGE, f"claim {C}: no space")]


def test_what_is_known_of_a_member_that_leaves_is_no_obstacle() -> None:
    seen = having(removing(silent(STABLE, C), C), a_claim(C, deleting=True))
    assert blocks(seen) == []


def test_a_claim_that_goes_is_told_beside_what_else_is_wrong_with_its_member() -> None:
    crash = a_pod(C, running=False, problem=Problem(Cause.CRASHING, "OOMKilled"))
    found = blocks(having(STABLE, crash, a_claim(C, deleting=True)))
    assert [block.action for block in found] == [f"start {C}", f"keep {C}"]


def test_a_claim_that_goes_before_the_formation_takes_nothing_with_it() -> None:
    assert blocks(having(an_observation(Stage.STARTED), a_claim(C, deleting=True))) == []


def test_what_a_decision_takes_care_of_is_no_obstacle_any_more() -> None:
    plan = decide(losing(STABLE, C))
    assert plan.action == "ChooseMembers"
    assert plan.blocked == ()


def test_the_clusters_own_obstacles_come_before_those_of_members() -> None:
    seen = having(silent(STABLE), a_pod(C, running=False, problem=Problem(Cause.IMAGE, "not found")))
    assert [block.reason for block in blocks(seen)] == [BlockReason.NO_QUORUM, BlockReason.IMAGE]
