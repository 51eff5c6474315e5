"""Who joins and who leaves: chosen once, recorded before anything is done about it, given up when its reason ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Cause, Departure, Leaver, Problem, Record, Removal, Unknown
from etcd_operator.plan.intentions import intend, settle
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_gate_pod,
    a_member,
    a_node,
    a_pod,
    an_observation,
    having,
    listing,
    losing,
    on_nodes,
    saying,
    silent,
    with_data,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import decide, deleted, done, situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
FIVE = an_observation(Stage.STABLE, members=5)
A, B, C, D, E, F = MEMBERS[:6]
LISTED = tuple(a_member(name) for name in (A, B, C))
OLD = NOW - timedelta(hours=1)


def settled(seen: Observation) -> Record:
    """The record as it is to be, once what etcd's list says is taken over."""
    plan = settle(situation(seen))
    return seen.cluster.record if plan is None else plan.record


def intended(seen: Observation) -> Record:
    """The record as it is to be, once it is chosen who joins and who leaves."""
    plan = intend(situation(seen))
    return seen.cluster.record if plan is None else plan.record


def removing(seen: Observation, member: str, cause: Departure) -> Observation:
    """The same moment, after `member` was chosen to leave."""
    return with_record(seen, removing=Removal(member, cause, "chosen before"))


def withdrawn(seen: Observation, member: str) -> Observation:
    """The same moment, after etcd has listed `member` as started."""
    return having(seen, with_data(seen.secrets[member], {"initial-cluster": WITHDRAWN.encode()}))


def test_a_list_as_it_was_recorded_settles_nothing() -> None:
    assert settle(situation(STABLE)) is None
    assert settle(situation(with_newcomers(STABLE, D))) is None


@pytest.mark.parametrize("seen", [silent(STABLE), an_observation(Stage.AGREED)], ids=["no list", "not formed"])
def test_without_the_list_of_a_formed_cluster_nothing_is_settled_or_chosen(seen: Observation) -> None:
    seen = with_spec(with_record(seen, members=MEMBERS[1:4]), replicas=5)
    assert settle(situation(seen)) is None
    assert intend(situation(seen)) is None


def test_a_newcomer_that_votes_is_a_member() -> None:
    seen = listing(with_newcomers(STABLE, D, E), *LISTED, a_member(D), a_member(E, learner=True))
    plan = settle(situation(seen))
    assert plan is not None
    assert (plan.record.members, plan.record.joining) == ((A, B, C, D), (E,))
    assert (plan.record.left, plan.steps, plan.wake_after) == ((), (), 0)
    assert plan.reason == f"{D} votes"


@pytest.mark.parametrize("keep", [True, False])
def test_a_member_that_we_took_out_leaves_its_claim_only_if_that_was_asked_for(*, keep: bool) -> None:
    seen = with_spec(STABLE, storage={"onScaleIn": "Retain" if keep else "Delete"})
    seen = removing(listing(seen, *LISTED[:2]), C, Departure.SCALE_IN)
    record = settled(seen)
    assert (record.members, record.removing) == ((A, B), None)
    assert record.left == (Leaver(C, keep_claim=keep),)


def test_a_member_that_somebody_took_out_by_hand_leaves_its_claim_in_any_case() -> None:
    plan = settle(situation(listing(STABLE, *LISTED[:2])))
    assert plan is not None
    assert plan.record.left == (Leaver(C, keep_claim=True),)
    assert plan.reason == f"{C} has left etcd's list"


def test_one_that_was_taken_out_by_hand_does_not_end_the_departure_of_another() -> None:
    record = settled(removing(listing(FIVE, *LISTED, a_member(D)), D, Departure.SCALE_IN))
    assert record.removing is not None
    assert record.removing.member == D
    assert record.left == (Leaver(E, keep_claim=True),)


def test_what_left_before_is_still_known() -> None:
    before = (Leaver(F, keep_claim=True),)
    assert settled(with_record(listing(STABLE, *LISTED[:2]), left=before)).left == (*before, Leaver(C, keep_claim=True))


def test_a_newcomer_that_has_started_and_was_taken_out_never_comes_back() -> None:
    seen = withdrawn(with_newcomers(STABLE, D), D)
    record = settled(seen)
    assert (record.joining, record.left) == ((), (Leaver(D, keep_claim=True),))


