"""A newcomer: it is added as a learner when it stands at the gate and etcd would not refuse it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Unknown
from etcd_operator.plan.changes import change
from etcd_operator.plan.model import AddLearner
from etcd_operator.plan.stopping import SOON
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import initial_cluster, peer_url
from tests.builders import (
    IDENTITY,
    MEMBERS,
    Stage,
    a_claim,
    a_gate_pod,
    a_member,
    a_node,
    a_pod,
    a_spec,
    an_observation,
    having,
    listing,
    silent,
    with_data,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import changed, decide, done, situation, waits

if TYPE_CHECKING:
    from etcd_operator.observation import Node, Observation, Pod

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]
LISTED = tuple(a_member(name) for name in (A, B, C))


def test_one_that_stands_at_the_gate_is_added_as_a_learner() -> None:
    plan = changed(with_newcomers(STABLE, D))
    url = peer_url(IDENTITY, D, a_spec().tls)
    assert plan.steps == (AddLearner(D, url, f"{D} stands ready"),)
    assert (plan.action, plan.wake_after) == ("AddMember", SOON)


def test_one_at_a_time_is_added_and_the_first_that_is_ready() -> None:
    seen = with_newcomers(with_newcomers(STABLE, D, at_gate=False), E, F)
    assert done(changed(seen)) == {f"add {E}"}


def test_nobody_is_added_while_there_is_a_learner() -> None:
    seen = with_newcomers(with_spec(with_learner(with_newcomers(STABLE, D), D, applied=1), replicas=5), E)
    assert "catch up" in waits(changed(seen))


def test_one_that_is_not_ready_is_waited_for() -> None:
    plan = changed(with_newcomers(STABLE, D, E, at_gate=False))
    assert waits(plan) == f"waiting for {D}, {E} to be ready"


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(D, running=False),
        a_gate_pod(D, asks=(A, B, C), deleting=True),
        a_gate_pod(D, asks=(F,)),
        a_gate_pod(D, asks=()),
    ],
    ids=["prepared", "ending", "asks one that left", "asks nobody"],
)
def test_one_is_not_added_while_its_pod_is(pod: Pod) -> None:
    assert waits(changed(having(with_newcomers(STABLE, D), pod))) == f"waiting for {D} to be ready"


def test_one_healthy_member_to_ask_is_enough() -> None:
    assert done(changed(having(with_newcomers(STABLE, D), a_gate_pod(D, asks=(F, B))))) == {f"add {D}"}


@pytest.mark.parametrize(("members", "down"), [(3, 1), (5, 2)])
def test_nobody_is_added_while_etcd_would_refuse_it(members: int, down: int) -> None:
    stable = an_observation(Stage.STABLE, members=members)
    seen = with_newcomers(stable, F if members == 5 else D)
    assert change(situation(silent(seen, *MEMBERS[1 : 1 + down]))) is None


def test_nobody_is_added_while_a_drain_in_flight_takes_a_voter_away() -> None:
    assert change(situation(having(with_newcomers(STABLE, D), a_pod(C, deleting=True)))) is None


@pytest.mark.parametrize(
    "seen",
    [
        without(with_newcomers(STABLE, D), Kind.CLAIM, D),
        having(with_newcomers(STABLE, D), a_claim(D, deleting=True)),
        having(with_newcomers(STABLE, D), a_claim(D, lost=True)),
        having(with_newcomers(STABLE, D), a_node(ready=False)),
        with_newcomers(with_spec(STABLE, replicas=5, resources={"requests": {"cpu": "1"}}), D),
    ],
    ids=["claim is gone", "claim is going", "volume is gone", "node is away", "Pod is not as specified"],
)
def test_one_is_not_added_whose(seen: Observation) -> None:
    assert waits(changed(seen)) == f"waiting for {D} to be ready"


@pytest.mark.parametrize("nodes", [{}, Unknown("forbidden")], ids=["not known", "may not be read"])
def test_one_is_added_although_its_node_is(nodes: dict[str, Node] | Unknown) -> None:
    assert done(changed(replace(with_newcomers(STABLE, D), nodes=nodes))) == {f"add {D}"}


def test_leadership_leaves_a_cordoned_node_while_a_newcomer_is_prepared() -> None:
    cordoned = having(STABLE, replace(STABLE.pods[A], node="node-9"), a_node("node-9", cordoned=True))
    assert "move leader" in str(done(changed(with_newcomers(cordoned, D, at_gate=False))))
    assert done(changed(with_newcomers(cordoned, D))) == {f"add {D}"}


def test_four_of_five_are_enough_to_add() -> None:
    assert done(changed(silent(with_newcomers(FIVE, F), B))) == {f"add {F}"}


def test_a_single_member_is_enough_to_add_the_second() -> None:
    assert done(changed(with_newcomers(an_observation(Stage.STABLE, members=1), B))) == {f"add {B}"}


@pytest.mark.parametrize("others", [(), (A, B), (A, B, C, E)], ids=["none", "one too few", "one too many"])
def test_nobody_is_added_before_its_secret_names_exactly_the_others(others: tuple[str, ...]) -> None:
    seen = with_newcomers(STABLE, D)
    permission = initial_cluster(IDENTITY, (*others, D), a_spec().tls)
    secret = with_data(seen.secrets[D], {"initial-cluster": permission.encode()})
    assert waits(changed(having(seen, secret))) == f"waiting until {D} knows the others"


def test_nobody_is_added_without_a_secret() -> None:
    seen = without(with_newcomers(STABLE, D), Kind.SECRET, D)
    assert waits(changed(seen)) == f"waiting until {D} knows the others"


def test_the_secret_of_the_next_newcomer_is_put_right_before_it_is_added() -> None:
    seen = with_newcomers(STABLE, D, E)
    seen = listing(having(seen, a_pod(D)), *LISTED, a_member(D))
    seen = with_record(with_spec(seen, replicas=5), members=(A, B, C, D), joining=(E,))
    plan = decide(seen)
    assert f"write credentials {E}" in done(plan)
    assert f"add {E}" not in done(plan)
