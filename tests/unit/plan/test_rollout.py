"""A change of the spec reaches every member: one at a time, the leader last, and no further than it does no harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Cause, Departure, Problem, Removal
from etcd_operator.plan.members import admit
from etcd_operator.plan.model import Delete, MoveLeader, Patch
from etcd_operator.plan.rollout import IMPATIENCE, roll
from etcd_operator.plan.stopping import LONG_DISMISSAL, SOON
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.settings import MADE_FROM, made_from
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_member,
    a_node,
    a_pod,
    a_spec,
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
    without,
)
from tests.unit.plan.decide import decide, done, situation, waits

if TYPE_CHECKING:
    from etcd_operator.observation import Observation, Pod
    from etcd_operator.plan.model import Plan

A, B, C, D = MEMBERS[:4]
CHANGE = {"resources": {"requests": {"cpu": "1"}}}
NEW = a_spec(**CHANGE)
STABLE = led_by(an_observation(Stage.STABLE), C)
CHANGED = with_spec(STABLE, **CHANGE)


def as_specified(seen: Observation, *members: str) -> Observation:
    """The same moment, after the Pods of `members` were made anew and serve."""
    return having(seen, *(a_pod(member, spec=NEW, voter=True) for member in members))


def dismissed(member: str, *, ago: timedelta = LONG_DISMISSAL) -> Pod:
    """The outdated Pod of `member`, after its clients were sent elsewhere."""
    return replace(a_pod(member), dismissed=NOW - ago)


def rolled(seen: Observation) -> Plan:
    """What is done for the change."""
    plan = roll(situation(seen))
    assert plan is not None
    assert plan.record == seen.cluster.record
    return plan


IMAGES: dict[str, tuple[str, bool, bool]] = {
    "another version": ("gcr.io/etcd-development/etcd:v3.7.3", True, True),
    "another version, before anybody could edit it": ("registry.local:5000/etcd:hardened", False, False),
    "the same version, of another registry": ("registry.local:5000/etcd:v3.6.16", True, False),
    "the same version, by its digest as well": (f"example.com/etcd:v3.6.16@sha256:{'0' * 64}", True, False),
    "a digest": (f"example.com/etcd@sha256:{'0' * 64}", True, False),
    "an image without a tag": ("registry.local:5000/etcd", True, False),
}


@pytest.mark.parametrize(("image", "edited", "outdated"), IMAGES.values(), ids=IMAGES)
def test_a_pod_is_made_anew_when_somebody_gave_it_another_image(image: str, *, edited: bool, outdated: bool) -> None:
    pod = replace(a_pod(A), image=image, edited=edited, dismissed=NOW - LONG_DISMISSAL)
    plan = roll(situation(having(STABLE, pod)))
    assert (plan is not None) is outdated
    if plan is not None:
        assert plan.steps == (Delete(Kind.POD, pod.meta, f"{A} is made anew: the image of the Pod changed"),)


def test_as_long_as_nothing_has_changed_nothing_is_rolled() -> None:
    assert roll(situation(STABLE)) is None
    assert roll(situation(as_specified(CHANGED, A, B, C))) is None


def test_clients_of_the_first_follower_are_sent_elsewhere() -> None:
    (step,) = rolled(CHANGED).steps
    assert isinstance(step, Patch)
    assert step.why == f"{A} is about to stop: clients go elsewhere"


def test_then_its_pod_is_made_anew_and_the_reason_is_what_changed() -> None:
    seen = having(CHANGED, dismissed(A))
    plan = rolled(seen)
    assert plan.steps == (Delete(Kind.POD, seen.pods[A].meta, f"{A} is made anew: resources changed"),)
    assert (plan.action, plan.wake_after) == ("RollMembers", SOON)


def test_it_is_not_let_in_again_before_that() -> None:
    assert admit(situation(having(CHANGED, dismissed(A)))) is None
    back = admit(situation(having(STABLE, dismissed(A))))
    assert back is not None
    assert done(back) == {f"patch Pod {A}"}


def test_who_takes_no_clients_any_more_goes_on_whatever_its_name() -> None:
    assert done(rolled(having(CHANGED, dismissed(B)))) == {f"delete Pod {B}"}


def test_it_is_given_the_time_to_stop() -> None:
    assert waits(rolled(having(CHANGED, a_pod(A, deleting=True)))) == f"waiting for {A} to stop: resources changed"


def test_while_its_node_is_away_that_is_told() -> None:
    pod = replace(a_pod(A, deleting=True), node="node-9")
    told = waits(rolled(having(CHANGED, pod, a_node("node-9", ready=False, since=NOW))))
    assert told == f"waiting for {A} to stop: resources changed; node node-9 is not ready since {NOW:%H:%M:%S} UTC"


RUNNING = replace(a_pod(A, spec=NEW), ready=False)
AWAY: dict[str, Observation] = {
    "it has no Pod": without(silent(CHANGED, A), Kind.POD, A),
    "it is starting": having(silent(CHANGED, A), RUNNING),
    "it is behind": saying(as_specified(CHANGED, A), A, raft_applied_index=1),
    "it is being drained": having(CHANGED, a_pod(A, spec=NEW, voter=True, deleting=True)),
}
BACK: dict[str, Observation] = {
    "it is not ready": having(CHANGED, replace(a_pod(A, spec=NEW, voter=True), ready=False)),
    "it takes no clients yet": having(CHANGED, a_pod(A, spec=NEW)),
    "it is neither": having(CHANGED, RUNNING),
}


@pytest.mark.parametrize("seen", AWAY.values(), ids=AWAY)
def test_the_next_one_waits_until_etcd_has_the_one_before_back_and_takes_clients_meanwhile(seen: Observation) -> None:
    assert waits(rolled(seen)) == f"{B} is made anew as soon as {A} serves: resources changed"
    admitted = admit(situation(having(seen, dismissed(B))))
    assert admitted is not None
    assert f"patch Pod {B}" in done(admitted)


@pytest.mark.parametrize("seen", BACK.values(), ids=BACK)
def test_then_its_clients_are_sent_elsewhere_and_it_waits_until_the_one_before_serves(seen: Observation) -> None:
    assert done(rolled(seen)) == {f"patch Pod {B}"}
    then = having(seen, dismissed(B, ago=2 * LONG_DISMISSAL))
    assert waits(rolled(then)) == f"{B} is made anew as soon as {A} serves: resources changed"
    admitted = admit(situation(then))
    assert admitted is None or f"patch Pod {B}" not in done(admitted)


def test_the_one_before_is_let_in_after_that_so_that_proxies_hear_first_who_stops() -> None:
    seen = BACK["it is neither"]
    assert done(rolled(seen)) == {f"patch Pod {B}"}
    assert admit(situation(seen)) is None
    admitted = admit(situation(having(seen, dismissed(B))))
    assert admitted is not None
    assert done(admitted) == {f"patch Pod {A}"}


def test_one_that_is_ready_is_let_in_at_once_for_the_dismissal_may_be_refused_for_ever() -> None:
    admitted = admit(situation(BACK["it takes no clients yet"]))
    assert admitted is not None
    assert done(admitted) == {f"patch Pod {A}"}


def test_who_has_waited_long_takes_clients_again() -> None:
    seen = having(BACK["it is not ready"], dismissed(B, ago=2 * IMPATIENCE))
    assert waits(rolled(seen)) == f"{B} is made anew as soon as {A} serves: resources changed"
    admitted = admit(situation(seen))
    assert admitted is not None
    assert f"patch Pod {B}" in done(admitted)
    again = replace(a_pod(B, voter=True), dismissed=NOW - 2 * IMPATIENCE)
    assert rolled(having(BACK["it is not ready"], again)).steps == ()
    assert done(rolled(having(as_specified(CHANGED, A), again))) == {f"patch Pod {B}"}


def test_of_two_both_take_clients() -> None:
    seen = with_spec(led_by(an_observation(Stage.STABLE, members=2), B), **CHANGE)
    admitted = admit(situation(having(seen, a_pod(A))))
    assert admitted is not None
    assert done(admitted) == {f"patch Pod {A}"}


def test_nobody_is_sent_elsewhere_where_there_is_no_elsewhere() -> None:
    nobody = having(BACK["it is neither"], replace(a_pod(C, voter=True), ready=False))
    assert waits(rolled(nobody)) == f"{B} is made anew as soon as {A}, {C} serves: resources changed"


def test_while_one_runs_up_etcd_is_asked_often_and_else_kubernetes_tells() -> None:
    assert rolled(AWAY["it is starting"]).wake_after == SOON
    assert rolled(AWAY["it has no Pod"]).wake_after > SOON


def test_a_silent_member_is_not_made_anew_where_it_may_be_what_the_quorum_stands_on() -> None:
    numbers = "1 of 3 voters healthy, quorum is 2"
    assert waits(rolled(silent(CHANGED, B, C))) == f"{B} is not made anew (resources changed): {numbers}"


def test_the_next_one_follows_when_it_does() -> None:
    assert done(rolled(having(as_specified(CHANGED, A), dismissed(B)))) == {f"delete Pod {B}"}


def test_the_proxies_have_time_to_learn_where_clients_go() -> None:
    seen = having(as_specified(CHANGED, A), dismissed(B, ago=LONG_DISMISSAL / 4))
    assert waits(rolled(seen)) == f"waiting until clients of {B} go elsewhere"
    assert rolled(seen).wake_after == pytest.approx(0.75 * LONG_DISMISSAL.total_seconds())


def test_the_leader_is_the_last_and_hands_over_first() -> None:
    assert done(rolled(as_specified(CHANGED, A, B))) == {f"patch Pod {C}"}
    last = saying(having(as_specified(CHANGED, A, B), dismissed(C)), B, raft_applied_index=10)
    plan = rolled(last)
    assert plan.steps == (MoveLeader(B, a_member(B).id, f"{C} is made anew: {B} is to lead in place of {C}"),)
    assert done(rolled(led_by(last, B))) == {f"delete Pod {C}"}


def test_of_two_nobody_is_made_anew_and_the_numbers_are_told() -> None:
    seen = with_spec(led_by(an_observation(Stage.STABLE, members=2), B), **CHANGE)
    expected = f"{A} is not made anew (resources changed): 2 of 2 voters healthy, quorum is 2"
    assert waits(rolled(seen)) == expected


def test_a_single_member_restarts() -> None:
    seen = with_spec(an_observation(Stage.STABLE, members=1), replicas=1, **CHANGE)
    assert done(rolled(seen)) == {f"delete Pod {A}"}


def dead(seen: Observation, *members: str) -> Observation:
    """The same moment, when these do not answer, nor the kubelet."""
    return unready(silent(seen, *members), *members)


def test_one_that_does_not_serve_goes_first_and_waits_for_nobody() -> None:
    assert done(rolled(dead(CHANGED, B))) == {f"delete Pod {B}"}
    assert done(rolled(dead(as_specified(CHANGED, A), B))) == {f"delete Pod {B}"}


def test_from_one_that_is_ready_clients_are_sent_elsewhere_although_it_does_not_answer() -> None:
    assert done(rolled(silent(CHANGED, B))) == {f"patch Pod {B}"}
    assert done(rolled(having(silent(CHANGED, B), dismissed(B)))) == {f"delete Pod {B}"}


def test_not_even_for_another_that_does_not_serve() -> None:
    five = with_spec(led_by(an_observation(Stage.STABLE, members=5), C), **CHANGE)
    assert done(rolled(dead(as_specified(five, A), A, B))) == {f"delete Pod {B}"}


def test_meanwhile_clients_are_let_in_to_the_others() -> None:
    seen = having(dead(CHANGED, A), a_pod(B, spec=NEW))
    assert done(rolled(seen)) == {f"delete Pod {A}"}
    admitted = admit(situation(seen))
    assert admitted is not None
    assert f"patch Pod {B}" in done(admitted)


IDLE: dict[str, Pod] = {
    "it never ran": replace(a_pod(A), lived=False),
    "it does not run": a_pod(A, problem=Problem(Cause.CRASHING, "etcd exited with 1")),
}


@pytest.mark.parametrize("pod", IDLE.values(), ids=IDLE)
def test_a_pod_whose_etcd_does_not_run_has_no_turn(pod: Pod) -> None:
    plan = roll(situation(having(silent(CHANGED, A), pod)))
    assert plan is None or plan.steps == ()


def test_with_a_member_down_that_is_as_specified_nobody_else_is_made_anew() -> None:
    seen = silent(as_specified(CHANGED, B), B)
    assert waits(rolled(seen)) == f"{A} is made anew as soon as {B} serves: resources changed"


def test_a_member_on_a_lost_node_is_waited_for() -> None:
    since = NOW - timedelta(minutes=1)
    away = a_node("node-1", ready=False, since=since)
    assert waits(rolled(on_nodes(silent(CHANGED, A), node_1=away))) == (
        f"{B} is made anew as soon as {A} serves: resources changed"
    )
    assert roll(situation(on_nodes(silent(as_specified(CHANGED, B, C), A), node_1=away))) is None


def test_a_bad_change_stops_at_the_first_and_the_next_change_mends_it() -> None:
    stuck = a_pod(A, spec=NEW, voter=True, running=False, problem=Problem(Cause.IMAGE, "not found"))
    stopped = decide(having(silent(CHANGED, A), stuck))
    assert stopped.action == "Blocked"
    assert [block.reason for block in stopped.blocked] == [BlockReason.IMAGE]
    plan = decide(having(silent(STABLE, A), stuck))
    reasons = [step.why for step in plan.steps if isinstance(step, Delete)]
    assert reasons == [f"resources changed since the Pod of {A} was made"]


KILLED = Problem(Cause.CRASHING, "etcd exited with 137: OOMKilled")
BAD = replace(a_pod(A, spec=NEW, voter=True, running=False, problem=Problem(Cause.IMAGE, "not found")), ready=False)
"""A was made anew, and what is asked for now is bad."""


def killed(*, just_ended: bool = False, restarts: int = 1, stuck: Pod = BAD) -> Observation:
    """A does not come up with the change; B, which has the setting from before, was killed, and C serves."""
    pod = replace(
        a_pod(B, voter=True, running=False, problem=KILLED), lived=True, just_ended=just_ended, restarts=restarts
    )
    return having(silent(CHANGED, A, B), stuck, pod)


def test_who_was_killed_while_a_bad_change_stands_comes_back_with_what_it_has() -> None:
    assert done(decide(killed(just_ended=True))) == set()
    assert done(decide(killed())) == set()
    fine = a_pod(A, spec=NEW, voter=True)
    assert done(decide(killed(just_ended=True, stuck=fine))) == set()


def test_who_does_not_come_up_as_it_is_gets_what_is_asked_for() -> None:
    assert done(decide(killed(restarts=3))) == {f"delete Pod {B}"}
    assert done(decide(killed(stuck=a_pod(A, spec=NEW, voter=True)))) == {f"delete Pod {B}"}
    assert done(decide(killed(stuck=replace(a_pod(A, voter=True), ready=False)))) == {f"delete Pod {B}"}


def test_a_pod_that_is_all_that_keeps_the_data_of_its_member_is_not_made_anew() -> None:
    single = with_spec(an_observation(Stage.STABLE, members=1), replicas=1, **CHANGE)
    assert done(decide(single)) == {f"delete Pod {A}"}
    assert done(decide(having(single, a_claim(A, deleting=True)))) == set()
    assert done(decide(having(killed(restarts=3), a_claim(B, deleting=True)))) == set()
    others = decide(having(CHANGED, a_claim(A, deleting=True)))
    assert done(others) == {f"patch Pod {B}"}


def test_nobody_is_made_anew_with_a_quota_that_the_database_has_outgrown() -> None:
    limited = with_spec(STABLE, resources={"limits": {"memory": "2Gi"}})
    assert done(decide(saying(limited, B, db_size=2**30 - 1))) == {f"patch Pod {A}"}
    plan = decide(saying(limited, B, db_size=2**30))
    assert (plan.action, plan.steps) == ("Blocked", ())
    assert [(block.action, block.reason) for block in plan.blocked] == [
        (f"make {name} anew", BlockReason.QUOTA) for name in (A, B, C)
    ]
    assert plan.blocked[0].message.startswith("its quota would be 1Gi, and the database has 1Gi: ")
    assert decide(saying(STABLE, B, db_size=2**40)).blocked == ()


def unready(seen: Observation, *members: str) -> Observation:
    """The same moment, when the kubelet says that these do not serve either."""
    return having(seen, *(replace(seen.pods[name], ready=False) for name in members))


NOBODY = unready(silent(CHANGED), A, B, C)
"""All run, and none serves."""


def test_where_nobody_serves_a_change_that_nobody_has_yet_may_be_what_heals() -> None:
    assert done(decide(NOBODY)) == {f"delete Pod {name}" for name in (A, B, C)}


TOUCHED = {
    "they serve the operator, whatever the kubelet says": unready(CHANGED, A, B, C),
    "one is ready, so it is the operator that is cut off": unready(silent(CHANGED), A, B),
    "one has it and does not serve either": having(NOBODY, replace(a_pod(A, spec=NEW), ready=False)),
    "one is lost": without(NOBODY, Kind.CLAIM, C),
    "one has no Pod": without(having(NOBODY, a_claim(C, deleting=True)), Kind.POD, C),
    "one is kept alive by its Pod only": having(NOBODY, a_claim(C, deleting=True)),
    "one is stopping": having(NOBODY, replace(a_pod(C, deleting=True), ready=False)),
}


@pytest.mark.parametrize("seen", TOUCHED.values(), ids=TOUCHED)
def test_where_nobody_serves_nobody_is_touched_when(seen: Observation) -> None:
    assert done(decide(seen)) == set()


BUSY: dict[str, Observation] = {
    "a lost member waits for another": with_newcomers(
        with_record(losing(CHANGED, C), removing=Removal(C, Departure.DATA_LOST, "gone")), D, at_gate=False
    ),
    "a stranger is in the list": listing(
        CHANGED,
        *(a_member(name) for name in (A, B, C)),
        replace(a_member("guest"), peer_urls=("https://10.0.0.9:2380",)),
    ),
    "a learner catches up": with_learner(with_newcomers(CHANGED, D), D),
    "a member leaves": with_record(CHANGED, removing=Removal(C, Departure.SCALE_IN, "chosen")),
    "no quorum can be asked": silent(CHANGED),
    "the cluster has not formed": with_spec(an_observation(Stage.AGREED), **CHANGE),
}


@pytest.mark.parametrize("seen", BUSY.values(), ids=BUSY)
def test_nobody_is_rolled_while_the_members_themselves_change(seen: Observation) -> None:
    assert roll(situation(seen)) is None


def test_a_newcomer_that_may_be_added_goes_first() -> None:
    seen = with_newcomers(with_spec(STABLE, replicas=5, **CHANGE), D)
    ready = replace(seen.pods[D], meta=replace(seen.pods[D].meta, annotations={MADE_FROM: made_from(NEW)}))
    assert roll(situation(having(seen, ready))) is None


def test_a_newcomer_that_finds_no_place_keeps_nobody_from_being_rolled() -> None:
    seen = with_newcomers(with_spec(STABLE, replicas=5, **CHANGE), D, at_gate=False)
    assert done(rolled(having(seen, dismissed(A)))) == {f"delete Pod {A}"}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(size=st.sampled_from([1, 2, 3, 5, 7]), data=st.data())
def test_no_roll_ever_leaves_fewer_healthy_voters_than_a_quorum(size: int, data: st.DataObject) -> None:
    names = MEMBERS[:size]
    some = st.sets(st.sampled_from(names), max_size=size)
    quiet, new, going, ending = (data.draw(some) for _ in range(4))
    seen = with_spec(led_by(an_observation(Stage.STABLE, members=size), data.draw(st.sampled_from(names))), **CHANGE)
    seen = silent(seen, *sorted(quiet)) if quiet and len(quiet) < quorum(size) else seen
    for name in names:
        pod = a_pod(name, spec=NEW if name in new else None, voter=name not in going, deleting=name in ending)
        seen = having(seen, replace(pod, dismissed=NOW - LONG_DISMISSAL if name in going else None))
    plan = roll(situation(seen))
    serving = {name for name, view in seen.etcd.views.items() if view.healthy} - ending
    for step in () if plan is None else plan.steps:
        match step:
            case Delete(target=target) if target.name in serving:
                assert size == 1 or len(serving - {target.name}) >= quorum(size)
            case MoveLeader(member=member):
                assert member in serving
            case _:
                assert isinstance(step, Delete | Patch)
