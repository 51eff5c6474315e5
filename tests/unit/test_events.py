"""What `kubectl describe` is told: each thing once, and nothing that Kubernetes would not take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.events import Note, Recorder, notes
from etcd_operator.kube.errors import Refused, Unreachable
from etcd_operator.observation import Record
from etcd_operator.plan.model import Blocked, CreateAuthority, Plan
from etcd_operator.resources.kinds import Kind
from tests.builders import Stage, an_observation, with_spec, with_status
from tests.unit.fakes import FakeKube
from tests.unit.status.write import status_of

SEEN = an_observation(Stage.STABLE)
CLUSTER = SEEN.cluster
STEP = CreateAuthority("orders-peer-ca", "orders-peer-ca", {}, "missing")
WORK = Plan("RunMembers", "orders-bbbbb has no Pod", CLUSTER.record, steps=(STEP,))
IDLE = Plan("Stable", "everything is as specified", CLUSTER.record)
BLOCK = Blocked("start orders-bbbbb", BlockReason.IMAGE, "not found")


def test_work_is_told_with_its_reason() -> None:
    assert notes(CLUSTER, WORK, ()) == [Note("Normal", "RunMembers", "RunMembers", "orders-bbbbb has no Pod")]


def test_a_decision_that_only_changes_the_record_is_told_too() -> None:
    plan = replace(IDLE, action="NameMembers", record=Record(members=("orders-zzzzz",)))
    assert [note.reason for note in notes(CLUSTER, plan, ())] == ["NameMembers"]


def test_waiting_is_not_told() -> None:
    assert notes(CLUSTER, IDLE, ()) == []


def test_what_the_status_has_told_already_is_not_told_again() -> None:
    plan = replace(WORK, blocked=(BLOCK,))
    assert notes(CLUSTER, plan, (BLOCK,)) != []
    told = with_status(SEEN, status_of(SEEN, plan)).cluster
    assert notes(told, plan, (BLOCK,)) == []


def test_a_block_is_a_warning_and_is_told_once_however_its_words_change() -> None:
    assert [(note.type, note.reason) for note in notes(CLUSTER, IDLE, (BLOCK,))] == [("Warning", "ImageUnavailable")]
    told = with_status(SEEN, status_of(SEEN, replace(IDLE, blocked=(BLOCK,)))).cluster
    assert notes(told, IDLE, (replace(BLOCK, message="not found, back-off 40s"),)) == []


def test_another_reason_for_the_same_action_is_told() -> None:
    told = with_status(SEEN, status_of(SEEN, replace(IDLE, blocked=(BLOCK,)))).cluster
    assert len(notes(told, IDLE, (replace(BLOCK, reason=BlockReason.CRASHING),))) == 1


def test_a_spec_that_is_likely_to_make_trouble_is_warned_of_once() -> None:
    tight = with_spec(SEEN, resources={"limits": {"memory": "1Gi"}}, etcd={"quota": "2Gi"})
    (note,) = notes(tight.cluster, IDLE, ())
    assert (note.type, note.reason) == ("Warning", "MemoryLimit")
    assert note.text.startswith("the memory limit of 1Gi is below etcd's quota of 2Gi")
    told = with_status(tight, status_of(tight)).cluster
    assert notes(told, IDLE, ()) == []


async def test_an_event_names_the_cluster_it_is_about_and_who_wrote_it() -> None:
    kube = FakeKube()
    await Recorder(kube, "replica-1").write(CLUSTER, Note("Warning", "DataLost", "Blocked", "claim is gone"))
    (body,) = (body for (kind, _, _), body in kube.objects.items() if kind is Kind.EVENT)
    assert (body["regarding"]["kind"], body["regarding"]["uid"]) == ("EtcdCluster", CLUSTER.meta.uid)
    assert (body["type"], body["reason"], body["action"]) == ("Warning", "DataLost", "Blocked")
    assert (body["note"], body["reportingInstance"]) == ("claim is gone", "replica-1")
    assert body["metadata"]["namespace"] == "shop"


async def test_two_events_of_one_moment_have_names_of_their_own() -> None:
    kube = FakeKube()
    for _ in range(2):
        await Recorder(kube, "replica-1").write(CLUSTER, Note("Normal", "RunMembers", "RunMembers", "again"))
    assert len(kube.named(Kind.EVENT)) == 2


@pytest.mark.parametrize("letter", ["x", "é", "語"])
async def test_a_long_note_is_cut_to_what_kubernetes_takes(letter: str) -> None:
    kube = FakeKube()
    await Recorder(kube, "replica-1").write(CLUSTER, Note("Warning", "Crashing", "Blocked", letter * 2000))
    (body,) = (body for (kind, _, _), body in kube.objects.items() if kind is Kind.EVENT)
    assert 1000 < len(body["note"].encode()) <= 1024


@pytest.mark.parametrize("error", [Refused("forbidden", code=403), Unreachable("no answer")])
async def test_an_event_that_cannot_be_written_is_no_error(error: Refused | Unreachable) -> None:
    kube = FakeKube(faults={("create", "Event", None): error})
    await Recorder(kube, "replica-1").write(CLUSTER, Note("Normal", "RunMembers", "RunMembers", "again"))
    assert kube.named(Kind.EVENT) == set()
