"""A Pod that did not start on its volume makes way for one that looks at it, once, and says what it found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause, Problem, Suspect
from etcd_operator.plan.members import run, suspect
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import START_CHECK_CONTAINER
from tests.builders import MEMBERS, Stage, a_pod, an_observation, having, silent, with_newcomers, with_record, without
from tests.unit.plan.decide import body_of, decide, done, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation, Record

STABLE = an_observation(Stage.STABLE)
A, B, C, D = MEMBERS[:4]
REFUSED = Problem(Cause.START_REFUSED, "the volume has not what starts etcd")
STUCK = having(silent(STABLE, C), a_pod(C, running=False, problem=REFUSED))
UID = STUCK.pods[C].meta.uid
FIRST = having(an_observation(Stage.STARTED), a_pod(C, running=False, problem=REFUSED))
SUSPECTED = with_record(STUCK, suspects=(Suspect(C, UID),))


def recorded(seen: Observation) -> Record:
    """The record as it is to be."""
    plan = suspect(situation(seen))
    return seen.cluster.record if plan is None else plan.record


def looks(seen: Observation) -> bool:
    """Whether the next Pod of C looks at the volume."""
    plan = run(situation(seen))
    assert plan is not None
    checks = body_of(plan, "Pod", C)["spec"]["initContainers"]
    return START_CHECK_CONTAINER in {check["name"] for check in checks}


def test_who_did_not_start_on_its_volume_is_recorded_before_anything_is_done_about_it() -> None:
    plan = suspect(situation(STUCK))
    assert plan is not None
    assert plan.record.suspects == (Suspect(C, UID),)
    assert (plan.steps, plan.wake_after) == ((), 0)
    assert plan.reason == f"{C} did not start on its volume, which the next Pod looks at"


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.START_REFUSED])
def test_no_other_trouble_makes_a_volume_suspect(cause: Cause) -> None:
    assert suspect(situation(having(STABLE, a_pod(C, running=False, problem=Problem(cause, "said so"))))) is None


def test_nobody_is_suspected_who_has_no_trouble_or_no_pod() -> None:
    assert suspect(situation(STABLE)) is None
    assert suspect(situation(without(STUCK, Kind.POD, C))) is None


def test_before_the_formation_a_suspicion_ends_when_etcd_runs() -> None:
    seen = with_record(FIRST, suspects=(Suspect(C, UID),))
    assert suspect(situation(seen)) is None
    assert recorded(having(seen, a_pod(C))).suspects == ()


def test_a_newcomer_can_be_suspected_like_any_member() -> None:
    seen = having(with_newcomers(STABLE, D), a_pod(D, running=False, problem=REFUSED))
    assert recorded(seen).suspects == (Suspect(D, seen.pods[D].meta.uid),)


def test_a_suspicion_stands_until_the_member_serves_whichever_pod_it_has() -> None:
    another = a_pod(C, running=False, problem=REFUSED)
    another = replace(another, meta=replace(another.meta, uid="another"))
    assert recorded(having(SUSPECTED, another)).suspects == (Suspect(C, UID),)
    assert recorded(without(SUSPECTED, Kind.POD, C)).suspects == (Suspect(C, UID),)
    assert recorded(silent(SUSPECTED)).suspects == (Suspect(C, UID),)


def test_a_suspicion_ends_when_the_member_serves() -> None:
    plan = suspect(situation(with_record(STABLE, suspects=(Suspect(C, UID),))))
    assert plan is not None
    assert plan.record.suspects == ()


def test_a_suspicion_ends_when_the_member_has_left() -> None:
    assert recorded(with_record(SUSPECTED, members=(A, B))).suspects == ()


def test_the_very_pod_that_did_not_start_makes_way() -> None:
    plan = run(situation(SUSPECTED))
    assert plan is not None
    assert done(plan) == {f"delete Pod {C}"}
    assert run(situation(STUCK)) is None


def test_the_next_pod_stays_whatever_it_finds() -> None:
    another = a_pod(C, running=False, problem=REFUSED)
    another = replace(another, meta=replace(another.meta, uid="another"), looks=True)
    assert run(situation(having(SUSPECTED, another))) is None


def test_a_pod_that_came_late_and_does_not_look_makes_way_as_well() -> None:
    another = a_pod(C, running=False, problem=REFUSED)
    another = replace(another, meta=replace(another.meta, uid="another"))
    plan = run(situation(having(SUSPECTED, another)))
    assert plan is not None
    assert done(plan) == {f"delete Pod {C}"}


@pytest.mark.parametrize("suspected", [True, False])
def test_only_the_next_pod_of_a_suspect_looks_at_the_volume(*, suspected: bool) -> None:
    assert looks(without(SUSPECTED if suspected else STUCK, Kind.POD, C)) is suspected


def test_before_the_formation_a_pod_that_did_not_start_is_replaced_once_and_no_more() -> None:
    assert recorded(FIRST).suspects == (Suspect(C, UID),)
    seen = with_record(FIRST, suspects=(Suspect(C, UID),))
    plan = decide(seen)
    assert done(plan) == {f"delete Pod {C}"}
    another = a_pod(C, running=False, problem=REFUSED)
    another = replace(another, meta=replace(another.meta, uid="another"), first_start=True, looks=True)
    plan = decide(having(seen, another))
    assert (plan.action, done(plan)) == ("FormCluster", set())
    assert [block.reason for block in plan.blocked] == [BlockReason.START_REFUSED]
