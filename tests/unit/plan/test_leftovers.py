"""What is deleted of those that left: only on the word of etcd's list, each Pod first, and data never by mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Departure, Leaver, Removal, Unknown
from etcd_operator.plan.leftovers import take_away
from etcd_operator.plan.model import Delete, Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import member_labels
from tests.builders import (
    IDENTITY,
    MEMBERS,
    Stage,
    a_claim,
    a_member,
    a_member_secret,
    a_meta,
    a_node,
    a_pod,
    a_secret,
    a_service,
    an_observation,
    deleting,
    having,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    without,
)
from tests.unit.plan.decide import decide, deleted, done, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Claim, Observation, Pod, Secret, Service

STABLE = an_observation(Stage.STABLE)
D, E = MEMBERS[3:5]


def waits(seen: Observation) -> bool:
    """Whether nothing is deleted and nobody forgotten, and it is said for what this waits."""
    plan = take_away(situation(seen))
    names = ", ".join(leaver.member for leaver in seen.cluster.record.left)
    return plan == Plan("TakeAway", f"waiting until nothing is left of {names}", seen.cluster.record)


def left(seen: Observation, *, keep_claim: bool = False) -> Observation:
    """The same moment, after D has left with everything it had but its place in etcd's list."""
    seen = with_record(seen, left=(Leaver(D, keep_claim=keep_claim),))
    return having(seen, a_pod(D), a_claim(D), a_service(D, member=True), a_member_secret(D, "none"))


LEFT = left(STABLE)
STOPPED = without(LEFT, Kind.POD, D)


def taken(seen: Observation) -> Plan:
    """What is taken away."""
    plan = take_away(situation(seen))
    assert plan is not None
    return plan


def test_nothing_is_taken_away_where_nobody_left() -> None:
    assert take_away(situation(STABLE)) is None


def test_the_pod_of_who_left_goes_first_and_is_given_time() -> None:
    plan = taken(LEFT)
    assert plan.steps == (Delete(Kind.POD, LEFT.pods[D].meta, f"{D} has left"),)
    assert (plan.action, plan.reason) == ("TakeAway", f"taking away what {D} left")
    assert plan.record == LEFT.cluster.record


def test_the_rest_goes_when_no_process_is_left_that_could_write_to_the_claim() -> None:
    assert deleted(taken(STOPPED)) == {f"delete {kind} {D}" for kind in ("PersistentVolumeClaim", "Service", "Secret")}


def test_a_claim_that_is_to_be_kept_is_kept() -> None:
    kept = without(left(STABLE, keep_claim=True), Kind.POD, D)
    assert deleted(taken(kept)) == {f"delete Service {D}", f"delete Secret {D}"}


@pytest.mark.parametrize("kind", [Kind.POD, Kind.CLAIM, Kind.SERVICE, Kind.SECRET])
def test_nothing_is_deleted_twice(kind: Kind) -> None:
    seen = LEFT if kind is Kind.POD else STOPPED
    things: dict[Kind, Pod | Claim | Service | Secret] = {
        Kind.POD: seen.pods[D] if D in seen.pods else a_pod(D),
        Kind.CLAIM: seen.claims[D],
        Kind.SERVICE: seen.services[D],
        Kind.SECRET: seen.secrets[D],
    }
    thing = things[kind]
    plan = take_away(situation(having(seen, replace(thing, meta=deleting(thing.meta)))))
    assert plan is None or f"delete {kind.value.kind} {D}" not in done(plan)
    assert plan is None or plan.record == seen.cluster.record


@pytest.mark.parametrize("seen", [LEFT, STOPPED], ids=["Pod", "the rest"])
def test_nothing_is_deleted_while_etcd_cannot_be_asked(seen: Observation) -> None:
    assert waits(silent(seen))


@pytest.mark.parametrize("seen", [LEFT, STOPPED], ids=["Pod", "the rest"])
def test_nothing_is_deleted_of_a_member_that_etcd_lists(seen: Observation) -> None:
    assert waits(with_learner(seen, D, started=False))


def test_before_the_formation_nobody_has_a_list_to_ask() -> None:
    assert deleted(taken(left(an_observation(Stage.STARTED)))) == {f"delete Pod {D}"}


AWAY = a_node("node-9", ready=False)


def test_a_pod_that_ends_without_waiting_for_its_node_is_not_deleted_again() -> None:
    ending = a_pod(D, node="node-9", deleting=True)
    assert waits(having(LEFT, AWAY, replace(ending, meta=replace(ending.meta, ending=True))))


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("ending", [True, False])
def test_a_pod_whose_node_is_away_is_not_waited_for_once_its_member_has_left(*, exists: bool, ending: bool) -> None:
    node = a_node("node-9", exists=exists, ready=False)
    plan = taken(having(LEFT, node, a_pod(D, node="node-9", deleting=ending)))
    assert [(step.name, step.grace) for step in plan.steps if isinstance(step, Delete)] == [(D, 0)]


def test_the_data_of_a_member_whose_node_is_away_goes_only_after_its_pod() -> None:
    assert deleted(taken(having(LEFT, AWAY, a_pod(D, node="node-9")))) == {f"delete Pod {D}"}


WAITED_FOR: dict[str, Observation] = {
    "its node is ready": having(LEFT, a_node("node-9"), a_pod(D, node="node-9", deleting=True)),
    "its node is not known": having(LEFT, a_pod(D, node="node-9", deleting=True)),
    "it is on no node": having(LEFT, a_pod(D, node=None, deleting=True)),
    "nodes may not be read": replace(having(LEFT, a_pod(D, node="node-9", deleting=True)), nodes=Unknown("forbidden")),
}


