"""Moments in which one guard alone makes the difference: nearly everything is as at another, harmless moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Departure, Leaver, Problem, Removal
from etcd_operator.plan.foundations import own_claims
from etcd_operator.plan.intentions import intend, settle
from etcd_operator.plan.leftovers import take_away
from etcd_operator.plan.members import admit, run
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_claim,
    a_gate_pod,
    a_member,
    a_node,
    a_pod,
    an_observation,
    deleting,
    having,
    listing,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import changed, decide, deleted, done, situation, waits

if TYPE_CHECKING:
    from etcd_operator.observation import Pod

STABLE = an_observation(Stage.STABLE)
A, B, C, D, E = MEMBERS[:5]
AT_GATE = a_gate_pod(D, asks=(A, B, C))
EVICTED = Problem(Cause.NODE, "Evicted: the node was low on resource: memory")
USED = Problem(Cause.DATA_LOST, f"the volume of {A} holds the data of orders-zzzzz")
UNBOUND = Problem(Cause.STORAGE, "ProvisioningFailed: no volume")


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(replace(AT_GATE, at_gate=False), id="pulls its image"),
        pytest.param(replace(AT_GATE, problem=EVICTED), id="was evicted at the gate"),
    ],
)
def test_a_newcomer_is_not_ready_although_its_pod_knows_whom_to_ask_while_it(pod: Pod) -> None:
    plan = changed(with_spec(having(with_newcomers(STABLE, D), pod), replicas=4))
    assert waits(plan) == f"waiting for {D} to be ready"


def test_a_learner_that_answers_is_given_the_time_to_catch_up() -> None:
    seen = with_learner(with_newcomers(STABLE, D), D, applied=1)
    seen = having(seen, replace(seen.pods[D], first_start=True))
    assert "catch up" in waits(changed(with_spec(seen, replicas=4)))


def test_a_silent_member_that_is_listed_under_another_address_has_not_left() -> None:
    moved = replace(a_member(B), peer_urls=("https://10.1.2.3:2380",))
    assert settle(situation(listing(silent(STABLE, B), a_member(A), moved, a_member(C)))) is None


def test_who_was_chosen_to_leave_stays_while_another_is_being_drained() -> None:
    chosen = with_record(with_spec(STABLE, replicas=2), removing=Removal(B, Departure.SCALE_IN, "too many"))
    plan = intend(situation(having(chosen, replace(chosen.pods[C], meta=deleting(chosen.pods[C].meta)))))
    assert plan is not None
    assert plan.record.removing is None


def test_who_answers_stays_although_its_node_is_not_ready() -> None:
    seen = with_record(STABLE, removing=Removal(B, Departure.NODE_LOST, "node node-1 is not ready"))
    plan = intend(situation(having(seen, a_node("node-1", ready=False))))
    assert plan is not None
    assert plan.record.removing is None


def test_who_was_taken_out_by_hand_was_the_one_too_many() -> None:
    seen = without(with_spec(STABLE, replicas=2), Kind.POD, C)
    plan = decide(listing(seen, a_member(A), a_member(B)))
    assert plan.action == "SettleMembers"
    assert plan.record.removing is None


def test_no_client_is_let_in_before_the_formation_is_recorded() -> None:
    assert admit(situation(with_record(an_observation(Stage.WITHDRAWN), cluster_id=None))) is None


def test_a_first_start_on_a_used_volume_is_told_and_not_tried_again_and_again() -> None:
    pod = replace(a_pod(A, running=False, problem=USED), first_start=True)
    plan = run(situation(having(an_observation(Stage.STARTED), pod)))
    assert plan is not None
    assert plan.steps == ()


def test_a_member_that_is_still_starting_keeps_its_pod_although_its_claim_is_going() -> None:
    seen = having(silent(STABLE, B), a_pod(B, running=False, voter=True), a_claim(B, deleting=True))
    assert deleted(decide(seen)) == set()


def test_a_newcomer_keeps_what_it_has_before_its_claim_has_a_volume() -> None:
    assert take_away(situation(having(with_newcomers(STABLE, D, at_gate=False), a_claim(D, problem=UNBOUND)))) is None


def test_a_claim_that_is_to_be_kept_is_kept_although_it_has_no_volume_at_the_moment() -> None:
    left = with_record(STABLE, left=(Leaver(D, keep_claim=True),))
    plan = take_away(situation(having(left, a_claim(D, problem=UNBOUND))))
    assert plan is not None
    assert plan.steps == ()


def test_a_claim_that_is_going_keeps_its_owner() -> None:
    seen = with_spec(STABLE, storage={"onDelete": "Delete"})
    plan = own_claims(situation(having(seen, a_claim(B, deleting=True))))
    assert plan is not None
    assert done(plan) == {f"patch PersistentVolumeClaim {A}", f"patch PersistentVolumeClaim {C}"}


def test_a_name_is_not_given_again_while_it_is_left_in_a_claim_or_in_etcds_list() -> None:
    (drawn,) = situation(STABLE).fresh_names(1)
    stray = a_member(drawn, started=False, learner=True)
    for seen in (having(STABLE, a_claim(drawn)), listing(STABLE, a_member(A), a_member(B), a_member(C), stray)):
        assert situation(seen).fresh_names(1) != (drawn,)


def test_of_two_waits_the_shorter_one_counts() -> None:
    ending = a_pod(E, deleting=True)
    seen = with_learner(with_newcomers(STABLE, D), D, applied=1)
    seen = having(with_record(with_spec(seen, replicas=4), left=(Leaver(E, keep_claim=False),)), ending)
    plan = decide(seen)
    assert plan.steps == ()
    assert plan.wake_after < 1
