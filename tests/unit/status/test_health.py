"""The numbers behind the conditions and the metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Problem
from etcd_operator.status import health
from tests.builders import (
    MEMBERS,
    Stage,
    a_member,
    a_pod,
    a_status,
    an_observation,
    having,
    listing,
    mute,
    saying,
    silent,
    with_learner,
    with_newcomers,
    with_record,
)

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE, members=5)
THREE = an_observation(Stage.STABLE)
MEMBER = [a_member(name) for name in MEMBERS[:5]]


@pytest.mark.parametrize(("down", "margin"), [(0, 2), (1, 1), (2, 0)])
def test_the_margin_is_how_many_more_voters_may_fail(down: int, margin: int) -> None:
    seen = silent(STABLE, *MEMBERS[:down]) if down else STABLE
    assert health.health(seen).margin == margin


def test_the_margin_is_negative_when_nobody_serves() -> None:
    assert health.health(silent(STABLE)).margin < 0


def test_learners_are_no_voters() -> None:
    seen = listing(STABLE, *MEMBER[:4], replace(MEMBER[4], is_learner=True))
    assert health.health(seen).voters == 4


def test_the_leader_is_the_one_that_a_quorum_names() -> None:
    assert health.leader_id(STABLE) == MEMBER[0].id


def test_no_leader_is_told_while_members_disagree_about_it() -> None:
    views = {
        member.name: replace(STABLE.etcd.views[member.name], status=a_status(member, leader=leader))
        for member, leader in zip(MEMBER, (MEMBER[0], MEMBER[0], MEMBER[1], MEMBER[1], MEMBER[2]), strict=True)
    }
    assert health.leader_id(replace(STABLE, etcd=replace(STABLE.etcd, views=views))) == 0


def test_newcomers_at_the_gate_do_not_hide_the_leader() -> None:
    seen = silent(with_newcomers(THREE, *MEMBERS[3:5]), MEMBERS[2])
    assert health.leader_id(seen) == MEMBER[0].id


def test_no_leader_is_told_while_nobody_answers() -> None:
    assert health.leader_id(silent(STABLE)) == 0


A, B, C, D = MEMBERS[:4]


def test_newcomers_that_wait_are_no_voters_with_and_without_a_list() -> None:
    seen = with_newcomers(THREE, D)
    assert health.health(seen).voters == 3
    assert health.health(silent(seen)).voters == 3


def test_a_process_that_is_another_member_than_its_name_says_does_not_serve() -> None:
    assert health.health(saying(THREE, C, member_id=0xB0B)).healthy == 2
    phase, reason = health.member_phase(saying(THREE, C, member_id=0xB0B), C)
    assert (phase, reason) == ("Unhealthy", "it answers as another member")


def test_one_that_takes_part_and_serves_no_clients_yet_is_starting() -> None:
    seen = mute(THREE, C)
    assert health.health(seen).healthy == 2
    assert health.member_phase(seen, C) == ("Starting", "it takes part, and serves no clients yet")
    assert health.member_phase(silent(THREE, C), C) == ("Unhealthy", "no answer before the deadline")


NEWCOMERS: dict[str, tuple[Observation, tuple[str, str]]] = {
    "nothing is there": (with_record(THREE, joining=(D,)), ("Preparing", "")),
    "its Pod is prepared": (having(with_newcomers(THREE, D), a_pod(D, running=False)), ("Preparing", "")),
    "it waits at the gate": (with_newcomers(THREE, D), ("AtGate", "")),
    "etcd lists it": (with_learner(with_newcomers(THREE, D), D, started=False), ("Learning", "")),
    "it learns": (with_learner(with_newcomers(THREE, D), D), ("Learning", "")),
    "it finds no node": (
        having(with_newcomers(THREE, D), a_pod(D, running=False, problem=Problem(Cause.UNSCHEDULABLE, "0/3 nodes"))),
        ("Blocked", "Unschedulable: 0/3 nodes"),
    ),
}


@pytest.mark.parametrize(("seen", "phase"), NEWCOMERS.values(), ids=NEWCOMERS)
def test_the_phase_of_a_newcomer_when(seen: Observation, phase: tuple[str, str]) -> None:
    assert health.member_phase(seen, D) == phase


def test_a_newcomer_that_votes_and_serves_is_healthy_like_any_member() -> None:
    seen = with_record(an_observation(Stage.STABLE, members=4), members=MEMBERS[:3], joining=(D,))
    assert health.member_phase(seen, D) == ("Healthy", "")


def test_a_learner_that_nobody_wants_is_told_by_what_its_pod_does() -> None:
    assert health.member_phase(with_learner(THREE, D, started=False), D) == ("Missing", "no Pod")
