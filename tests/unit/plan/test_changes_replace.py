"""A member that is lost: it leaves the list when its place can be filled, and a quorum stands without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Departure, Problem, Removal
from etcd_operator.plan.changes import change
from etcd_operator.plan.model import Remove
from etcd_operator.plan.stopping import SOON
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_claim,
    a_gate_pod,
    a_member,
    a_node,
    a_pod,
    an_observation,
    having,
    losing,
    on_nodes,
    silent,
    with_newcomers,
    with_record,
    with_spec,
    with_status,
    without,
)
from tests.unit.plan.decide import changed, done, situation, waits

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]
GONE = f"the claim of {C} is gone, and with it its data"


def _no_room(seen: Observation, where: str) -> Observation:
    """The newcomer D finds no place: for its Pod, or for its claim."""
    seen = with_newcomers(seen, D, at_gate=False)
    if where == "Pod":
        return having(seen, a_pod(D, running=False, problem=Problem(Cause.UNSCHEDULABLE, "0/3 nodes are available")))
    return having(seen, a_claim(D, problem=Problem(Cause.STORAGE, "no space left")))


DEAD = with_record(losing(STABLE, C), removing=Removal(C, Departure.DATA_LOST, GONE))


def test_it_leaves_once_a_newcomer_stands_at_the_gate() -> None:
    plan = changed(with_newcomers(DEAD, D))
    assert plan.steps == (Remove(C, a_member(C).id, f"{GONE}; 2 of 3 voters stay"),)
    assert (plan.action, plan.wake_after) == ("ReplaceMember", SOON)


def test_one_newcomer_at_the_gate_is_enough() -> None:
    seen = with_newcomers(with_newcomers(DEAD, D, at_gate=False), E)
    assert done(changed(seen)) == {f"remove {C}"}


def test_it_leaves_at_once_if_no_newcomer_is_needed() -> None:
    assert done(changed(with_spec(DEAD, replicas=1))) == {f"remove {C}"}


NOT_READY: dict[str, Observation] = {
    "it has no Pod": with_newcomers(DEAD, D, at_gate=False),
    "its Pod is prepared": having(with_newcomers(DEAD, D), a_pod(D, running=False)),
    "its Pod is ending": having(with_newcomers(DEAD, D), a_gate_pod(D, asks=(A, B, C), deleting=True)),
    "it asks only who is dead": having(with_newcomers(DEAD, D), a_gate_pod(D, asks=(C,))),
    "it asks nobody": having(with_newcomers(DEAD, D), a_gate_pod(D, asks=())),
}


@pytest.mark.parametrize("seen", NOT_READY.values(), ids=NOT_READY)
def test_it_stays_while_the_newcomer_is_not_ready_for(seen: Observation) -> None:
    plan = changed(seen)
    assert waits(plan) == f"waiting for {D} to be ready in place of {C}: {GONE}"


def test_it_stays_when_it_answers_again() -> None:
    seen = with_record(STABLE, removing=Removal(C, Departure.DATA_LOST, GONE))
    assert change(situation(with_newcomers(seen, D))) is None


def test_it_stays_while_no_quorum_of_healthy_voters_stands() -> None:
    seen = with_newcomers(with_record(losing(STABLE, C), removing=DEAD.cluster.record.removing), D)
    assert change(situation(silent(seen, B))) is None


@pytest.mark.parametrize("where", ["Pod", "claim"])
def test_its_pod_makes_room_for_a_newcomer_that_finds_no_place(where: str) -> None:
    seen = having(_no_room(_with_pod(), where), a_claim(C))
    plan = changed(seen)
    assert done(plan) == {f"delete Pod {C}"}
    assert plan.reason == f"{D} finds no place while the Pod of {C} is there: {GONE}"


@pytest.mark.parametrize("where", ["Pod", "claim"])
def test_it_leaves_once_its_pod_has_made_room(where: str) -> None:
    assert done(changed(_no_room(DEAD, where))) == {f"remove {C}"}


def test_it_stays_while_its_pod_is_making_room() -> None:
    seen = having(_no_room(_with_pod(), "Pod"), a_pod(C, deleting=True))
    assert waits(changed(seen)).startswith(f"waiting for {D} to be ready")


@pytest.mark.parametrize("cause", [Cause.IMAGE, Cause.CRASHING, Cause.CONTAINER_CONFIG, Cause.NODE])
def test_it_makes_no_room_for_a_newcomer_that_needs_something_else(cause: Cause) -> None:
    stuck = a_pod(D, running=False, problem=Problem(cause, "said so"))
    seen = having(with_newcomers(_with_pod(), D, at_gate=False), stuck)
    assert waits(changed(seen)).startswith(f"waiting for {D}")


@pytest.mark.parametrize(
    ("reason", "action", "room"),
    [
        ("RefusedByKubernetes", f"Create PersistentVolumeClaim {D}", True),
        ("RefusedByKubernetes", f"Create Pod {E}", False),
        ("RefusedByKubernetes", f"Patch Service {D}", False),
        ("RefusedByEtcd", f"AddLearner {D}", False),
    ],
)
def test_it_makes_room_for_a_newcomer_that_kubernetes_does_not_take(reason: str, action: str, *, room: bool) -> None:
    told = {"plan": {"blocked": [{"action": action, "reason": reason, "message": "exceeded quota"}]}}
    seen = with_status(with_newcomers(_with_pod(), D, at_gate=False), told)
    assert done(changed(seen)) == ({f"delete Pod {C}"} if room else set())


def test_it_makes_no_room_while_another_newcomer_is_on_its_way() -> None:
    seen = with_newcomers(_no_room(_with_pod(), "Pod"), E, at_gate=False)
    assert waits(changed(seen)) == f"waiting for {D}, {E} to be ready in place of {C}: {GONE}"


def test_a_member_whose_node_is_away_makes_no_room_for_it_may_come_back() -> None:
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False))
    seen = with_record(seen, removing=Removal(C, Departure.NODE_LOST, "node node-3 is not ready"))
    for pod in (True, False):
        stuck = _no_room(seen if pod else without(seen, Kind.POD, C), "Pod")
        assert waits(changed(stuck)).startswith(f"waiting for {D}")


def test_a_member_whose_node_is_away_leaves_once_a_newcomer_stands_at_the_gate() -> None:
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False))
    seen = with_record(seen, removing=Removal(C, Departure.NODE_LOST, "node node-3 is not ready"))
    assert done(changed(with_newcomers(seen, D))) == {f"remove {C}"}


def _with_pod() -> Observation:
    return having(DEAD, a_pod(C, running=False))
