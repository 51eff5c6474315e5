"""When a cluster counts as formed: once, for ever, and only on the word of a quorum of exactly the named members."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Leaver
from tests.builders import (
    CLUSTER_ID,
    MEMBERS,
    Stage,
    a_member,
    a_spec,
    an_observation,
    listing,
    silent,
    with_record,
)
from tests.unit.plan.decide import decide

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Member


def test_the_cluster_id_is_recorded_as_soon_as_a_quorum_answers_and_before_anything_else_is_done() -> None:
    plan = decide(an_observation(Stage.AGREED))
    assert plan.record.cluster_id == CLUSTER_ID
    assert plan.record.members == MEMBERS[:3]
    assert plan.steps == ()
    assert plan.wake_after == 0


def test_one_late_member_does_not_keep_the_cluster_from_being_formed() -> None:
    seen = silent(an_observation(Stage.AGREED), MEMBERS[2])
    late = a_member(MEMBERS[2], started=False)
    seen = listing(seen, a_member(MEMBERS[0]), a_member(MEMBERS[1]), late)
    assert decide(seen).record.formed


def test_a_cluster_without_encryption_forms_as_well() -> None:
    spec = a_spec(tls={"client": "Off", "peer": "Off"})
    assert decide(an_observation(Stage.AGREED, spec=spec)).record.formed


def test_without_an_answer_nothing_is_formed() -> None:
    assert not decide(an_observation(Stage.STARTED)).record.formed


STRANGER = a_member("orders-zzzzz")
A, B, C = (a_member(name) for name in MEMBERS[:3])


@pytest.mark.parametrize(
    "members",
    [(A, B), (A, B, C, STRANGER), (A, B, STRANGER), (STRANGER,)],
    ids=["one too few", "one too many", "another one", "only another"],
)
def test_a_list_of_other_members_than_the_named_ones_is_not_this_cluster(members: tuple[Member, ...]) -> None:
    assert not decide(listing(an_observation(Stage.AGREED), *members)).record.formed


def test_the_cluster_of_a_first_start_that_was_given_up_is_not_taken_for_the_new_one() -> None:
    left = tuple(Leaver(name, keep_claim=False) for name in MEMBERS[:3])
    seen = with_record(an_observation(Stage.AGREED), members=MEMBERS[3:6], left=left)
    plan = decide(seen)
    assert not plan.record.formed
    assert plan.blocked == ()


def test_a_cluster_id_once_recorded_is_never_replaced() -> None:
    seen = listing(an_observation(Stage.STABLE), A, B, C, cluster_id=CLUSTER_ID + 1)
    assert decide(seen).record.cluster_id == CLUSTER_ID


def test_the_cluster_forms_with_the_version_that_runs_whatever_was_accepted_meanwhile() -> None:
    seen = with_record(an_observation(Stage.AGREED), version="3.7.3", former="3.5.35")
    record = decide(seen).record
    assert (record.version, record.former) == ("3.6.16", None)
    unheard = replace(seen, etcd=replace(seen.etcd, views={}))
    assert decide(unheard).record.version == "3.7.3"
