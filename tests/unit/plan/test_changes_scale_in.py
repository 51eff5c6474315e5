"""A member that is one too many: it hands over, stops, and leaves the list, in an order that costs no write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Departure, Leaver, Removal
from etcd_operator.plan.changes import change
from etcd_operator.plan.model import Delete, MoveLeader, Patch, Remove
from etcd_operator.plan.stopping import DISMISSAL, LONG_DISMISSAL, SOON
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import dismissal
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_member,
    a_pod,
    an_observation,
    having,
    led_by,
    saying,
    silent,
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
TOO_MANY = "3 members are asked for, and there are 5"


def leaving(seen: Observation, member: str, cause: Departure = Departure.SCALE_IN) -> Observation:
    """The same moment, after `member` was chosen to leave."""
    replicas = seen.cluster.spec.replicas - (2 if cause is Departure.SCALE_IN else 0)
    return with_record(with_spec(seen, replicas=replicas), removing=Removal(member, cause, TOO_MANY))


def dismissed(seen: Observation, *members: str, ago: timedelta = DISMISSAL) -> Observation:
    """The same moment, after clients of `members` were sent elsewhere."""
    return having(seen, *(replace(a_pod(member), dismissed=seen.at - ago) for member in members))


LAST = dismissed(FIVE, E)


def test_clients_of_a_healthy_follower_are_sent_elsewhere_first() -> None:
    plan = changed(leaving(FIVE, E))
    patch = {"metadata": dismissal(NOW)}
    assert plan.steps == (Patch(Kind.POD, FIVE.pods[E].meta, patch, f"{E} is about to stop: clients go elsewhere"),)
    assert (plan.action, plan.wake_after) == ("ScaleIn", SOON)


def test_the_proxies_are_given_time_for_it() -> None:
    plan = changed(leaving(dismissed(FIVE, E, ago=timedelta(seconds=0.1)), E))
    assert waits(plan) == f"waiting until clients of {E} go elsewhere"
    assert plan.wake_after == pytest.approx(0.2)


@pytest.mark.parametrize(
    "seen",
    [LAST, dismissed(FIVE, E, ago=timedelta(hours=-1)), having(FIVE, a_pod(E))],
    ids=["in time", "by a clock that was ahead", "by hand"],
)
def test_it_is_stopped_when_they_have_had_it(seen: Observation) -> None:
    plan = changed(leaving(seen, E))
    assert plan.steps == (Delete(Kind.POD, seen.pods[E].meta, f"{E} leaves: {TOO_MANY}"),)
    assert (plan.action, plan.wake_after) == ("ScaleIn", SOON)


def test_it_is_given_the_time_to_stop() -> None:
    assert waits(changed(having(leaving(FIVE, E), a_pod(E, deleting=True)))) == f"waiting for {E} to stop"


def test_it_leaves_the_list_once_it_has_stopped() -> None:
    plan = changed(leaving(without(silent(FIVE, E), Kind.POD, E), E))
    assert plan.steps == (Remove(E, a_member(E).id, f"{E} leaves: {TOO_MANY}"),)


def test_the_leader_hands_over_before_it_is_stopped() -> None:
    seen = saying(led_by(leaving(FIVE, E), E), B, raft_applied_index=10)
    plan = changed(seen)
    assert plan.steps == (MoveLeader(B, a_member(B).id, f"{E} leaves: {B} is to lead in place of {E}"),)


def test_the_leader_stays_while_nobody_can_take_over() -> None:
    seen = led_by(leaving(FIVE, E), E)
    for name in (A, B, C, D):
        seen = saying(seen, name, raft_applied_index=1)
    assert waits(changed(seen)) == f"{E} leads, and no other voter can take over"


def test_of_two_the_list_loses_the_member_before_it_stops() -> None:
    two = with_spec(an_observation(Stage.STABLE, members=2), replicas=1)
    seen = with_record(two, removing=Removal(B, Departure.SCALE_IN, TOO_MANY))
    assert done(changed(seen)) == {f"patch Pod {B}"}
    assert done(changed(dismissed(seen, B, ago=LONG_DISMISSAL))) == {f"remove {B}"}


@pytest.mark.parametrize(
    ("seen", "leaver"),
    [
        (leaving(with_spec(an_observation(Stage.STABLE, members=4), replicas=5), D), D),
        (with_record(leaving(FIVE, E), left=(Leaver(F, keep_claim=False),)), E),
    ],
    ids=["one is left of two", "what it had is being taken away"],
)
def test_the_proxies_are_given_more_time_where_another_has_just_left(seen: Observation, leaver: str) -> None:
    assert done(changed(dismissed(seen, leaver))) == set()
    assert done(changed(dismissed(seen, leaver, ago=LONG_DISMISSAL))) == {f"delete Pod {leaver}"}


def test_of_two_the_leader_hands_over_as_well() -> None:
    two = with_spec(led_by(an_observation(Stage.STABLE, members=2), B), replicas=1)
    seen = with_record(two, removing=Removal(B, Departure.SCALE_IN, TOO_MANY))
    assert done(changed(seen)) == {f"move leader to {A}"}


def test_a_healthy_member_without_a_pod_to_stop_leaves_the_list() -> None:
    assert done(changed(leaving(without(FIVE, Kind.POD, E), E))) == {f"remove {E}"}


def test_an_unhealthy_member_leaves_without_ado() -> None:
    assert done(changed(leaving(silent(FIVE, E), E))) == {f"remove {E}"}


@pytest.mark.parametrize(
    "seen",
    [
        leaving(silent(FIVE, B, C), E),
        leaving(silent(FIVE, B, C, E), E),
        leaving(silent(STABLE, B), C),
        leaving(silent(STABLE, B, C), C),
    ],
    ids=["two of five are down", "it and two of five are", "one of three is", "it and one of three are"],
)
def test_nobody_is_stopped_or_removed_while_no_quorum_would_stand_without_it(seen: Observation) -> None:
    assert change(situation(seen)) is None


def test_four_of_five_may_spare_one() -> None:
    assert done(changed(leaving(silent(LAST, B), E))) == {f"delete Pod {E}"}


def test_a_drain_in_flight_counts_as_done() -> None:
    drained = having(LAST, a_pod(C, deleting=True), a_pod(D, deleting=True))
    assert change(situation(leaving(drained, E))) is None
    assert done(changed(leaving(having(LAST, a_pod(C, deleting=True)), E))) == {f"delete Pod {E}"}


def test_nobody_is_added_meanwhile() -> None:
    assert done(changed(with_newcomers(leaving(LAST, E), F))) == {f"delete Pod {E}"}
