"""Which member goes first, and who leads next."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Departure, Removal, Unknown
from etcd_operator.plan.membership import read_membership
from etcd_operator.plan.placement import cheapest_to_lose, may_leave, on_cordoned_node, successor
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_claim,
    a_member,
    a_node,
    a_pod,
    an_observation,
    having,
    led_by,
    listing,
    losing,
    mute,
    on_nodes,
    saying,
    silent,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation
    from etcd_operator.plan.membership import Membership

A, B, C, D, E = MEMBERS[:5]
FIVE = an_observation(Stage.STABLE, members=5)
APART = on_nodes(FIVE)


def read(seen: Observation) -> Membership:
    """The membership, which can be read."""
    found = read_membership(situation(seen))
    assert found is not None
    return found


def cheapest(seen: Observation) -> str | None:
    """The member that leaves first, if any can."""
    return cheapest_to_lose(situation(seen), read(seen))


def heir(seen: Observation) -> str | None:
    """The member to which leadership goes."""
    return successor(situation(seen), read(seen))


def placed(*places: tuple[str, str]) -> Observation:
    """Five members on these nodes of these zones, in the order of their names; the first one leads."""
    seen = FIVE
    for name, (node, _) in zip(MEMBERS, places, strict=False):
        seen = replace(seen, pods={**seen.pods, name: replace(seen.pods[name], node=node)})
    return replace(seen, nodes={node: a_node(node, zone=zone) for node, zone in places})


SPREAD: dict[str, tuple[Observation, str]] = {
    "all are alone on their nodes and no zone is known": (APART, B),
    "two share a zone": (placed(("1", "x"), ("2", "y"), ("3", "z"), ("4", "v"), ("5", "z")), C),
    "three share a zone, and two of another a node": (
        placed(("1", "x"), ("1", "x"), ("3", "z"), ("4", "z"), ("5", "z")),
        C,
    ),
    "two share a node": (placed(("1", "x"), ("2", "x"), ("3", "x"), ("4", "x"), ("4", "x")), D),
    "the leader shares a node with another": (placed(("1", "x"), ("2", "x"), ("1", "x"), ("4", "x"), ("5", "x")), C),
    "the leader's zone is the fullest": (placed(("1", "x"), ("2", "y"), ("3", "z"), ("4", "x"), ("5", "v")), D),
    "all are on one node": (FIVE, B),
}


@pytest.mark.parametrize(("seen", "first"), SPREAD.values(), ids=SPREAD)
def test_the_one_whose_loss_costs_least_spread_goes_first_when(seen: Observation, first: str) -> None:
    assert cheapest(seen) == first


def test_an_unhealthy_member_goes_before_any_healthy_one() -> None:
    crowded = placed(("1", "x"), ("1", "x"), ("1", "x"), ("4", "y"), ("5", "z"))
    assert cheapest(silent(crowded, E)) == E


def test_a_member_that_is_lost_goes_before_one_that_only_does_not_answer() -> None:
    assert cheapest(losing(silent(APART, B), E)) == E


def test_the_leader_loses_no_place_but_for_its_spread() -> None:
    crowded = placed(("1", "x"), ("1", "x"), ("3", "y"), ("4", "z"), ("5", "v"))
    assert cheapest(crowded) == B
    assert cheapest(led_by(crowded, B)) == A


def test_two_passes_choose_alike_however_the_members_are_ordered() -> None:
    chosen = {cheapest(with_record(APART, members=order)) for order in permutations(MEMBERS[:5])}
    assert chosen == {B}


def test_only_a_member_that_votes_can_be_chosen() -> None:
    seen = listing(APART, *(a_member(name) for name in (A, C, D, E)))
    assert cheapest(seen) == C


def test_nobody_is_chosen_where_no_recorded_member_votes() -> None:
    assert cheapest(listing(with_record(APART, joining=(MEMBERS[5],)), a_member(MEMBERS[5]))) is None


def test_a_member_without_a_pod_has_no_place_that_counts() -> None:
    crowded = placed(("1", "x"), ("2", "y"), ("3", "z"), ("3", "z"), ("5", "v"))
    assert cheapest(crowded) == C
    assert cheapest(without(crowded, Kind.POD, D)) == B


@pytest.mark.parametrize(
    ("down", "healthy", "dead"), [(0, True, True), (1, True, True), (2, False, True)], ids=["all", "four", "three"]
)
def test_a_member_may_leave_while_a_quorum_of_healthy_voters_stands_without_it(
    down: int, *, healthy: bool, dead: bool
) -> None:
    found = read(silent(FIVE, *MEMBERS[3 : 3 + down]) if down else FIVE)
    assert may_leave(found, A) is healthy
    if down:
        assert may_leave(found, D) is dead


def test_a_member_whose_pod_is_ending_is_counted_as_gone_before_another_leaves() -> None:
    drained = having(FIVE, a_pod(D, deleting=True), a_pod(E, deleting=True))
    assert not may_leave(read(drained), A)
    assert may_leave(read(drained), D)
    assert may_leave(read(having(FIVE, a_pod(E, deleting=True))), A)


def test_one_of_three_healthy_ones_may_not_leave_while_another_is_down() -> None:
    found = read(silent(an_observation(Stage.STABLE), C))
    assert not may_leave(found, A)
    assert may_leave(found, C)


def test_leadership_goes_to_the_one_that_has_come_furthest() -> None:
    seen = saying(saying(APART, A, raft_applied_index=100), C, raft_applied_index=99)
    for name in (B, D, E):
        seen = saying(seen, name, raft_applied_index=95)
    assert heir(seen) == C


@pytest.mark.parametrize(
    "hinder",
    [
        lambda seen: silent(seen, B),
        lambda seen: saying(seen, B, raft_applied_index=80),
        lambda seen: saying(seen, B, is_learner=True),
        lambda seen: with_record(seen, removing=Removal(B, Departure.SCALE_IN, "one too many")),
        lambda seen: replace(seen, nodes={**seen.nodes, "node-2": a_node("node-2", cordoned=True)}),
        lambda seen: having(seen, a_pod(B, deleting=True)),
        lambda seen: saying(seen, B, member_id=0xB0B),
    ],
    ids=[
        "silent",
        "behind",
        "a learner yet",
        "about to leave",
        "on a cordoned node",
        "ending",
        "another member",
    ],
)
def test_leadership_never_goes_to_one_that_is(hinder: object) -> None:
    seen = on_nodes(an_observation(Stage.STABLE))
    for name in (A, B):
        seen = saying(seen, name, raft_applied_index=100)
    seen = saying(seen, C, raft_applied_index=91)
    assert heir(seen) == B
    assert callable(hinder)
    assert heir(hinder(seen)) == C


def test_leadership_goes_to_a_cordoned_node_rather_than_nowhere() -> None:
    all_cordoned = {f"node_{turn}": a_node(f"node-{turn}", cordoned=True) for turn in range(1, 6)}
    assert heir(on_nodes(FIVE, **all_cordoned)) is not None


def test_leadership_stays_where_nobody_else_can_take_it() -> None:
    assert heir(silent(APART, B, C, D, E)) is None
    assert heir(an_observation(Stage.STABLE, members=1)) is None


def test_leadership_does_not_go_to_one_that_serves_no_clients_yet() -> None:
    assert heir(mute(silent(APART, C, D, E), B)) is None


def test_one_that_is_to_have_another_volume_leaves_before_those_that_have_it() -> None:
    change = {"storage": {"size": "16Gi", "resize": "Replace"}}
    seen = replace(with_spec(FIVE, **change), classes={"standard": False})
    assert cheapest(having(seen, *(a_claim(name, size="16Gi") for name in (A, B, C, E)))) == D
    assert cheapest(silent(having(seen, *(a_claim(name, size="16Gi") for name in (A, B, C, E))), B)) == B


def test_of_those_with_old_volumes_the_leader_leaves_last_and_leadership_goes_to_a_new_one() -> None:
    change = {"storage": {"size": "16Gi", "resize": "Replace"}}
    seen = replace(with_spec(FIVE, **change), classes={"standard": False})
    some = having(seen, *(a_claim(name, size="16Gi") for name in (C, E)))
    assert cheapest(led_by(some, A)) == B
    assert cheapest(placed_with_leader(some, A)) == B
    assert heir(saying(led_by(some, A), B, raft_applied_index=10)) in {C, E}


def placed_with_leader(seen: Observation, leader: str) -> Observation:
    """The same moment, with the leader in the zone that has most members."""
    zones = {A: "crowded", B: "lonely", C: "crowded", D: "other", E: "crowded"}
    nodes = {f"node-{name}": a_node(f"node-{name}", zone=zone) for name, zone in zones.items()}
    pods = [replace(seen.pods[name], node=f"node-{name}") for name in zones]
    return led_by(replace(having(seen, *pods), nodes=nodes), leader)


def test_the_leader_is_not_its_own_successor() -> None:
    assert heir(saying(APART, A, raft_applied_index=10)) not in {None, A}


@pytest.mark.parametrize(
    ("seen", "cordoned"),
    [
        (on_nodes(FIVE, node_1=a_node("node-1", cordoned=True)), True),
        (on_nodes(FIVE, node_2=a_node("node-2", cordoned=True)), False),
        (replace(on_nodes(FIVE, node_1=a_node("node-1", cordoned=True)), nodes=Unknown("forbidden")), False),
        (replace(APART, nodes={}), False),
        (without(on_nodes(FIVE, node_1=a_node("node-1", cordoned=True)), Kind.POD, A), False),
    ],
    ids=["its own", "another's", "nodes may not be read", "its node is not known", "it has no Pod"],
)
def test_whether_a_members_node_is_cordoned(seen: Observation, *, cordoned: bool) -> None:
    assert on_cordoned_node(situation(seen), A) is cordoned


def test_who_is_kept_alive_by_its_pod_only_leaves_before_who_has_a_volume() -> None:
    seen = having(led_by(APART, C), a_claim(C, deleting=True))
    assert cheapest(seen) == C
    assert cheapest(silent(seen, D)) == C
    assert cheapest(losing(seen, D)) == D
