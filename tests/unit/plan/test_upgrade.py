"""The version that is asked for is accepted when there is a safe way to it, and until then nobody runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause, Departure, Problem, Removal
from etcd_operator.plan.members import run
from etcd_operator.plan.model import Downgrade
from etcd_operator.plan.rollout import roll
from etcd_operator.plan.stopping import SOON
from etcd_operator.plan.upgrade import accept_version, prepare_data
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_member,
    a_pod,
    a_spec,
    an_observation,
    having,
    led_by,
    listing,
    mute,
    saying,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import body_of, decide, situation

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.observation import Observation

A, B, C, D = MEMBERS[:4]
STABLE = an_observation(Stage.STABLE)
LISTED = tuple(a_member(name) for name in (A, B, C))


def running(*versions: str, accepted: str, asked: str) -> Observation:
    """Three members that run these versions, where `accepted` was accepted and `asked` is asked for now."""
    seen = with_spec(with_record(STABLE, version=accepted), version=asked)
    for name, version in zip((A, B, C), versions, strict=True):
        seen = saying(seen, name, version=version)
    return seen


def accepted(seen: Observation) -> str | None:
    """The version on record after this pass."""
    plan = accept_version(situation(seen))
    return seen.cluster.record.version if plan is None else plan.record.version


def all_run(version: str, *, asked: str) -> Observation:
    """Three members of the same version, and another is asked for."""
    return running(version, version, version, accepted=version, asked=asked)


UP = all_run("3.5.35", asked="3.6.16")

TAKEN: dict[str, Observation] = {
    "a bad release, when the user wants it": with_spec(
        all_run("3.6.11", asked="3.6.8"), version="3.6.8", allowUnsafeVersion=True
    ),
    "back to a bad release that a member still runs": running(
        "3.6.16", "3.6.8", "3.6.16", accepted="3.6.16", asked="3.6.8"
    ),
    "a newer release": all_run("3.6.15", asked="3.6.16"),
    "an older release": all_run("3.6.16", asked="3.6.15"),
    "the next minor version": UP,
    "the next minor version from the first release that may": with_record(
        all_run("3.6.11", asked="3.7.3"), oldest_log="3.6.11"
    ),
    "a release, with a member down": silent(all_run("3.6.15", asked="3.6.16"), C),
    "back, while a member still runs the old one": running(
        "3.6.16", "3.6.16", "3.5.35", accepted="3.6.16", asked="3.5.35"
    ),
    "on, after a rollback was begun": running("3.6.16", "3.5.35", "3.5.35", accepted="3.5.35", asked="3.6.16"),
}


@pytest.mark.parametrize("seen", TAKEN.values(), ids=TAKEN)
def test_it_is_accepted_and_recorded_before_anything_is_done(seen: Observation) -> None:
    plan = accept_version(situation(seen))
    assert plan is not None
    assert plan.record.version == seen.cluster.spec.version
    assert (plan.steps, plan.wake_after) == ((), 0)


REFUSED: dict[str, tuple[Observation, str]] = {
    "two minor versions at once": (
        all_run("3.5.35", asked="3.7.3"),
        "etcd goes up one minor version at a time, and 3.5.35 runs: write 3.6.16 first, then 3.7.3",
    ),
    "from a release before the gate": (
        all_run("3.5.31", asked="3.6.16"),
        "before etcd 3.6 all members must run 3.5.32 or newer, and 3.5.31 runs: write 3.5.35 first",
    ),
    "while one member is before the gate": (
        running("3.6.16", "3.6.10", "3.6.16", accepted="3.6.16", asked="3.7.3"),
        "before etcd 3.7 all members must run 3.6.11 or newer, and 3.6.10 runs: write 3.6.16 first",
    ),
    "the next but one in the middle of an upgrade": (
        running("3.6.16", "3.5.35", "3.5.35", accepted="3.6.16", asked="3.7.3"),
        "etcd goes up one minor version at a time, and 3.5.35 runs: write 3.6.16 first, then 3.7.3",
    ),
    "to a release that is known to be bad": (
        all_run("3.6.11", asked="3.6.8"),
        (
            "with etcd 3.6.8 a member whose process stood still may answer with old data, mended in 3.6.9: write "
            "3.6.16, or spec.allowUnsafeVersion: true to run it all the same"
        ),
    ),
    "to a release that this operator does not know": (
        all_run("3.6.16", asked="3.6.17"),
        (
            "this operator knows nothing of etcd 3.6.17, and was tried with 3.6.16: write 3.6.16, or "
            "spec.allowUnsafeVersion: true to run it all the same"
        ),
    ),
    "down two minor versions at once": (
        all_run("3.7.3", asked="3.5.35"),
        "etcd goes down one minor version at a time, and 3.7.3 runs: write 3.6.16 first, then 3.5.35",
    ),
    "down with a member down": (
        silent(all_run("3.7.3", asked="3.6.16"), C),
        f"all members must serve before another minor version is begun: 2 of 3 voters healthy; waiting for {C}",
    ),
    "with a member that serves no clients yet": (
        mute(UP, C),
        f"all members must serve before another minor version is begun: 3 of 3 voters healthy; waiting for {C}",
    ),
    "with a member down": (
        silent(UP, C),
        f"all members must serve before another minor version is begun: 2 of 3 voters healthy; waiting for {C}",
    ),
    "with a member that is being drained": (
        having(UP, a_pod(B, spec=a_spec(version="3.5.35"), voter=True, deleting=True)),
        f"all members must serve before another minor version is begun: 3 of 3 voters healthy; waiting for {B}",
    ),
    "with an alarm": (
        saying(UP, B, errors=("memberID:1 alarm:NOSPACE ",)),
        "etcd reports memberID:1 alarm:NOSPACE: another minor version is begun when that is mended",
    ),
    "while a learner catches up": (
        saying(with_learner(with_newcomers(UP, D), D), D, version="3.5.35"),
        "the members are being changed: another minor version is begun when that is done",
    ),
    "while a newcomer is awaited": (
        with_newcomers(UP, D, at_gate=False),
        "the members are being changed: another minor version is begun when that is done",
    ),
    "while a member leaves": (
        with_record(UP, removing=Removal(C, Departure.SCALE_IN, "chosen")),
        "the members are being changed: another minor version is begun when that is done",
    ),
    "with a stranger in the list": (
        listing(UP, *LISTED, replace(a_member("guest", learner=True), peer_urls=("https://10.0.0.9:2380",))),
        "the members are being changed: another minor version is begun when that is done",
    ),
}


@pytest.mark.parametrize("seen", [seen for seen, _ in REFUSED.values()], ids=REFUSED)
def test_it_is_not_accepted_and_the_members_run_on(seen: Observation) -> None:
    assert accept_version(situation(seen)) is None
    assert situation(seen).spec.version == seen.cluster.record.version


@pytest.mark.parametrize(("seen", "words"), list(REFUSED.values())[:12], ids=list(REFUSED)[:12])
def test_the_status_says_why_and_what_to_write(seen: Observation, words: str) -> None:
    told = [block for block in decide(seen).blocked if block.reason is BlockReason.VERSION]
    assert [block.action for block in told] == [f"run etcd {seen.cluster.spec.version}"]
    assert [block.message for block in told] == [f"etcd {seen.cluster.record.version} stays: {words}"]


def prepared(seen: Observation, *members: str) -> Observation:
    """The same moment, while members write snapshots; these have Pods that do."""
    seen = with_record(seen, snapshots=True)
    made = situation(seen).spec
    return having(seen, *(a_pod(member, spec=made, voter=True) for member in members))


ON = all_run("3.6.16", asked="3.7.3")
OLD = with_record(ON, oldest_log="3.5.35")


@pytest.mark.parametrize("oldest", ["3.5.35", None], ids=["which 3.5 wrote", "of which nobody knows who wrote them"])
def test_before_3_7_each_member_writes_a_snapshot_of_entries(oldest: str | None) -> None:
    plan = accept_version(situation(with_record(ON, oldest_log=oldest)))
    assert plan is not None
    assert (plan.action, plan.record.version, plan.record.snapshots) == ("PrepareVersion", "3.6.16", True)
    assert plan.reason == "each member writes a snapshot with etcd 3.6.16: etcd 3.7.3 does not read what 3.5 wrote"


def test_a_flag_of_the_next_version_waits_until_that_is_accepted() -> None:
    flags = {"warning-apply-duration": "1s", "max-txn-ops": "9"}
    seen = with_spec(with_record(STABLE, version="3.5.35"), version="3.6.16", etcd={"extraArgs": flags})
    assert situation(seen).spec.etcd.extra_args == {"max-txn-ops": "9"}
    assert situation(with_record(seen, version="3.6.16")).spec.etcd.extra_args == flags


def test_a_cluster_that_began_with_3_6_needs_none() -> None:
    assert accepted(with_record(ON, oldest_log="3.6.11")) == "3.7.3"


def test_members_that_write_snapshots_are_made_with_the_version_that_runs() -> None:
    spec = situation(prepared(OLD)).spec
    assert (spec.version, spec.etcd.snapshot_count) == ("3.6.16", 1)


@pytest.mark.parametrize("members", [(), (A, B)], ids=["none", "two of three"])
def test_the_version_waits_until_each_has_been_made_to_write_one(members: tuple[str, ...]) -> None:
    assert accept_version(situation(prepared(OLD, *members))) is None


def test_nor_is_it_accepted_while_one_of_them_has_no_pod_or_does_not_serve() -> None:
    assert accept_version(situation(without(prepared(OLD, A, B, C), Kind.POD, C))) is None
    assert accept_version(situation(silent(prepared(OLD, A, B, C), C))) is None


def test_then_it_is_accepted_and_no_entry_of_the_old_version_is_left() -> None:
    plan = accept_version(situation(prepared(OLD, A, B, C)))
    assert plan is not None
    assert plan.record == replace(
        OLD.cluster.record, version="3.7.3", former="3.6.16", oldest_log="3.6.16", snapshots=False
    )


def test_who_asks_for_the_version_that_runs_ends_the_preparation() -> None:
    seen = with_spec(prepared(OLD, A), version="3.6.16")
    plan = accept_version(situation(seen))
    assert plan is not None
    assert plan.record == replace(seen.cluster.record, snapshots=False)
    assert accept_version(situation(with_record(seen, snapshots=False))) is None


def test_a_preparation_that_is_not_safe_is_not_begun() -> None:
    assert accept_version(situation(silent(OLD, C))) is None


def test_what_the_logs_may_have_is_the_lowest_version_that_ever_ran() -> None:
    for first, asked, oldest in (("3.5.35", "3.6.16", "3.5.35"), ("3.6.16", "3.6.15", "3.6.15")):
        plan = accept_version(situation(with_record(all_run(first, asked=asked), oldest_log=first)))
        assert plan is not None
        assert plan.record.oldest_log == oldest


DOWN = all_run("3.7.3", asked="3.6.16")


def lowering(seen: Observation, *stored: str, job: str = "3.6.0") -> Observation:
    """The same moment, while etcd stores data for a lower version, and `stored` have done so."""
    for name in (A, B, C):
        version = job if name in stored else "3.7.0"
        seen = saying(seen, name, downgrade_to=job, storage_version=version)
    return seen


def test_before_a_lower_minor_version_the_leader_is_asked_to_let_all_store_their_data_for_it() -> None:
    assert accept_version(situation(DOWN)) is None
    plan = prepare_data(situation(led_by(DOWN, B)))
    assert plan is not None
    why = "members are to store their data so that etcd 3.6 opens it, before one of them runs 3.6.16"
    assert (plan.steps, plan.wake_after) == ((Downgrade(B, "3.6", why),), SOON)


@pytest.mark.parametrize("stored", [(), (A, C)], ids=["none", "two of three"])
def test_it_is_not_accepted_before_all_have_done_so(stored: tuple[str, ...]) -> None:
    seen = lowering(DOWN, *stored)
    assert accept_version(situation(seen)) is None
    plan = prepare_data(situation(seen))
    assert plan is not None
    waiting = ", ".join(name for name in (A, B, C) if name not in stored)
    assert (plan.steps, plan.reason) == ((), f"waiting for {waiting} to store data for etcd 3.6")


def test_then_it_is_accepted() -> None:
    seen = lowering(DOWN, A, B, C)
    assert prepare_data(situation(seen)) is None
    plan = accept_version(situation(seen))
    assert plan is not None
    assert (plan.record.version, plan.record.oldest_log) == ("3.6.16", "3.6.16")


def test_what_was_stored_for_it_before_counts_only_while_etcd_still_does_so() -> None:
    seen = lowering(DOWN, A, B, C)
    for name in (A, B, C):
        seen = saying(seen, name, downgrade_to="")
    assert accept_version(situation(seen)) is None


def test_what_nobody_can_be_brought_to_keeps_no_job() -> None:
    seen = with_spec(lowering(all_run("3.7.3", asked="3.7.3"), A), version="3.6.9")
    plan = prepare_data(situation(seen))
    assert plan is not None
    why = "etcd 3.6.9 is asked for: data need not be stored for etcd 3.6 any more"
    assert plan.steps == (Downgrade(A, None, why),)


def test_a_job_for_another_version_is_ended_before_the_next_is_begun() -> None:
    seen = lowering(all_run("3.7.3", asked="3.6.16"), A, job="3.5.0")
    plan = prepare_data(situation(seen))
    assert plan is not None
    assert [(type(step), getattr(step, "version", "")) for step in plan.steps] == [(Downgrade, None)]


def test_the_way_back_stays_open_whichever_release_of_the_new_minor_version_is_tried() -> None:
    begun = with_record(running("3.6.16", "3.5.35", "3.5.35", accepted="3.6.16", asked="3.6.15"), former="3.5.35")
    plan = accept_version(situation(begun))
    assert plan is not None
    assert (plan.record.version, plan.record.former) == ("3.6.15", "3.5.35")


def test_nobody_is_made_anew_while_etcd_is_told_for_which_version_to_store_its_data() -> None:
    going = lowering(all_run("3.7.3", asked="3.6.16"), A)
    changed = with_spec(going, version="3.6.16", resources={"requests": {"cpu": "1"}})
    assert roll(situation(changed)) is None
    assert (
        roll(situation(with_spec(all_run("3.7.3", asked="3.7.3"), version="3.7.3", etcd={"snapshotCount": 5})))
        is not None
    )


@pytest.mark.parametrize(
    "seen",
    [
        lowering(all_run("3.7.3", asked="3.7.3"), A),
        lowering(running("3.6.16", "3.7.3", "3.7.3", accepted="3.7.3", asked="3.7.3"), A, B, C),
    ],
    ids=["before one runs it", "when one runs it"],
)
def test_what_nobody_asks_for_any_more_is_ended(seen: Observation) -> None:
    plan = prepare_data(situation(seen))
    assert plan is not None
    why = "etcd 3.7.3 is asked for: data need not be stored for etcd 3.6 any more"
    assert plan.steps == (Downgrade(A, None, why),)


@pytest.mark.parametrize(
    "seen",
    [
        lowering(running("3.6.16", "3.7.3", "3.7.3", accepted="3.6.16", asked="3.6.16"), A, B, C),
        lowering(running("3.6.16", "3.7.3", "3.7.3", accepted="3.6.16", asked="3.7.3"), A, B, C),
        all_run("3.7.3", asked="3.7.3"),
        silent(DOWN),
        silent(DOWN, C),
        UP,
    ],
    ids=["in mid-roll", "until the way back is accepted", "nothing", "no list", "a member is down", "up"],
)
def test_nothing_is_asked_of_etcd_for(seen: Observation) -> None:
    assert prepare_data(situation(seen)) is None


def test_the_way_back_up_is_open_while_a_member_still_runs_the_higher_version() -> None:
    seen = lowering(running("3.6.16", "3.7.3", "3.7.3", accepted="3.6.16", asked="3.7.3"), A, B, C)
    assert accepted(with_record(seen, oldest_log="3.6.16")) == "3.7.3"


def test_a_member_that_does_not_serve_may_not_have_read_its_log_with_3_7() -> None:
    seen = silent(with_record(all_run("3.7.2", asked="3.7.3"), oldest_log="3.5.35"), C)
    plan = accept_version(situation(seen))
    assert plan is not None
    assert (plan.record.version, plan.record.oldest_log) == ("3.7.3", "3.5.35")


HALF = with_record(running("3.6.16", "3.5.35", "3.5.35", accepted="3.6.16", asked="3.6.16"), former="3.5.35")

BACK: dict[str, tuple[str, bool]] = {
    "the version before": ("3.5.35", True),
    "another release of the accepted minor version": ("3.6.15", True),
    "another release of the minor version before": ("3.5.34", False),
    "the next minor version": ("3.7.3", False),
    "a bad release": ("3.6.8", False),
}


@pytest.mark.parametrize(("asked", "taken"), BACK.values(), ids=BACK)
def test_without_a_quorum_the_way_back_is_open_and_no_other(asked: str, *, taken: bool) -> None:
    seen = with_spec(silent(HALF), version=asked)
    assert accepted(seen) == (asked if taken else "3.6.16")
    told = [block.message for block in decide(seen).blocked if block.reason is BlockReason.VERSION]
    words = "no quorum serves: until one does, only 3.5.35 or another release of etcd 3.6 may be asked for"
    assert told == ([] if taken else [f"etcd 3.6.16 stays: {words}"])


def test_without_a_quorum_and_a_version_before_only_releases_of_the_same_minor_version_are_accepted() -> None:
    assert accepted(silent(UP)) == "3.5.35"
    assert accepted(silent(all_run("3.6.15", asked="3.6.16"))) == "3.6.16"


def test_who_writes_another_release_because_the_first_member_does_not_start_is_not_made_wait_for_it() -> None:
    seen = silent(running("3.7.3", "3.6.16", "3.6.16", accepted="3.7.3", asked="3.7.2"), A)
    assert accepted(with_record(seen, oldest_log="3.6.16")) == "3.7.2"


@pytest.mark.parametrize(
    ("asked", "ends"),
    [("3.7.9", True), ("3.7.2", False), ("3.5.35", True), ("3.6.15", True)],
    ids=["not known", "another release of it", "the way down", "a release of what runs"],
)
def test_a_preparation_ends_when_what_it_is_for_is_not_asked_for_any_more(asked: str, *, ends: bool) -> None:
    plan = accept_version(situation(with_spec(prepared(OLD, A), version=asked)))
    assert (plan is not None and not plan.record.snapshots) is ends


def test_a_preparation_goes_on_while_a_member_is_down() -> None:
    assert accept_version(situation(silent(prepared(OLD, A), C))) is None


GONE = running("3.6.16", "3.6.16", "3.6.16", accepted="3.5.35", asked="3.5.35")


def test_a_lower_version_is_void_when_the_last_member_that_ran_it_is_gone() -> None:
    plan = accept_version(situation(GONE))
    assert plan is not None
    assert plan.record == replace(GONE.cluster.record, version="3.6.16", former=None)
    assert plan.reason == "no member runs etcd 3.5.35 any more, and no data is stored for it"
    again = prepare_data(situation(with_record(GONE, version="3.6.16")))
    assert again is not None
    assert [type(step) for step in again.steps] == [Downgrade]


CRASHING = replace(a_pod(C, running=False, problem=Problem(Cause.CRASHING, "invalid downgrade")), lived=True)


def test_a_version_that_no_member_runs_yet_makes_way_when_a_third_one_is_asked_for() -> None:
    plan = accept_version(situation(all_as("3.6.16", accepted="3.5.35", asked="3.7.3")))
    assert plan is not None
    assert (plan.record.version, plan.record.former) == ("3.6.16", None)
    assert plan.reason == "no member runs etcd 3.5.35 yet, and 3.7.3 is asked for"


@pytest.mark.parametrize(
    "seen",
    [
        lambda: silent(all_as("3.5.35", accepted="3.6.16", asked="3.7.3"), C),
        lambda: running("3.6.16", "3.5.35", "3.5.35", accepted="3.6.16", asked="3.7.3"),
        lambda: all_as("3.5.35", accepted="3.6.16", asked="3.6.15"),
    ],
    ids=["one may run it", "one runs it", "another release of it is asked for"],
)
def test_it_does_not_while(seen: Callable[[], Observation]) -> None:
    assert accepted(seen()) != "3.5.35"


def all_as(version: str, *, accepted: str, asked: str) -> Observation:
    """Three members of the same version, where another was accepted and a third is asked for."""
    return lowering(running(version, version, version, accepted=accepted, asked=asked), A, B, C, job="3.5.0")


def test_a_lower_version_that_keeps_a_member_from_running_is_void_as_well() -> None:
    plan = accept_version(situation(having(silent(GONE, C), CRASHING)))
    assert plan is not None
    assert plan.record.version == "3.6.16"


@pytest.mark.parametrize(
    "seen",
    [
        silent(GONE, C),
        having(silent(GONE, C), replace(CRASHING, just_ended=True)),
        without(silent(GONE, C), Kind.POD, C),
        running("3.6.16", "3.6.16", "3.5.35", accepted="3.5.35", asked="3.5.35"),
        lowering(running("3.7.3", "3.7.3", "3.7.3", accepted="3.6.16", asked="3.6.16"), A, B, C),
    ],
    ids=["one may still run it", "one is about to", "one has no Pod", "one runs it", "data is stored for it"],
)
def test_it_is_not_void_while(seen: Observation) -> None:
    assert accept_version(situation(seen)) is None


def test_a_record_without_a_version_gets_the_one_that_runs_whatever_is_asked_for() -> None:
    assert accepted(with_record(all_run("3.5.35", asked="3.7.3"), version=None)) == "3.5.35"
    unheard = silent(with_spec(with_record(STABLE, version=None), version="3.7.3"))
    assert accepted(unheard) == "3.6.16"
    nothing_known = without(unheard, Kind.POD)
    assert accepted(nothing_known) is None
    assert BlockReason.VERSION not in {block.reason for block in decide(nothing_known).blocked}


def test_before_the_formation_any_version_is() -> None:
    seen = with_spec(with_record(an_observation(Stage.STARTED), version="3.5.35"), version="3.7.3")
    assert accepted(seen) == "3.7.3"
    unwritten = accept_version(situation(seen))
    assert unwritten is not None
    assert unwritten.record.oldest_log == "3.7.3"
    written = accept_version(situation(with_record(seen, oldest_log="3.5.35")))
    assert written is not None
    assert written.record.oldest_log == "3.5.35"


def test_with_the_first_names_the_version_is_recorded() -> None:
    record = decide(with_spec(an_observation(Stage.EMPTY), version="3.5.35")).record
    assert (record.version, record.oldest_log) == ("3.5.35", "3.5.35")


def test_a_record_of_an_operator_that_knew_of_no_versions_takes_over_the_one_that_is_asked_for() -> None:
    assert accepted(with_record(STABLE, version=None)) == "3.6.16"


def test_whatever_restarts_a_member_it_gets_the_accepted_version() -> None:
    seen = without(silent(all_run("3.5.31", asked="3.6.16"), C), Kind.POD, C)
    plan = run(situation(seen))
    assert plan is not None
    (container,) = body_of(plan, "Pod", C)["spec"]["containers"]
    assert container["image"].endswith(":v3.5.31")


def test_the_way_back_is_told_when_another_minor_version_is_begun() -> None:
    plan = accept_version(situation(UP))
    assert plan is not None
    assert plan.reason == (
        "etcd 3.6.16 takes the place of 3.5.35; as long as a member runs 3.5.35, writing that version again goes back"
    )
    newer = accept_version(situation(TAKEN["a newer release"]))
    assert newer is not None
    assert newer.reason == "etcd 3.6.16 takes the place of 3.6.15"


def test_when_all_run_the_next_minor_version_the_former_is_no_way_back_any_more() -> None:
    done_with = with_record(all_run("3.6.16", asked="3.6.16"), former="3.5.35")
    plan = accept_version(situation(done_with))
    assert plan is not None
    assert plan.record == replace(done_with.cluster.record, former=None)
    assert plan.reason == "every member runs etcd 3.6.16: the way back to 3.5.35 is a downgrade"


@pytest.mark.parametrize(
    "seen",
    [
        HALF,
        silent(with_record(all_run("3.6.16", asked="3.6.16"), former="3.5.35"), MEMBERS[0]),
        with_record(all_run("3.6.16", asked="3.6.16"), former="3.6.15"),
    ],
    ids=["one runs it", "one is silent", "it is a release of the same minor version"],
)
def test_it_is_as_long_as(seen: Observation) -> None:
    plan = accept_version(situation(seen))
    assert plan is None or plan.record.former == seen.cluster.record.former