@pytest.mark.parametrize("seen", WAITED_FOR.values(), ids=WAITED_FOR)
def test_a_pod_is_given_the_time_to_end_when(seen: Observation) -> None:
    assert waits(seen)


@pytest.mark.parametrize("seen", [silent(LEFT), with_learner(LEFT, D)], ids=["no list", "it is listed"])
def test_no_pod_is_deleted_at_once_whose_member_may_still_be_in_the_list(seen: Observation) -> None:
    assert waits(having(seen, AWAY, a_pod(D, node="node-9")))


def test_a_member_that_only_is_to_leave_keeps_its_pod_although_its_node_is_away() -> None:
    seen = having(STABLE, AWAY, a_pod(MEMBERS[2], node="node-9"))
    seen = with_record(seen, removing=Removal(MEMBERS[2], Departure.NODE_LOST, "node node-9 is not ready"))
    assert take_away(situation(seen)) is None


def test_who_left_is_forgotten_when_nothing_is_left_of_it() -> None:
    seen = with_record(STABLE, left=(Leaver(D, keep_claim=False), Leaver(E, keep_claim=False)))
    plan = taken(having(seen, a_service(E, member=True)))
    assert plan.record.left == seen.cluster.record.left
    gone = taken(with_record(STABLE, left=(Leaver(D, keep_claim=False),)))
    assert (gone.record.left, gone.steps, gone.wake_after) == ((), (), 0)
    assert gone.reason == f"nothing is left of {D}"


def test_who_left_is_forgotten_although_its_claim_is_kept() -> None:
    seen = having(with_record(STABLE, left=(Leaver(D, keep_claim=True),)), a_claim(D))
    assert taken(seen).record.left == ()


@pytest.mark.parametrize(
    "thing",
    [a_pod(D, deleting=True), a_claim(D, deleting=True), a_service(D, member=True), a_member_secret(D, "none")],
    ids=["Pod", "claim", "Service", "Secret"],
)
def test_who_left_is_remembered_as_long_as_anything_is_there(thing: Pod | Claim | Service | Secret) -> None:
    seen = with_record(STABLE, left=(Leaver(D, keep_claim=False),))
    ending = replace(thing, meta=deleting(thing.meta))
    assert waits(having(seen, ending))


@pytest.mark.parametrize("answered", [True, False])
def test_who_left_is_remembered_while_it_may_still_be_in_the_list(*, answered: bool) -> None:
    seen = with_record(STABLE, left=(Leaver(D, keep_claim=False),))
    assert waits(with_learner(seen, D) if answered else silent(seen))


UNNAMED: dict[str, Observation] = {
    "Pod": having(STABLE, a_pod(E)),
    "Service": having(STABLE, a_service(E, member=True)),
    "Secret": having(STABLE, a_member_secret(E, "none")),
}


@pytest.mark.parametrize(("kind", "seen"), UNNAMED.items(), ids=UNNAMED)
def test_what_a_late_call_made_for_a_member_that_nobody_names_goes_as_well(kind: str, seen: Observation) -> None:
    plan = taken(seen)
    assert deleted(plan) == {f"delete {kind} {E}"}
    assert plan.steps[0].why == f"nobody names {E}"


def test_a_claim_that_never_had_a_volume_goes_with_its_unnamed_member() -> None:
    empty = replace(a_claim(E), bound=False)
    assert deleted(taken(having(STABLE, empty))) == {f"delete PersistentVolumeClaim {E}"}


@pytest.mark.parametrize("claim", [a_claim(E), a_claim(E, lost=True)], ids=["bound", "lost"])
def test_nothing_is_deleted_of_a_member_that_nobody_names_but_that_may_have_data(claim: Claim) -> None:
    seen = having(STABLE, a_pod(E), a_service(E, member=True), claim)
    assert take_away(situation(seen)) is None


@pytest.mark.parametrize("seen", UNNAMED.values(), ids=UNNAMED)
def test_nothing_unnamed_is_deleted_while_etcd_may_list_it(seen: Observation) -> None:
    assert take_away(situation(silent(seen))) is None
    assert take_away(situation(with_learner(seen, E, started=False))) is None


def test_objects_that_are_no_members_are_left_alone() -> None:
    assert take_away(situation(having(STABLE, a_secret("orders-notes", {}), a_service("orders-extra")))) is None


def test_a_newcomer_is_named_and_keeps_what_it_has() -> None:
    assert take_away(situation(with_newcomers(STABLE, D, E))) is None


def test_an_unnamed_member_is_known_by_its_label_and_not_by_the_name_of_an_object() -> None:
    labelled = replace(a_service("orders-extra"), meta=a_meta("orders-extra", labels=member_labels(IDENTITY, E)))
    assert take_away(situation(having(STABLE, labelled))) is None


def test_taking_away_keeps_nobody_from_running() -> None:
    plan = decide(without(LEFT, Kind.POD, MEMBERS[0]))
    assert {f"delete Pod {D}", f"create Pod {MEMBERS[0]}"} <= done(plan)


def test_the_members_that_etcd_lists_are_never_taken_away_whatever_the_record_says() -> None:
    seen = with_record(STABLE, left=tuple(Leaver(name, keep_claim=False) for name in MEMBERS[:3]))
    assert waits(seen)
    assert a_member(MEMBERS[0]) in seen.etcd.members.members  # type: ignore[union-attr]