@pytest.mark.parametrize("secret", [True, False])
def test_a_newcomer_that_never_started_waits_for_its_place_in_the_list(*, secret: bool) -> None:
    seen = with_newcomers(STABLE, D)
    assert settle(situation(seen if secret else without(seen, Kind.SECRET, D))) is None


def test_a_learner_is_no_member_yet_and_has_not_left() -> None:
    seen = withdrawn(with_learner(with_newcomers(STABLE, D), D), D)
    assert settle(situation(seen)) is None


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 5), (3, 7)])
def test_all_newcomers_are_named_at_once(before: int, after: int) -> None:
    plan = intend(situation(with_spec(an_observation(Stage.STABLE, members=before), replicas=after)))
    assert plan is not None
    assert len(set(plan.record.joining)) == after - before
    assert set(plan.record.joining).isdisjoint(plan.record.members)
    assert (plan.record.members, plan.record.removing) == (MEMBERS[:before], None)
    assert (plan.steps, plan.wake_after) == ((), 0)
    assert plan.reason == "; ".join(f"{name} joins" for name in sorted(plan.record.joining))


def test_only_as_many_are_named_as_are_missing() -> None:
    seen = with_spec(with_newcomers(STABLE, D), replicas=5)
    record = intended(seen)
    assert record.joining[0] == D
    assert len(record.joining) == 2


def test_a_cluster_as_specified_names_nobody_and_takes_nobody_out() -> None:
    assert intend(situation(STABLE)) is None


def test_one_member_leaves_at_a_time_and_it_is_the_cheapest_to_lose() -> None:
    plan = intend(situation(with_spec(FIVE, replicas=1)))
    assert plan is not None
    assert plan.record.removing == Removal(B, Departure.SCALE_IN, "1 members are asked for, and there are 5")
    assert plan.record.members == MEMBERS[:5]
    assert plan.reason == f"{B} leaves: 1 members are asked for, and there are 5"


def test_nobody_else_is_chosen_while_one_leaves() -> None:
    seen = removing(with_spec(silent(FIVE, C), replicas=3), B, Departure.NODE_LOST)
    seen = on_nodes(silent(seen, B), node_2=a_node("node-2", ready=False, since=OLD))
    assert intended(seen).removing == Removal(B, Departure.NODE_LOST, "chosen before")


@pytest.mark.parametrize("down", [(B, C), (C, D)])
def test_nobody_healthy_is_chosen_while_a_quorum_would_not_stand_without_it(down: tuple[str, str]) -> None:
    three = with_spec(silent(an_observation(Stage.STABLE), C), replicas=1)
    assert intended(three).removing == Removal(C, Departure.SCALE_IN, "1 members are asked for, and there are 3")
    five = with_spec(silent(FIVE, *down, E), replicas=3)
    assert intended(five).removing is None


LOSSES: dict[str, Observation] = {
    "its claim is gone": losing(STABLE, C),
    "its volume is empty": having(
        silent(STABLE, C), a_pod(C, running=False, problem=Problem(Cause.DATA_LOST, "the volume is empty"))
    ),
    "its volume is another's": saying(STABLE, C, member_id=0xB0B),
    "its node is away": on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=OLD)),
}


@pytest.mark.parametrize("seen", LOSSES.values(), ids=LOSSES)
def test_a_lost_member_is_chosen_and_one_newcomer_named_for_it_when(seen: Observation) -> None:
    record = intended(seen)
    assert record.removing is not None
    assert record.removing.member == C
    assert len(record.joining) == 1
    assert record.members == (A, B, C)


def test_a_member_of_a_node_that_is_not_away_for_long_is_waited_for() -> None:
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=NOW - timedelta(minutes=4)))
    assert intend(situation(seen)) is None


def test_of_two_lost_members_one_is_replaced_at_a_time() -> None:
    record = intended(losing(FIVE, D, E))
    assert record.removing is not None
    assert record.removing.member == D
    assert len(record.joining) == 1
    seen = losing(with_record(FIVE, removing=record.removing, joining=record.joining), D, E)
    assert intend(situation(seen)) is None


def test_nobody_is_replaced_while_no_quorum_of_healthy_voters_stands() -> None:
    assert intend(situation(losing(FIVE, C, D, E))) is None
    assert intend(situation(losing(STABLE, B, C))) is None


