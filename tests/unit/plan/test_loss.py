"""What shows that a member is lost for good, and all that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Departure, Problem, Unknown
from etcd_operator.plan.loss import loss, node_is_back
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import initial_cluster
from tests.builders import (
    IDENTITY,
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_member,
    a_node,
    a_pod,
    a_spec,
    an_observation,
    deserting,
    having,
    listing,
    mute,
    on_nodes,
    saying,
    silent,
    with_data,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import situation

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from etcd_operator.observation import Node, Observation
    from etcd_operator.plan.loss import Loss

STABLE = an_observation(Stage.STABLE)
A, B, C, D = MEMBERS[:4]
DOWN = on_nodes(silent(STABLE, C))
"""C does not answer, and nothing says why."""

PERMITTED = initial_cluster(IDENTITY, MEMBERS[:3], a_spec().tls).encode()


def of(seen: Observation, member: str = C) -> Loss | None:
    """What shows that `member` is lost."""
    return loss(situation(seen), member)


def kept(seen: Observation, cause: Cause, message: str = "said so", *, running: bool = False) -> Observation:
    """C with this problem of its Pod."""
    problem = Problem(cause, message)
    return having(seen, replace(a_pod(C, running=running, problem=problem), node=seen.pods[C].node))


def away(since: datetime | None, *, exists: bool = True) -> Node:
    """The node of C, not ready since."""
    return a_node("node-3", exists=exists, ready=False, since=since)


def deserted(node: Node) -> Observation:
    """The Pod of C was deleted by force, and `node` is the one that it ran on; its volume is on the network."""
    return deserting(having(DOWN, a_claim(C), node), C)


POSITIVE: dict[str, tuple[Observation, str]] = {
    "its claim is gone": (without(DOWN, Kind.CLAIM, C), f"the claim of {C} is gone, and with it its data"),
    "its claim and its Pod are gone": (
        without(without(DOWN, Kind.CLAIM, C), Kind.POD, C),
        f"the claim of {C} is gone, and with it its data",
    ),
    "the volume of its claim is gone": (
        having(DOWN, a_claim(C, lost=True)),
        f"Kubernetes says that the volume of claim {C} is gone",
    ),
    "its volume is empty": (kept(DOWN, Cause.DATA_LOST, "the volume is empty"), "the volume is empty"),
    "its data is damaged": (kept(DOWN, Cause.DATA_DAMAGED, "the WAL is torn"), "the WAL is torn"),
    "its volume has the data of another member": (
        saying(STABLE, C, member_id=0xB0B),
        f"the volume of {C} has the data of member b0b",
    ),
}


@pytest.mark.parametrize(("seen", "words"), POSITIVE.values(), ids=POSITIVE)
def test_a_member_is_lost_at_once_when(seen: Observation, words: str) -> None:
    found = of(seen)
    assert found is not None
    assert (found.cause, found.reason) == (Departure.DATA_LOST, words)
    assert found.due(seen.at)


NO_EVIDENCE: dict[str, Observation] = {
    "it answers": STABLE,
    "it is silent": DOWN,
    "it has no Pod": without(DOWN, Kind.POD, C),
    "it was killed for its memory": kept(DOWN, Cause.CRASHING, "etcd exited with 137: OOMKilled"),
    "its disk is full": kept(DOWN, Cause.CRASHING, "etcd exited with 1: no space left on device"),
    "it crashes": kept(DOWN, Cause.CRASHING, running=True),
    "its image cannot be pulled": kept(DOWN, Cause.IMAGE),
    "no node takes it": kept(DOWN, Cause.UNSCHEDULABLE),
    "its volume is not mounted": kept(DOWN, Cause.STORAGE),
    "its Secret is missing": kept(DOWN, Cause.CONTAINER_CONFIG),
    "it was evicted": kept(DOWN, Cause.NODE),
    "it did not start on its volume": kept(DOWN, Cause.START_REFUSED),
    "its claim waits for a volume": having(DOWN, a_claim(C, problem=Problem(Cause.STORAGE, "no space"))),
    "its claim is being deleted": having(DOWN, a_claim(C, deleting=True)),
    "its node is cordoned": having(DOWN, a_node("node-3", cordoned=True)),
    "its node is not known": replace(DOWN, nodes={}),
    "nodes may not be read": replace(DOWN, nodes=Unknown("forbidden")),
    "its node is gone and it has found another": replace(
        DOWN,
        nodes={"node-3": away(None, exists=False), "node-9": a_node("node-9")},
        pods={**DOWN.pods, C: a_pod(C, node="node-9")},
    ),
    "it is on no node, and its volume on none": replace(
        having(DOWN, a_pod(C, running=False, node=None), a_claim(C)), nodes={}
    ),
}


@pytest.mark.parametrize("seen", NO_EVIDENCE.values(), ids=NO_EVIDENCE)
def test_a_member_is_not_lost_however_long_because(seen: Observation) -> None:
    assert of(replace(seen, at=NOW + timedelta(days=3))) is None


HEALTHY: dict[str, Observation] = {
    "its claim seems to be gone": without(STABLE, Kind.CLAIM, C),
    "its Pod tells of lost data": kept(on_nodes(STABLE), Cause.DATA_LOST),
    "its node is away": on_nodes(STABLE, node_3=away(NOW - timedelta(days=1))),
}


@pytest.mark.parametrize("seen", HEALTHY.values(), ids=HEALTHY)
def test_a_member_that_answers_is_not_lost_although(seen: Observation) -> None:
    assert of(seen) is None
    assert of(silent(seen, C)) is not None
    assert of(mute(seen, C)) is None


def test_a_member_that_etcd_does_not_list_is_not_taken_for_another() -> None:
    assert of(listing(saying(STABLE, C, member_id=0xB0B), a_member(A), a_member(B))) is None


def test_who_has_not_said_who_it_is_is_not_taken_for_another() -> None:
    assert of(DOWN) is None


@pytest.mark.parametrize("stage", [Stage.FOUNDED, Stage.STARTED])
def test_before_the_formation_no_data_can_be_lost(stage: Stage) -> None:
    assert of(without(an_observation(stage), Kind.CLAIM, C)) is None


def test_a_first_member_that_is_late_has_no_data_to_lose() -> None:
    late = listing(DOWN, a_member(A), a_member(B), a_member(C, started=False))
    late = having(late, with_data(late.secrets[C], {"initial-cluster": PERMITTED}))
    assert of(without(late, Kind.CLAIM, C)) is None
    assert of(kept(late, Cause.DATA_LOST)) is None


def test_a_newcomer_that_etcd_does_not_list_has_no_data_to_lose() -> None:
    assert of(without(with_newcomers(STABLE, D), Kind.CLAIM, D), D) is None


def test_a_newcomer_that_has_started_can_lose_its_data_like_any_member() -> None:
    seen = listing(with_newcomers(STABLE, D), *(a_member(name) for name in (A, B, C)), a_member(D, learner=True))
    assert of(without(seen, Kind.CLAIM, D), D) is not None


AFTER = timedelta(minutes=5)


def test_a_member_of_a_node_that_is_away_may_be_replaced_after_the_time_that_was_asked_for() -> None:
    since = NOW - timedelta(minutes=2)
    found = of(on_nodes(DOWN, node_3=away(since)))
    assert found is not None
    assert (found.cause, found.replaceable) == (Departure.NODE_LOST, since + AFTER)
    assert found.reason == "node node-3 is not ready since 11:58:00 UTC"
    assert not found.due(since + AFTER - timedelta(seconds=1))
    assert found.due(since + AFTER)


def test_the_user_says_how_long_a_node_may_be_away() -> None:
    seen = with_spec(on_nodes(DOWN, node_3=away(NOW)), recovery={"replaceAfter": "1h30m"})
    found = of(seen)
    assert found is not None
    assert found.replaceable == NOW + timedelta(minutes=90)


def test_a_reboot_starts_the_time_anew() -> None:
    first = of(on_nodes(DOWN, node_3=away(NOW - timedelta(minutes=4))))
    assert of(DOWN) is None
    second = of(on_nodes(DOWN, node_3=away(NOW - timedelta(minutes=1))))
    assert first is not None
    assert second is not None
    assert second.replaceable - first.replaceable == timedelta(minutes=3)


def test_a_node_that_never_said_since_when_it_is_away_is_waited_for() -> None:
    seen = having(DOWN, replace(away(NOW), since=None))
    assert of(seen) is None


def test_a_node_that_is_gone_is_away_since_its_members_pod_finds_none() -> None:
    found = of(pending(NOW - timedelta(minutes=1), away(None, exists=False)))
    assert found is not None
    assert found.reason == "node node-3 is gone since 11:59:00 UTC"
    assert found.replaceable == NOW + timedelta(minutes=4)


@pytest.mark.parametrize("pod", [True, False])
def test_a_node_that_is_gone_is_waited_for_until_its_members_pod_finds_none(*, pod: bool) -> None:
    seen = on_nodes(DOWN, node_3=away(None, exists=False))
    assert of(seen if pod else without(seen, Kind.POD, C)) is None


def pending(since: datetime | None, node: Node) -> Observation:
    """C has a Pod that no node takes since, and a volume that was made for `node`."""
    pod = replace(a_pod(C, running=False, node=None), pending_since=since)
    return having(on_nodes(DOWN, node_3=node), pod, a_claim(C, node="node-3"))


@pytest.mark.parametrize(("node", "pod"), [(3, 1), (1, 3)])
def test_a_pod_that_no_node_takes_is_waited_for_since_its_volumes_node_is_away_as_well(node: int, pod: int) -> None:
    found = of(pending(NOW - timedelta(minutes=pod), away(NOW - timedelta(minutes=node))))
    assert found is not None
    assert found.cause is Departure.NODE_LOST
    assert found.replaceable == NOW + timedelta(minutes=4)


def test_a_pod_that_no_node_takes_is_waited_for_while_its_volumes_node_is_there() -> None:
    assert of(pending(NOW - timedelta(days=1), a_node("node-3"))) is None


def test_a_pod_that_nobody_has_looked_at_yet_is_waited_for() -> None:
    assert of(pending(None, away(NOW - timedelta(days=1)))) is None


def test_without_a_pod_something_else_may_be_the_cause() -> None:
    assert of(without(on_nodes(DOWN, node_3=away(NOW - timedelta(days=1))), Kind.POD, C)) is None


def test_a_member_whose_pod_was_deleted_by_force_is_waited_for_as_long_as_its_node() -> None:
    since = NOW - timedelta(minutes=2)
    found = of(deserted(away(since)))
    assert found is not None
    assert (found.cause, found.replaceable) == (Departure.NODE_LOST, since + AFTER)


@pytest.mark.parametrize(
    "seen",
    [
        lambda: deserted(away(None, exists=False)),
        lambda: deserted(a_node("node-3")),
        lambda: replace(deserted(away(NOW)), nodes={}),
        lambda: replace(deserted(away(NOW)), nodes=Unknown("forbidden")),
    ],
    ids=["gone", "ready", "not known", "may not be read"],
)
def test_a_member_without_a_pod_is_not_waited_for_because_of_a_node_that_is(seen: Callable[[], Observation]) -> None:
    assert of(replace(seen(), at=NOW + timedelta(days=3))) is None


@pytest.mark.parametrize(
    ("seen", "back"),
    [
        (DOWN, True),
        (on_nodes(DOWN, node_3=away(NOW)), False),
        (replace(DOWN, nodes={}), False),
        (replace(DOWN, nodes=Unknown("forbidden")), False),
        (without(DOWN, Kind.POD, C), True),
        (without(on_nodes(DOWN, node_3=away(NOW)), Kind.POD, C), False),
        (without(without(DOWN, Kind.POD, C), Kind.CLAIM, C), False),
    ],
    ids=["ready", "away", "not known", "may not be read", "by its claim", "away by its claim", "nobody says which"],
)
def test_whether_a_members_node_is_certainly_back(seen: Observation, *, back: bool) -> None:
    assert node_is_back(situation(seen), C) is back


def test_data_that_is_lost_is_told_before_a_node_that_is_away() -> None:
    found = of(without(on_nodes(DOWN, node_3=away(NOW)), Kind.CLAIM, C))
    assert found is not None
    assert found.cause is Departure.DATA_LOST


def test_a_newcomer_on_a_lost_node_is_lost_as_well() -> None:
    seen = on_nodes(with_newcomers(STABLE, D), node_4=a_node("node-4", ready=False, since=NOW))
    found = of(with_record(seen, joining=(D,)), D)
    assert found is not None
    assert found.cause is Departure.NODE_LOST


def test_a_newcomer_whose_data_is_damaged_before_it_served_is_lost_once_the_cluster_has_formed() -> None:
    damaged = a_pod(C, running=False, problem=Problem(Cause.DATA_DAMAGED, "the WAL is torn"))
    late = listing(
        silent(an_observation(Stage.FORMED), C), *(a_member(name) for name in (A, B)), a_member(C, started=False)
    )
    assert of(having(late, damaged)) is not None
    assert of(having(silent(an_observation(Stage.STARTED)), damaged)) is None
