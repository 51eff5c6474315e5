"""Volumes are expanded where they can be, and members are replaced for theirs only where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause, Departure, Problem, Removal, Unknown
from etcd_operator.plan.intentions import intend
from etcd_operator.plan.model import Patch
from etcd_operator.plan.stopping import LONG_DISMISSAL
from etcd_operator.plan.volumes import grow
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_pod,
    an_observation,
    having,
    led_by,
    losing,
    silent,
    with_newcomers,
    with_record,
    with_spec,
)
from tests.unit.plan.decide import changed, decide, done, situation, waits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.observation import Observation

A, B, C, D, E = MEMBERS[:5]
STABLE = led_by(an_observation(Stage.STABLE), C)
LARGER: dict[str, Any] = {"storage": {"size": "16Gi"}}
REPLACING: dict[str, Any] = {"storage": {"size": "16Gi", "resize": "Replace"}}
OTHER_CLASS: dict[str, Any] = {"storage": {"className": "fast"}}
OTHER_CLASS_REPLACING: dict[str, Any] = {"storage": {"className": "fast", "resize": "Replace"}}
WAITING = Problem(Cause.UNSCHEDULABLE, "no node has so much room")
EXPANDS, FIXED = {"standard": True}, {"standard": False}


def asked(
    change: dict[str, Any], *, classes: Mapping[str, bool] | Unknown = FIXED, seen: Observation = STABLE
) -> Observation:
    """The stable cluster, of which other volumes are asked for."""
    return replace(with_spec(seen, **change), classes=classes)


def grown(seen: Observation, *members: str) -> Observation:
    """The same moment, after the volumes of `members` were expanded."""
    return having(seen, *(a_claim(member, size="16Gi") for member in members))


def test_as_long_as_every_volume_is_as_asked_for_nothing_is_done() -> None:
    assert grow(situation(STABLE)) is None
    assert grow(situation(grown(asked(LARGER), A, B, C))) is None
    assert intend(situation(grown(asked(REPLACING), A, B, C))) is None


def test_a_volume_that_is_too_small_is_expanded() -> None:
    plan = grow(situation(asked(LARGER, classes=EXPANDS)))
    assert plan is not None
    (step,) = plan.steps
    assert isinstance(step, Patch)
    assert (step.kind, step.name) == (Kind.CLAIM, A)
    assert step.patch == {"spec": {"resources": {"requests": {"storage": "16Gi"}}}}
    assert step.why == f"the volume of {A} is to have 16Gi in place of 8Gi"


def test_the_next_one_waits_until_it_has_grown_and_says_what_kubernetes_says() -> None:
    claim = replace(a_claim(A, size="16Gi", capacity="8Gi"), growth="waiting for the driver")
    plan = grow(situation(having(asked(LARGER, classes=EXPANDS), claim)))
    assert plan is not None
    assert waits(plan) == f"waiting for the volume of {A} to have 16Gi: waiting for the driver"
    after = grow(situation(grown(asked(LARGER, classes=EXPANDS), A)))
    assert after is not None
    assert done(after) == {f"patch PersistentVolumeClaim {B}"}


def test_one_that_does_not_grow_is_told() -> None:
    stuck = Problem(Cause.STORAGE, "VolumeResizeFailed: no room")
    claim = replace(a_claim(A, size="16Gi", capacity="8Gi"), problem=stuck)
    (block,) = decide(having(asked(LARGER, classes=EXPANDS), claim)).blocked
    assert (block.action, block.reason) == (f"expand {A}", BlockReason.STORAGE)
    assert block.message == f"claim {A}: VolumeResizeFailed: no room"


def test_one_that_need_not_grow_any_more_is_not_told_of() -> None:
    stuck = Problem(Cause.STORAGE, "VolumeResizeFailed: no room")
    claim = replace(a_claim(A, size="900Gi", capacity="8Gi"), problem=stuck)
    assert decide(having(asked({}), claim)).blocked == ()


def test_a_pod_is_not_made_anew_for_a_size_that_its_claim_does_not_ask_for() -> None:
    unbound = replace(a_claim(A), bound=False, capacity=None)
    assert situation(having(asked(LARGER), unbound)).outdated(a_pod(A)) == ()
    grown_claim = a_claim(A, size="16Gi")
    assert situation(having(asked(LARGER), grown_claim)).outdated(a_pod(A)) == ("etcd.quota",)


def test_no_volume_shrinks_and_none_of_those_that_wait_or_go_is_expanded() -> None:
    assert grow(situation(asked({"storage": {"size": "4Gi"}}, classes=EXPANDS))) is None
    assert grow(situation(asked(LARGER, classes=EXPANDS, seen=an_observation(Stage.STARTED)))) is None
    going = having(asked(LARGER, classes=EXPANDS), a_claim(A, deleting=True))
    plan = grow(situation(going))
    assert plan is not None
    assert done(plan) == {f"patch PersistentVolumeClaim {B}"}


UNFIT = {
    "too small": (
        LARGER,
        FIXED,
        "its volume has 8Gi, and 16Gi is asked for, which StorageClass standard cannot expand",
    ),
    "of a class that is gone": (LARGER, {}, "its volume has 8Gi, and 16Gi is asked for"),
    "of another class": (OTHER_CLASS, {}, "its volume is of StorageClass standard, and fast is asked for"),
}


@pytest.mark.parametrize(("change", "classes", "why"), UNFIT.values(), ids=UNFIT)
def test_without_being_asked_to_nobody_is_replaced_for_a_volume_that_is(
    change: dict[str, Any], classes: dict[str, bool], why: str
) -> None:
    plan = decide(asked(change, classes=classes))
    assert (plan.action, plan.steps, plan.record) == ("Blocked", (), STABLE.cluster.record)
    assert [(block.action, block.reason) for block in plan.blocked] == [
        (f"resize {name}", BlockReason.RESIZE) for name in (A, B, C)
    ]
    assert plan.blocked[0].message.startswith(f"{A} keeps its volume: {why}")
    assert "write storage.resize: Replace" in plan.blocked[0].message


def test_a_quota_that_waits_for_a_larger_volume_is_named_with_it() -> None:
    change = {**LARGER, "etcd": {"quota": "10Gi"}}
    plan = decide(asked(change, classes=FIXED))
    assert (plan.action, plan.steps) == ("Blocked", ())
    assert plan.blocked[0].message.startswith(f"{A} keeps its volume and its quota, for 10Gi has no room there: ")


def test_where_classes_may_not_be_read_the_api_server_is_asked_and_with_replace_it_is_not() -> None:
    unknown = Unknown("storageclasses is forbidden")
    expanding = grow(situation(asked(LARGER, classes=unknown)))
    assert expanding is not None
    assert done(expanding) == {f"patch PersistentVolumeClaim {A}"}
    assert grow(situation(asked(REPLACING, classes=unknown))) is None
    assert intend(situation(asked(REPLACING, classes=unknown))) is not None


def test_with_replace_what_can_be_expanded_is_expanded() -> None:
    seen = asked(REPLACING, classes=EXPANDS)
    assert intend(situation(seen)) is None
    assert grow(situation(seen)) is not None


@pytest.mark.parametrize("change", [REPLACING, OTHER_CLASS_REPLACING], ids=["too small", "of another class"])
def test_a_newcomer_with_another_volume_is_named_before_anybody_leaves(change: dict[str, Any]) -> None:
    plan = intend(situation(asked(change)))
    assert plan is not None
    assert (len(plan.record.joining), plan.record.removing, plan.record.members) == (1, None, (A, B, C))
    named = with_newcomers(asked(change), *plan.record.joining)
    assert intend(situation(named)) is None


def with_four(change: dict[str, Any]) -> Observation:
    """After the first newcomer, D, votes."""
    seen = asked(change, seen=led_by(an_observation(Stage.STABLE, members=4), C))
    return having(seen, a_claim(D, size="16Gi", class_name="fast"))


def test_when_it_votes_one_with_an_old_volume_leaves_and_the_next_newcomer_is_named() -> None:
    plan = intend(situation(with_four(REPLACING)))
    assert plan is not None
    leaving = plan.record.removing
    assert leaving is not None
    assert (leaving.member, leaving.cause) == (A, Departure.SCALE_IN)
    assert leaving.reason.startswith("its volume has 8Gi, and 16Gi is asked for")
    assert len(plan.record.joining) == 1


def test_the_proxies_have_time_to_learn_of_the_newcomer_before_it_stops() -> None:
    leaving = Removal(A, Departure.SCALE_IN, "its volume has 8Gi, and 16Gi is asked for")
    seen = with_record(with_four(REPLACING), removing=leaving)
    waiting = having(seen, replace(a_pod(A), dismissed=NOW - LONG_DISMISSAL / 2))
    assert waits(changed(waiting)) == f"waiting until clients of {A} go elsewhere"
    ready = having(seen, replace(a_pod(A), dismissed=NOW - LONG_DISMISSAL))
    assert done(changed(ready)) == {f"delete Pod {A}"}


def test_the_last_one_that_leaves_needs_no_other() -> None:
    seen = having(with_four(REPLACING), a_claim(B, size="16Gi"), a_claim(C, size="16Gi"))
    plan = intend(situation(seen))
    assert plan is not None
    assert plan.record.removing is not None
    assert (plan.record.removing.member, plan.record.joining) == (A, ())


def test_when_it_is_taken_back_the_members_are_as_many_as_asked_for_again() -> None:
    joining = with_newcomers(STABLE, D)
    plan = intend(situation(joining))
    assert plan is not None
    assert plan.record.joining == ()
    voting = intend(situation(with_spec(with_four(REPLACING), replicas=3)))
    assert voting is not None
    assert voting.record.removing is not None
    assert voting.record.removing.reason == "3 members are asked for, and there are 4"


def test_nobody_is_replaced_for_a_volume_while_a_lost_member_is() -> None:
    lost = Removal(C, Departure.DATA_LOST, "gone")
    seen = with_record(losing(asked(REPLACING), C), removing=lost)
    plan = intend(situation(seen))
    assert plan is not None
    assert len(plan.record.joining) == 1


def test_a_newcomer_that_waits_for_a_volume_of_former_days_is_given_up() -> None:
    five = with_spec(STABLE, replicas=5)
    seen = having(
        with_newcomers(five, D, E, at_gate=False),
        replace(a_claim(D, size="900Gi", problem=WAITING), bound=False),
        a_pod(D, running=False, problem=WAITING),
    )
    plan = intend(situation(seen))
    assert plan is not None
    assert D not in plan.record.joining
    assert (E in plan.record.joining, len(plan.record.joining)) == (True, 2)


def test_one_that_has_its_volume_is_not_given_up_for_what_else_keeps_it() -> None:
    image = Problem(Cause.IMAGE, "not found")
    seen = with_newcomers(with_spec(STABLE, replicas=5), D, E, at_gate=False)
    plan = intend(situation(having(seen, a_claim(D, size="900Gi"), a_pod(D, running=False, problem=image))))
    assert plan is None


@pytest.mark.parametrize("size", ["8Gi", "900Gi"])
def test_before_the_formation_members_that_wait_for_other_volumes_start_over(size: str) -> None:
    seen = an_observation(Stage.STARTED)
    stuck = replace(a_claim(A, size=size, problem=WAITING), bound=False, capacity=None)
    plan = decide(having(seen, stuck))
    assert (set(plan.record.members) == {A, B, C}) is (size == "8Gi")


def test_a_claim_that_was_just_made_otherwise_is_given_time() -> None:
    seen = an_observation(Stage.STARTED)
    fresh = replace(a_claim(A, size="900Gi"), bound=False, capacity=None)
    assert decide(having(seen, fresh)).record == seen.cluster.record


def test_a_voter_that_has_just_come_is_not_the_one_too_many_because_it_is_silent_for_a_moment() -> None:
    four = with_four(REPLACING)
    assert intend(situation(silent(four, D))) is None
    in_trouble = having(silent(four, D), a_pod(D, problem=Problem(Cause.CRASHING, "etcd exited with 1")))
    plan = intend(situation(in_trouble))
    assert plan is not None
    assert plan.record.removing is not None
    assert plan.record.removing.member == D


def test_one_too_many_for_another_reason_leaves_when_it_is_silent() -> None:
    plan = intend(situation(silent(with_spec(with_four(REPLACING), replicas=3), D)))
    assert plan is not None
    assert plan.record.removing is not None
    assert plan.record.removing.member == D


FULL = Problem(Cause.CRASHING, "etcd exited with 1: no space left on device")


def test_with_a_full_disk_a_member_makes_way_as_the_dead_do() -> None:
    seen = having(silent(asked(REPLACING), C), a_pod(C, problem=FULL))
    plan = intend(situation(seen))
    assert plan is not None
    leaving = plan.record.removing
    assert leaving is not None
    assert (leaving.member, leaving.cause, len(plan.record.joining)) == (C, Departure.VOLUME, 1)
    chosen = with_newcomers(with_record(seen, removing=leaving), D)
    assert intend(situation(chosen)) is None
    assert "remove" in " ".join(done(decide(chosen)))


@pytest.mark.parametrize(
    "seen",
    [
        having(silent(asked(LARGER), C), a_pod(C, problem=FULL)),
        silent(asked(REPLACING), C),
        having(silent(asked(REPLACING), B, C), a_pod(C, problem=FULL)),
        having(asked(REPLACING), a_pod(C, problem=FULL)),
    ],
    ids=["nobody asked for it", "it may come back", "no quorum would be left", "it serves all the same"],
)
def test_it_does_not_when(seen: Observation) -> None:
    plan = intend(situation(seen))
    assert plan is None or plan.record.removing is None


def test_when_it_runs_again_it_stays() -> None:
    leaving = Removal(C, Departure.VOLUME, "its volume has 8Gi, and 16Gi is asked for")
    plan = intend(situation(with_newcomers(with_record(asked(REPLACING), removing=leaving), D)))
    assert plan is not None
    assert plan.record.removing is None


def test_a_first_member_that_never_got_its_volume_makes_way_for_one_that_does() -> None:
    claim = replace(a_claim(C, size="900Gi", problem=WAITING), bound=False)
    seen = having(silent(STABLE, C), claim, a_pod(C, running=False, problem=WAITING))
    plan = intend(situation(seen))
    assert plan is not None
    assert plan.record.removing is not None
    assert plan.record.removing.reason == f"{C} waits for a volume that nobody asks for any more"


def test_a_claim_without_a_volume_is_not_asked_for_more() -> None:
    unbound = replace(a_claim(A, problem=WAITING), bound=False)
    plan = grow(situation(having(asked(LARGER, classes=EXPANDS), unbound)))
    assert plan is not None
    assert done(plan) == {f"patch PersistentVolumeClaim {B}"}


def test_a_volume_that_is_larger_than_its_claim_is_as_good_as_any() -> None:
    seen = having(asked(REPLACING), *(a_claim(name, capacity="100Gi") for name in (A, B, C)))
    assert intend(situation(seen)) is None
    assert grow(situation(seen)) is None


def test_a_volume_that_cannot_become_so_large_is_asked_for_less_and_nobody_waits_for_it() -> None:
    too_much = a_claim(A, size="900Gi", capacity="8Gi")
    back = grow(situation(having(asked(LARGER, classes=EXPANDS), too_much)))
    assert back is not None
    (step,) = back.steps
    assert isinstance(step, Patch)
    assert (step.name, step.patch["spec"]["resources"]["requests"]["storage"]) == (A, "16Gi")
    assert grow(situation(having(STABLE, too_much))) is None
