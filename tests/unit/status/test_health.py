"""The numbers behind the conditions and the metrics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.status import health
from tests.builders import MEMBERS, Stage, a_member, a_status, an_observation, listing, silent

STABLE = an_observation(Stage.STABLE, members=5)
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


def test_no_leader_is_told_while_nobody_answers() -> None:
    assert health.leader_id(silent(STABLE)) == 0
