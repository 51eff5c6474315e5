"""A learner: it leaves when nobody wants it, and votes when it has caught up and the budget has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Departure, Problem, Removal
from etcd_operator.plan.changes import promotable
from etcd_operator.plan.membership import read_membership
from etcd_operator.plan.model import Promote, Remove
from etcd_operator.plan.stopping import SOON
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_budget,
    a_gate_pod,
    a_member,
    a_member_secret,
    a_pod,
    an_observation,
    having,
    led_by,
    listing,
    losing,
    mute,
    saying,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import changed, done, situation, waits

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]


def learning(*, applied: int = 9, budget: int = 3) -> Observation:
    """Three voters and a wanted learner that runs, under a budget that has room for a fourth voter."""
    seen = having(with_learner(with_newcomers(STABLE, D), D, applied=applied), a_budget(budget))
    return with_spec(seen, replicas=5)


def test_one_that_nobody_wants_leaves_at_once() -> None:
    plan = changed(with_learner(STABLE, D))
    assert plan.action == "RemoveLearner"
    assert plan.steps == (Remove(D, a_member(D).id, f"learner {D} is not wanted"),)
    assert plan.wake_after == SOON


def test_one_that_nobody_wants_leaves_although_it_has_caught_up_and_voters_are_down() -> None:
    assert done(changed(with_record(silent(learning(), C), joining=()))) == {f"remove {D}"}


def test_one_that_has_caught_up_votes() -> None:
    plan = changed(learning())
    assert plan.steps == (Promote(D, a_member(D).id, f"{D} has caught up: 4 members vote"),)
    assert (plan.action, plan.wake_after) == ("PromoteLearner", SOON)


@pytest.mark.parametrize(
    "seen",
    [
        learning(applied=8),
        with_learner(learning(), D, started=False),
        silent(learning(), D),
        led_by(learning(), F),
        silent(learning(), B, C),
        having(silent(learning(), B), a_pod(C, deleting=True)),
        having(learning(), a_pod(D, deleting=True)),
        without(learning(), Kind.POD, D),
        having(learning(), a_member_secret(D, "it may start over")),
        without(learning(), Kind.SECRET, D),
    ],
    ids=[
        "it is behind",
        "it has not started",
        "it is silent",
        "nobody leads",
        "too few voters are healthy",
        "one more voter is about to stop",
        "its Pod is ending",
        "its Pod is gone",
        "it may still start over",
        "nobody knows whether it may start over",
    ],
)
def test_one_does_not_vote_while(seen: Observation) -> None:
    assert waits(changed(seen)) == f"waiting for learner {D} to catch up with the leader"


def test_nine_tenths_of_the_leaders_log_are_enough() -> None:
    seen = saying(learning(applied=900), A, raft_applied_index=1000)
    assert done(changed(seen)) == {f"promote {D}"}


@pytest.mark.parametrize("budget", [0, 1, 2])
def test_one_does_not_vote_before_the_budget_counts_it(budget: int) -> None:
    assert waits(changed(learning(budget=budget))) == f"{D} votes once the disruption budget counts it"


def test_one_does_not_vote_without_a_budget() -> None:
    assert "budget" in waits(changed(without(learning(), Kind.BUDGET)))


def test_a_budget_with_more_room_than_needed_is_no_hindrance() -> None:
    assert done(changed(learning(budget=4))) == {f"promote {D}"}


def test_one_comes_before_every_other_change() -> None:
    seen = losing(with_newcomers(learning(), E), C)
    seen = with_record(seen, removing=Removal(C, Departure.DATA_LOST, "its claim is gone"))
    assert done(changed(seen)) == {f"promote {D}"}


def test_one_that_can_be_promoted_is_known_before_the_budget_has_room() -> None:
    seen = learning(budget=2)
    listed = read_membership(situation(seen))
    assert listed is not None
    assert promotable(situation(seen), listed) == D


def test_one_that_nobody_wants_is_never_promotable() -> None:
    seen = with_record(learning(), joining=())
    listed = read_membership(situation(seen))
    assert listed is not None
    assert promotable(situation(seen), listed) is None


def test_one_that_can_vote_is_not_held_up_by_one_that_cannot() -> None:
    seen = with_learner(with_newcomers(learning(), E), E, started=False)
    entries = seen.etcd.members.members  # type: ignore[union-attr]
    assert done(changed(listing(seen, *reversed(entries)))) == {f"promote {D}"}


def test_one_that_does_not_get_on_is_looked_at_less_often() -> None:
    seen = learning(applied=1)
    assert changed(seen).wake_after == SOON
    assert changed(having(seen, a_pod(D, problem=Problem(Cause.CRASHING, "OOMKilled")))).wake_after > SOON
    assert changed(without(seen, Kind.POD, D)).wake_after > SOON


def test_one_that_takes_part_votes_before_it_serves_clients() -> None:
    assert done(changed(mute(learning(), D))) == {f"promote {D}"}


@pytest.mark.parametrize(
    "seen",
    [
        silent(learning(), D),
        having(mute(learning(), D), a_pod(D, deleting=True)),
        having(mute(learning(), D), a_member_secret(D, "it may start over")),
        mute(with_learner(learning(), D, started=False), D),
        without(mute(learning(), D), Kind.POD, D),
    ],
    ids=["is not known to take part", "is ending", "was just listed", "has not started", "has no Pod"],
)
def test_one_that_serves_no_clients_does_not_vote_when_it(seen: Observation) -> None:
    assert waits(changed(seen)).startswith("waiting for learner")


def test_one_that_votes_and_serves_no_clients_yet_holds_up_nobody() -> None:
    seen = with_record(mute(listing(FIVE, *(a_member(name) for name in MEMBERS[:4])), D), members=MEMBERS[:4])
    seen = having(with_newcomers(seen, E), a_gate_pod(E, asks=(A, B)))
    assert done(changed(with_spec(seen, replicas=5))) == {f"add {E}"}