@settings(derandomize=True, deadline=None, max_examples=60)
@given(size=st.sampled_from([1, 3, 5, 7]), asked=st.sampled_from([1, 3, 5, 7]), data=st.data())
def test_whoever_is_chosen_leaves_a_quorum_of_healthy_voters(size: int, asked: int, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(MEMBERS[:size]), max_size=size - 1))
    quiet = data.draw(st.sets(st.sampled_from(MEMBERS[:size]), max_size=size - 1)) - lost
    seen = with_spec(an_observation(Stage.STABLE, members=size), replicas=asked)
    seen = losing(seen, *sorted(lost)) if lost else seen
    seen = silent(seen, *sorted(quiet)) if quiet else seen
    record = intended(seen)
    healthy = size - len(lost | quiet)
    if record.removing is None:
        return
    chosen = record.removing.member
    assert healthy >= quorum(size)
    assert healthy - (chosen not in lost | quiet) >= quorum(size - 1)
    assert chosen in lost or asked < size
    assert chosen in lost | quiet or not lost | quiet
    assert len(record.joining) == max(asked - (size - 1), 0)


def test_a_member_that_is_one_too_many_stays_when_it_is_wanted_again() -> None:
    seen = with_spec(removing(FIVE, B, Departure.SCALE_IN), replicas=5)
    plan = intend(situation(seen))
    assert plan is not None
    assert (plan.record.removing, plan.record.joining) == (None, ())
    assert plan.reason == f"{B} stays after all"


def test_a_member_that_is_one_too_many_leaves_as_long_as_it_is() -> None:
    assert intend(situation(with_spec(removing(FIVE, B, Departure.SCALE_IN), replicas=3))) is None


def test_data_that_is_back_cancels_the_replacement_and_gives_up_the_newcomer() -> None:
    seen = removing(with_newcomers(STABLE, D), C, Departure.DATA_LOST)
    record = intended(seen)
    assert (record.removing, record.joining, record.left) == (None, (), (Leaver(D, keep_claim=False),))


def test_lost_data_does_not_come_back_by_itself() -> None:
    seen = removing(with_newcomers(silent(STABLE, C), D), C, Departure.DATA_LOST)
    assert intend(situation(seen)) is None


def test_a_node_that_is_back_cancels_the_replacement_although_its_member_does_not_answer_yet() -> None:
    seen = on_nodes(silent(STABLE, C))
    record = intended(removing(with_newcomers(seen, D), C, Departure.NODE_LOST))
    assert (record.removing, record.joining, record.left) == (None, (), (Leaver(D, keep_claim=False),))


def test_a_node_that_stays_away_is_replaced_as_it_was_chosen() -> None:
    seen = on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=OLD))
    assert intend(situation(removing(with_newcomers(seen, D), C, Departure.NODE_LOST))) is None


@pytest.mark.parametrize(
    "seen",
    [
        replace(silent(STABLE, C), nodes={}),
        replace(silent(STABLE, C), nodes=Unknown("forbidden")),
        on_nodes(silent(STABLE, C), node_3=a_node("node-3", ready=False, since=NOW)),
    ],
    ids=["its node is not known", "nodes may not be read any more", "its node went away again"],
)
def test_a_replacement_that_was_chosen_goes_on_until_the_node_is_certainly_back(seen: Observation) -> None:
    seen = with_record(seen, removing=Removal(C, Departure.NODE_LOST, "chosen before"))
    assert intended(seen).removing == seen.cluster.record.removing


FLAPPING: dict[str, Observation] = {
    "they are named": with_newcomers(STABLE, D, E, at_gate=False),
    "they stand at the gate": with_newcomers(STABLE, D, E),
    "the first one is in the list": with_learner(with_newcomers(STABLE, D, E), D),
    "the first one is in the list and has not started": with_learner(with_newcomers(STABLE, D, E), D, started=False),
}


@pytest.mark.parametrize("seen", FLAPPING.values(), ids=FLAPPING)
def test_newcomers_that_are_wanted_no_more_are_given_up_when(seen: Observation) -> None:
    record = intended(with_spec(seen, replicas=3))
    assert record.joining == ()
    assert record.left == (Leaver(D, keep_claim=False), Leaver(E, keep_claim=False))
    assert record.members == (A, B, C)


