"""When nothing may be done, and what the status says then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause, Problem, Stranger
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    IDENTITY,
    MEMBERS,
    Stage,
    a_claim,
    a_pod,
    an_observation,
    deleting,
    having,
    listing,
    silent,
    with_record,
    with_spec,
    without,
)
from tests.builders import a_member as listed
from tests.unit.plan.decide import decide, done, reasons


@pytest.mark.parametrize("stage", list(Stage))
def test_nothing_is_done_to_a_cluster_that_is_being_deleted(stage: Stage) -> None:
    seen = an_observation(stage)
    seen = replace(seen, cluster=replace(seen.cluster, meta=deleting(seen.cluster.meta)))
    plan = decide(without(seen, Kind.POD))
    assert (plan.action, plan.steps, plan.record) == ("Deleting", (), seen.cluster.record)


@pytest.mark.parametrize("stage", list(Stage))
def test_nothing_is_done_to_a_cluster_that_is_paused_and_it_says_so(stage: Stage) -> None:
    seen = with_spec(an_observation(stage), paused=True)
    plan = decide(without(seen, Kind.POD))
    assert (plan.action, plan.steps, plan.record) == ("Paused", (), seen.cluster.record)
    assert BlockReason.PAUSED in reasons(plan)


@pytest.mark.parametrize("stage", [Stage.EMPTY, Stage.STARTED])
def test_nothing_is_begun_with_a_version_that_should_not_run(stage: Stage) -> None:
    seen = with_spec(an_observation(stage), version="3.6.8")
    plan = decide(seen)
    assert (plan.steps, plan.record, reasons(plan)) == ((), seen.cluster.record, [BlockReason.VERSION])
    assert "write 3.6.16" in plan.reason
    assert decide(with_spec(seen, version="3.6.8", allowUnsafeVersion=True)).record.version == "3.6.8"


def test_what_runs_already_runs_on_whatever_is_known_of_it() -> None:
    seen = with_record(with_spec(an_observation(Stage.STARTED), version="3.6.8"), version="3.6.8")
    assert BlockReason.VERSION not in reasons(decide(seen))


FIXED = [
    ("Service", "orders"),
    ("PodDisruptionBudget", "orders"),
    ("Secret", IDENTITY.client_secret),
    ("Secret", IDENTITY.operator_secret),
    ("Secret", IDENTITY.peer_ca_secret),
    ("Secret", IDENTITY.client_ca_secret),
]


@pytest.mark.parametrize(("kind", "name"), FIXED)
@pytest.mark.parametrize("stage", [Stage.EMPTY, Stage.NAMED])
def test_an_object_of_an_earlier_cluster_is_waited_for_and_never_touched(stage: Stage, kind: str, name: str) -> None:
    plan = decide(having(an_observation(stage), Stranger(kind, name, "an-earlier-uid")))
    assert plan.steps == ()
    assert plan.record == an_observation(stage).cluster.record
    assert reasons(plan) == [BlockReason.EARLIER_CLUSTER]
    assert f"{kind} {name} is of an earlier cluster" in plan.blocked[0].message
    assert "an-earlier-uid" in plan.blocked[0].message


@pytest.mark.parametrize("uid", ["", IDENTITY.uid])
def test_an_object_that_only_looks_like_ours_is_never_touched(uid: str) -> None:
    plan = decide(having(an_observation(Stage.NAMED), Stranger("Service", "orders", uid)))
    assert plan.steps == ()
    assert reasons(plan) == [BlockReason.FOREIGN_OBJECT]


@pytest.mark.parametrize("kind", ["Pod", "PersistentVolumeClaim", "Service", "Secret"])
def test_a_stranger_with_the_name_of_a_member_is_in_the_way(kind: str) -> None:
    plan = decide(having(an_observation(Stage.NAMED), Stranger(kind, MEMBERS[1], "an-earlier-uid")))
    assert plan.steps == ()


@pytest.mark.parametrize(
    "stranger",
    [
        Stranger("PersistentVolumeClaim", "orders-zzzzz", "an-earlier-uid"),
        Stranger("Pod", "orders-zzzzz", "an-earlier-uid"),
        Stranger("Secret", "orders", ""),
    ],
    ids=str,
)
def test_a_stranger_whose_name_the_cluster_does_not_need_is_left_alone(stranger: Stranger) -> None:
    plan = decide(having(an_observation(Stage.NAMED), stranger))
    assert done(plan) == done(decide(an_observation(Stage.NAMED)))


@pytest.mark.parametrize("kind", [Kind.CLAIM, Kind.SECRET, Kind.POD])
@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.STABLE])
def test_a_lost_record_is_never_replaced_while_objects_of_the_cluster_are_there(stage: Stage, kind: Kind) -> None:
    seen = an_observation(stage)
    for other in {Kind.CLAIM, Kind.SECRET, Kind.POD} - {kind}:
        seen = without(seen, other)
    plan = decide(with_record(seen, members=(), cluster_id=None))
    assert plan.steps == ()
    assert plan.record.members == ()
    assert BlockReason.RECORD_LOST in reasons(plan)


@pytest.mark.parametrize("proof", [Kind.SECRET, Kind.POD])
def test_a_record_that_lost_its_cluster_id_is_not_taken_for_a_cluster_that_never_formed(proof: Kind) -> None:
    seen = silent(an_observation(Stage.STABLE))
    other = {Kind.SECRET: Kind.POD, Kind.POD: Kind.SECRET}[proof]
    plan = decide(with_record(without(seen, other), cluster_id=None))
    assert plan.steps == ()
    assert BlockReason.RECORD_LOST in reasons(plan)


def test_a_half_restored_record_deletes_nothing() -> None:
    seen = with_record(silent(an_observation(Stage.STABLE)), members=(*MEMBERS[:2], MEMBERS[5]), cluster_id=None)
    assert decide(seen).steps == ()


CAUSES = [
    (Cause.UNSCHEDULABLE, BlockReason.UNSCHEDULABLE),
    (Cause.IMAGE, BlockReason.IMAGE),
    (Cause.DATA_LOST, BlockReason.DATA_LOST),
    (Cause.DATA_DAMAGED, BlockReason.DATA_DAMAGED),
    (Cause.START_REFUSED, BlockReason.START_REFUSED),
    (Cause.CRASHING, BlockReason.CRASHING),
    (Cause.CONTAINER_CONFIG, BlockReason.CONTAINER_CONFIG),
    (Cause.STORAGE, BlockReason.STORAGE),
    (Cause.NODE, BlockReason.NODE),
]


@pytest.mark.parametrize(("cause", "reason"), CAUSES)
@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.STABLE])
def test_what_keeps_a_member_from_starting_is_said_in_kubernetes_own_words(
    stage: Stage, cause: Cause, reason: BlockReason
) -> None:
    problem = Problem(cause, "0/3 nodes are available: 3 Insufficient memory.")
    plan = decide(having(an_observation(stage), a_pod(MEMBERS[1], running=False, problem=problem)))
    assert [(block.reason, block.action) for block in plan.blocked] == [(reason, f"start {MEMBERS[1]}")]
    assert "0/3 nodes are available: 3 Insufficient memory." in plan.blocked[0].message


def test_every_cause_has_a_reason_that_a_runbook_explains() -> None:
    assert {cause for cause, _ in CAUSES} == set(Cause)


def test_a_claim_that_finds_no_volume_is_reported_with_its_name() -> None:
    problem = Problem(Cause.STORAGE, 'ProvisioningFailed: storageclass "fast" not found')
    plan = decide(having(an_observation(Stage.STARTED), a_claim(MEMBERS[0], problem=problem)))
    assert reasons(plan) == [BlockReason.STORAGE]
    assert plan.blocked[0].message == f'claim {MEMBERS[0]}: ProvisioningFailed: storageclass "fast" not found'


def test_a_claim_that_is_gone_after_the_formation_is_lost_data_and_the_member_stays_out() -> None:
    plan = decide(without(an_observation(Stage.STABLE), Kind.CLAIM, MEMBERS[1]))
    assert reasons(plan) == [BlockReason.DATA_LOST]
    assert f"claim {MEMBERS[1]} is gone" in plan.blocked[0].message


def test_a_late_member_without_a_claim_has_lost_nothing() -> None:
    late = (listed(MEMBERS[0]), listed(MEMBERS[1]), listed(MEMBERS[2], started=False))
    seen = without(listing(an_observation(Stage.FORMED), *late), Kind.CLAIM, MEMBERS[2])
    assert BlockReason.DATA_LOST not in reasons(decide(seen))


def test_a_claim_that_is_being_deleted_is_told_before_its_data_is_gone() -> None:
    plan = decide(having(an_observation(Stage.STABLE), a_claim(MEMBERS[1], deleting=True)))
    assert reasons(plan) == [BlockReason.DATA_LOST]
    assert "is being deleted" in plan.blocked[0].message


def test_obstacles_are_told_beside_a_pause() -> None:
    seen = with_spec(without(an_observation(Stage.STABLE), Kind.CLAIM, MEMBERS[1]), paused=True)
    assert set(reasons(decide(seen))) == {BlockReason.PAUSED, BlockReason.DATA_LOST}
