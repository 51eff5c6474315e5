"""One change of etcd's members at a time: each row of the table, what it needs, and what it waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Departure, Removal
from etcd_operator.plan.changes import LOOK_AGAIN, change
from etcd_operator.plan.model import AddLearner, Delete, MoveLeader, Patch, Promote, Remove
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_budget,
    a_member,
    a_node,
    a_pod,
    an_observation,
    having,
    led_by,
    listing,
    losing,
    on_nodes,
    saying,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
)
from tests.unit.plan.decide import changed, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]
LISTED = tuple(a_member(name) for name in (A, B, C))
TOO_MANY = "3 members are asked for, and there are 5"
GONE = f"the claim of {C} is gone, and with it its data"


def leaving(seen: Observation, member: str, cause: Departure = Departure.SCALE_IN) -> Observation:
    """The same moment, after `member` was chosen to leave."""
    replicas = seen.cluster.spec.replicas - (2 if cause is Departure.SCALE_IN else 0)
    return with_record(with_spec(seen, replicas=replicas), removing=Removal(member, cause, TOO_MANY))


def learning(*, replicas: int = 5, applied: int = 9, budget: int = 3) -> Observation:
    """Three voters and a wanted learner that runs, under a budget that has room for a fourth voter."""
    seen = having(with_learner(with_newcomers(STABLE, D), D, applied=applied), a_budget(budget))
    return with_spec(seen, replicas=replicas)


def test_members_as_they_are_wanted_need_no_change() -> None:
    assert change(situation(STABLE)) is None


@pytest.mark.parametrize("seen", [silent(learning()), an_observation(Stage.AGREED)], ids=["no list", "not formed"])
def test_nothing_is_changed_without_the_list_of_a_formed_cluster(seen: Observation) -> None:
    assert change(situation(seen)) is None


@pytest.mark.parametrize("learner", [True, False])
def test_nothing_is_changed_while_etcd_lists_a_member_that_is_not_ours(*, learner: bool) -> None:
    guest = replace(a_member("guest", learner=learner), peer_urls=("https://10.0.0.9:2380",))
    for seen in (learning(), leaving(FIVE, E), with_newcomers(STABLE, D)):
        entries = seen.etcd.members.members  # type: ignore[union-attr]
        assert change(situation(listing(seen, *entries, guest))) is None


SEEN = on_nodes(STABLE, node_1=a_node("node-1", cordoned=True))


def test_leadership_moves_away_from_a_cordoned_node() -> None:
    plan = changed(saying(SEEN, C, raft_applied_index=10))
    why = f"the node of {A} is cordoned: {C} is to lead in place of {A}"
    assert plan.steps == (MoveLeader(C, a_member(C).id, why),)
    assert plan.action == "MoveLeader"


@pytest.mark.parametrize(
    "seen",
    [
        led_by(SEEN, B),
        led_by(SEEN, F),
        on_nodes(STABLE, **{f"node_{n}": a_node(f"node-{n}", cordoned=True) for n in (1, 2, 3)}),
        saying(saying(SEEN, B, raft_applied_index=1), C, raft_applied_index=1),
        on_nodes(STABLE),
    ],
    ids=["another leads", "nobody leads", "all are cordoned", "all others are behind", "no node is cordoned"],
)
def test_leadership_stays_when(seen: Observation) -> None:
    assert change(situation(seen)) is None


@pytest.mark.parametrize(("minutes", "wake"), [(2, LOOK_AGAIN), (4, LOOK_AGAIN)])
def test_it_is_said_until_when_a_lost_node_is_waited_for(minutes: int, wake: float) -> None:
    since = NOW - timedelta(minutes=minutes)
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=since))
    plan = changed(seen)
    assert (plan.action, plan.steps, plan.wake_after) == ("AwaitNode", (), wake)
    back = f"{since + timedelta(minutes=5):%H:%M:%S}"
    assert plan.reason.startswith("node node-3 is not ready since ")
    assert plan.reason.endswith(f"; {C} is replaced at {back} UTC if it has not come back")


def test_it_is_looked_at_when_the_time_is_over() -> None:
    since = NOW - timedelta(minutes=5) + timedelta(seconds=2)
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=since))
    assert changed(seen).wake_after == 2


def test_of_a_member_that_may_be_replaced_now_nothing_is_awaited() -> None:
    assert change(situation(losing(STABLE, C))) is None


def test_a_pod_that_is_deleted_is_the_very_one_that_was_seen() -> None:
    seen = leaving(FIVE, E)
    other = replace(a_pod(E), meta=replace(a_pod(E).meta, uid="another"))
    (step,) = changed(having(seen, other)).steps
    assert isinstance(step, Delete)
    assert step.target.uid == "another"
    assert step.grace is None


@settings(derandomize=True, deadline=None, max_examples=120)
@given(size=st.sampled_from([1, 2, 3, 5, 7]), data=st.data())
def test_no_change_ever_leaves_fewer_healthy_voters_than_a_quorum(size: int, data: st.DataObject) -> None:
    names = MEMBERS[:size]
    quiet = data.draw(st.sets(st.sampled_from(names), max_size=size - 1))
    chosen = data.draw(st.none() | st.sampled_from(names))
    cause = data.draw(st.sampled_from(list(Departure)))
    seen = an_observation(Stage.STABLE, members=size)
    seen = silent(led_by(seen, data.draw(st.sampled_from(names))), *sorted(quiet)) if quiet else seen
    if size < 7 and data.draw(st.booleans()):
        seen = with_newcomers(seen, MEMBERS[6])
        seen = with_learner(seen, MEMBERS[6]) if data.draw(st.booleans()) else seen
    if chosen is not None:
        seen = with_record(seen, removing=Removal(chosen, cause, "chosen"))
    seen = with_spec(seen, replicas=data.draw(st.sampled_from([1, 3, 5, 7])))
    plan = change(situation(seen))
    healthy = set(names) - quiet
    for step in () if plan is None else plan.steps:
        match step:
            case Remove(member=member) if member in names:
                assert len(healthy) >= quorum(size)
                assert len(healthy - {member}) >= quorum(size - 1)
            case Promote():
                assert len(healthy) + 1 >= quorum(size + 1)
            case Delete(target=target):
                assert len(healthy - {target.name}) >= quorum(size)
            case AddLearner():
                assert size == 1 or len(healthy) >= quorum(size + 1)
            case MoveLeader(member=member):
                assert member in healthy - {chosen}
            case Patch(target=target):
                assert len(healthy - {target.name}) >= quorum(size - 1)
            case _:
                assert isinstance(step, Remove)