@pytest.mark.parametrize("seen", FLAPPING.values(), ids=FLAPPING)
def test_newcomers_that_are_still_wanted_stay_when(seen: Observation) -> None:
    assert intend(situation(with_spec(seen, replicas=5))) is None


def test_who_was_given_up_never_comes_back_however_soon_it_is_wanted_again() -> None:
    given_up = tuple(Leaver(name, keep_claim=False) for name in (D, E))
    record = intended(with_spec(with_record(with_learner(STABLE, D), left=given_up), replicas=5))
    assert len(record.joining) == 2
    assert {D, E}.isdisjoint(record.joining)
    assert record.left == given_up


def test_a_newcomer_that_votes_when_it_is_wanted_no_more_is_one_member_too_many() -> None:
    seen = listing(with_newcomers(STABLE, D), *LISTED, a_member(D))
    seen = with_record(with_spec(seen, replicas=3), members=(A, B, C, D), joining=())
    assert intended(seen).removing is not None


def test_a_learner_that_is_wanted_no_more_leaves_the_list_before_anything_of_it_goes() -> None:
    seen = with_record(with_learner(STABLE, D), left=(Leaver(D, keep_claim=False),))
    plan = decide(seen)
    assert f"remove {D}" in done(plan)
    assert deleted(plan) == set()


def test_giving_up_prefers_those_that_have_come_least_far() -> None:
    seen = with_newcomers(STABLE, D, E, F, at_gate=False)
    seen = with_spec(having(seen, a_gate_pod(F, asks=(A,))), replicas=5)
    assert intended(with_learner(seen, E)).joining == (E, F)


def test_a_learner_is_preferred_to_one_at_the_gate() -> None:
    seen = with_spec(with_newcomers(STABLE, D, E), replicas=5)
    seen = losing(with_learner(seen, E), C)
    record = intended(with_spec(seen, replicas=3))
    assert (record.joining, record.left) == ((E,), (Leaver(D, keep_claim=False),))


def test_a_newcomer_whose_node_is_lost_is_given_up_and_another_named() -> None:
    seen = on_nodes(with_newcomers(STABLE, D, E), node_4=a_node("node-4", ready=False, since=OLD))
    record = intended(with_spec(seen, replicas=5))
    assert record.joining[0] == E
    assert D not in record.joining
    assert len(record.joining) == 2
    assert record.left == (Leaver(D, keep_claim=False),)


def test_a_newcomer_that_lost_its_data_after_it_started_is_given_up() -> None:
    seen = with_spec(withdrawn(with_newcomers(STABLE, D, at_gate=False), D), replicas=5)
    assert D not in intended(having(seen, a_claim(D, lost=True))).joining


def test_a_newcomer_that_only_finds_no_place_is_waited_for() -> None:
    stuck = a_pod(D, running=False, problem=Problem(Cause.UNSCHEDULABLE, "0/3 nodes are available"))
    seen = having(with_newcomers(STABLE, D, E), stuck)
    assert intend(situation(with_spec(seen, replicas=5))) is None


def test_a_voter_that_is_not_ours_stops_every_choice() -> None:
    guest = listing(losing(STABLE, C), *LISTED, a_member("guest"))
    assert intend(situation(with_spec(guest, replicas=5))) is None


def test_a_learner_that_is_not_ours_stops_no_choice() -> None:
    guest = replace(a_member("guest", learner=True), peer_urls=("https://10.0.0.9:2380",))
    assert intend(situation(with_spec(listing(STABLE, *LISTED, guest), replicas=5))) is not None


def test_a_learner_whose_data_is_lost_is_given_up() -> None:
    seen = with_spec(with_learner(with_newcomers(STABLE, D, E), D), replicas=5)
    record = intended(losing(seen, D))
    assert D not in record.joining
    assert record.left == (Leaver(D, keep_claim=False),)


def test_a_learner_whose_node_is_away_for_a_moment_is_waited_for() -> None:
    seen = with_spec(silent(with_learner(with_newcomers(STABLE, D, E), D), D), replicas=5)
    short = on_nodes(seen, node_4=a_node("node-4", ready=False, since=NOW))
    assert intend(situation(short)) is None
    assert D not in intended(on_nodes(seen, node_4=a_node("node-4", ready=False, since=OLD))).joining


CRASHING = a_pod(D, problem=Problem(Cause.CRASHING, "OOMKilled"))


