"""The version that is asked for is accepted when there is a safe way to it, and until then nobody runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Departure, Removal
from etcd_operator.plan.members import run
from etcd_operator.plan.upgrade import accept_version
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_member,
    a_pod,
    a_spec,
    an_observation,
    having,
    listing,
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
    "back when every member runs the new one": (
        all_run("3.6.16", asked="3.5.35"),
        (
            "every member runs etcd 3.6.16 or newer, whose data etcd 3.5 does not open: write 3.6.16, or restore a "
            "snapshot into a new cluster"
        ),
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


@pytest.mark.parametrize(("seen", "words"), list(REFUSED.values())[:8], ids=list(REFUSED)[:8])
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
    assert plan.record == replace(OLD.cluster.record, version="3.7.3", oldest_log="3.6.16", snapshots=False)


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


def test_without_a_list_nothing_is_accepted() -> None:
    assert accepted(silent(UP)) == "3.5.35"


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
    assert accepted(with_record(STABLE, version=None)) == STABLE.cluster.spec.version


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
