"""With `replicas: 0` all members stop, all that they have is kept, and they come back as who they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.cluster import OnDelete
from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Departure, Leaver, Removal
from etcd_operator.plan.hibernation import hibernate
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_node,
    a_pod,
    an_observation,
    having,
    losing,
    on_nodes,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import decide, done, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

A, B, C, D = MEMBERS[:4]
STABLE = an_observation(Stage.STABLE)
ALL = (A, B, C)


def asleep(seen: Observation) -> Observation:
    """The same moment, with no members asked for."""
    return with_spec(seen, replicas=0)


def stopped(seen: Observation) -> Observation:
    """The same moment, after all Pods have ended."""
    for name in seen.pods:
        seen = without(seen, Kind.POD, name)
    return silent(seen)


def test_where_members_are_asked_for_nobody_hibernates() -> None:
    assert hibernate(situation(STABLE)) is None


BUSY = {
    "all is well": STABLE,
    "members join": with_newcomers(STABLE, D, at_gate=False),
    "a learner catches up": with_learner(with_newcomers(STABLE, D), D),
    "a member leaves": with_record(STABLE, removing=Removal(C, Departure.SCALE_IN, "chosen")),
    "a member is lost": losing(STABLE, C),
    "another version is asked for": with_spec(STABLE, version="3.7.3"),
    "a setting has changed": with_spec(STABLE, resources={"requests": {"cpu": "1"}}),
    "nobody answers": silent(STABLE),
    "the cluster is forming": an_observation(Stage.STARTED),
}


@pytest.mark.parametrize("seen", BUSY.values(), ids=BUSY)
def test_every_pod_stops_and_nothing_else_is_done_when(seen: Observation) -> None:
    plan = decide(asleep(seen))
    assert done(plan) == {f"delete Pod {name}" for name in seen.pods}
    assert (plan.action, plan.record) == ("Hibernate", seen.cluster.record)


def test_that_the_cluster_has_formed_is_recorded_before() -> None:
    plan = decide(asleep(an_observation(Stage.AGREED)))
    assert (plan.action, plan.steps) == ("RecordFormation", ())
    assert plan.record.formed


def test_the_last_one_is_waited_for() -> None:
    seen = having(stopped(asleep(STABLE)), a_pod(B, deleting=True))
    assert decide(seen).reason == f"waiting for {B} to stop"
    assert decide(seen).steps == ()


@pytest.mark.parametrize("seen", BUSY.values(), ids=BUSY)
def test_then_nothing_is_done_or_blocked_or_forgotten_when(seen: Observation) -> None:
    plan = decide(stopped(asleep(seen)))
    claims_gone = {C} - set(seen.claims)
    assert (plan.action, plan.steps, plan.record) == ("Hibernated", (), seen.cluster.record)
    assert {block.action for block in plan.blocked} == {f"start {name}" for name in claims_gone}


def test_what_becomes_of_the_claims_still_follows_the_spec() -> None:
    seen = stopped(asleep(STABLE))
    seen = with_spec(seen, storage={"onDelete": OnDelete.DELETE}, replicas=0)
    plan = decide(seen)
    assert done(plan) == {f"patch PersistentVolumeClaim {name}" for name in ALL}


def test_what_others_left_is_taken_away_later() -> None:
    left = with_record(stopped(asleep(STABLE)), left=(Leaver(D, keep_claim=False),))
    assert decide(left).steps == ()


@pytest.mark.parametrize("seen", [STABLE, silent(STABLE)], ids=["serves", "is silent"])
def test_nobody_is_stopped_while_a_pod_is_all_that_keeps_the_data_of_a_member_that(seen: Observation) -> None:
    plan = decide(having(asleep(seen), a_claim(B, deleting=True)))
    assert (plan.action, plan.steps) == ("Blocked", ())
    assert plan.blocked[0].reason == BlockReason.DATA_LOST
    assert f"the claim of {B} is being deleted, and its data goes when the Pod ends" in plan.reason


def test_a_claim_that_is_being_deleted_keeps_nobody_awake_who_stops_anyway() -> None:
    seen = having(asleep(STABLE), a_claim(B, deleting=True), a_pod(B, deleting=True))
    assert done(decide(seen)) == {f"delete Pod {name}" for name in (A, C)}


def test_a_pod_on_a_node_that_is_away_cannot_end_and_that_is_told() -> None:
    away = a_node("node-2", ready=False, since=NOW)
    seen = having(stopped(asleep(on_nodes(STABLE))), a_pod(B, deleting=True, node="node-2"), away)
    (block,) = decide(seen).blocked
    assert (block.action, block.reason) == (f"stop {B}", BlockReason.NODE)
    assert block.message == "its Pod cannot end: node node-2 is not ready since 12:00:00 UTC"


def test_what_becomes_of_the_claims_follows_the_spec_while_a_pod_cannot_end() -> None:
    seen = having(stopped(STABLE), a_pod(B, deleting=True))
    plan = decide(with_spec(seen, storage={"onDelete": OnDelete.DELETE}, replicas=0))
    assert done(plan) == {f"patch PersistentVolumeClaim {name}" for name in ALL}


def test_before_anything_is_named_nothing_is_made() -> None:
    plan = decide(asleep(an_observation(Stage.EMPTY)))
    assert (plan.action, plan.steps, plan.record.members) == ("Hibernated", (), ())


def test_members_come_back_on_the_data_that_they_have() -> None:
    seen = stopped(STABLE)
    plan = decide(seen)
    assert {name for name in done(plan) if name.startswith("create Pod")} == {f"create Pod {name}" for name in ALL}
    assert plan.record == seen.cluster.record


def test_with_another_number_they_come_back_first() -> None:
    for replicas in (1, 5):
        plan = decide(with_spec(stopped(STABLE), replicas=replicas))
        assert {f"create Pod {name}" for name in ALL} <= done(plan)
        assert plan.record == STABLE.cluster.record


def test_a_cluster_that_is_paused_is_not_stopped() -> None:
    plan = decide(with_spec(STABLE, replicas=0, paused=True))
    assert (plan.action, plan.steps) == ("Paused", ())