def test_a_learner_that_does_not_get_on_is_given_up_when_a_lost_member_needs_its_place() -> None:
    seen = having(with_learner(with_newcomers(STABLE, D, E), D), CRASHING)
    assert intend(situation(with_spec(seen, replicas=5))) is None
    record = intended(with_spec(losing(seen, C), replicas=5))
    assert D not in record.joining
    assert record.removing is not None


def test_a_learner_that_does_not_get_on_is_waited_for_while_a_member_only_is_one_too_many() -> None:
    seen = having(with_learner(with_newcomers(STABLE, D), D), CRASHING)
    seen = removing(with_spec(seen, replicas=3), C, Departure.SCALE_IN)
    assert D not in intended(seen).joining
    seen = with_record(with_spec(seen, replicas=2), members=MEMBERS[:3])
    assert intended(with_spec(seen, replicas=3)).removing is None


def test_a_newcomer_at_the_gate_that_does_not_get_on_holds_no_place() -> None:
    seen = having(with_newcomers(STABLE, D), replace(CRASHING, running=False, lived=False))
    assert D in intended(with_spec(losing(seen, C), replicas=3)).joining


def test_a_newcomer_whose_volume_is_not_empty_is_given_up() -> None:
    full = a_pod(D, running=False, problem=Problem(Cause.DATA_LOST, "the volume holds the data of another"))
    seen = with_spec(having(with_newcomers(STABLE, D, E), full), replicas=5)
    assert D not in intended(seen).joining


def test_a_newcomer_whose_etcd_has_run_and_that_is_not_in_the_list_never_comes_back() -> None:
    assert settled(having(with_newcomers(STABLE, D), a_pod(D))).left == (Leaver(D, keep_claim=True),)


def test_a_voter_that_was_given_up_while_it_was_promoted_is_a_member() -> None:
    seen = with_record(listing(STABLE, *LISTED, a_member(D)), left=(Leaver(D, keep_claim=False),))
    record = settled(seen)
    assert (record.members, record.left) == ((A, B, C, D), ())


ELSEWHERE: dict[str, Observation] = {
    "by its name": listing(STABLE, *LISTED[:2], replace(LISTED[2], peer_urls=("https://10.0.0.9:2380",))),
    "by the ID with which it answers": listing(
        STABLE, *LISTED[:2], replace(LISTED[2], name="renamed", peer_urls=("https://10.0.0.9:2380",))
    ),
}


@pytest.mark.parametrize("seen", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_member_whose_address_somebody_changed_has_not_left_while_etcd_lists_it(seen: Observation) -> None:
    assert settle(situation(seen)) is None


def test_a_stranger_in_the_list_is_not_taken_for_a_member_that_left() -> None:
    guest = replace(a_member("guest"), peer_urls=("https://10.0.0.9:2380",))
    assert settled(listing(silent(STABLE, C), *LISTED[:2], guest)).left == (Leaver(C, keep_claim=True),)


def test_a_healthy_member_makes_way_for_none_that_is_in_a_worse_state() -> None:
    seen = with_spec(removing(silent(FIVE, C), B, Departure.SCALE_IN), replicas=3)
    assert intended(seen).removing == Removal(C, Departure.SCALE_IN, "3 members are asked for, and there are 5")


def test_a_member_that_is_being_stopped_goes_on_leaving_when_another_is_silent_for_a_moment() -> None:
    seen = having(silent(FIVE, C), a_pod(B, voter=True, deleting=True))
    assert intend(situation(with_spec(removing(seen, B, Departure.SCALE_IN), replicas=3))) is None


def test_a_member_that_is_being_stopped_stays_when_it_is_wanted_again() -> None:
    seen = having(FIVE, a_pod(B, voter=True, deleting=True))
    assert intended(removing(seen, B, Departure.SCALE_IN)).removing is None


def test_one_too_many_stays_while_no_quorum_would_stand_without_it() -> None:
    seen = with_spec(removing(silent(FIVE, C, D, E), B, Departure.SCALE_IN), replicas=3)
    assert intended(seen).removing is None


def test_one_too_many_that_has_stopped_goes_on_leaving() -> None:
    seen = without(silent(FIVE, B), Kind.POD, B)
    assert intend(situation(with_spec(removing(seen, B, Departure.SCALE_IN), replicas=3))) is None
