"""Who is a member, by etcd's own word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Leaver, Unknown
from etcd_operator.plan.membership import read_membership
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_member,
    a_pod,
    an_observation,
    having,
    led_by,
    listing,
    mute,
    saying,
    silent,
    with_learner,
    with_record,
    without,
)
from tests.unit.plan.decide import situation

if TYPE_CHECKING:
    from etcd_operator.observation import Observation
    from etcd_operator.plan.membership import Membership

STABLE = an_observation(Stage.STABLE)
A, B, C, D = MEMBERS[:4]
LISTED = tuple(a_member(name) for name in (A, B, C))


def read(seen: Observation) -> Membership:
    """The membership, which can be read."""
    found = read_membership(situation(seen))
    assert found is not None
    return found


@pytest.mark.parametrize("seen", [silent(STABLE), an_observation(Stage.AGREED)], ids=["no list", "not formed"])
def test_nothing_is_known_without_the_list_of_a_quorum_of_a_formed_cluster(seen: Observation) -> None:
    assert read_membership(situation(seen)) is None


def test_all_that_answer_as_the_member_that_etcd_lists_are_healthy() -> None:
    found = read(STABLE)
    assert found.healthy == {A, B, C}
    assert (found.size, found.leader, found.foreign) == (3, A, ())
    assert set(found.voters) == set(found.listed) == {A, B, C}


def test_a_healthy_member_whose_pod_is_ending_counts_as_one_that_goes() -> None:
    found = read(having(STABLE, a_pod(C, deleting=True)))
    assert set(found.healthy) == {A, B, C}
    assert set(found.staying) == {A, B}


def test_a_healthy_member_stays_although_its_pod_cannot_be_seen() -> None:
    assert set(read(without(STABLE, Kind.POD, C)).staying) == {A, B, C}


def test_a_silent_member_votes_but_is_not_healthy() -> None:
    found = read(silent(STABLE, C))
    assert found.healthy == {A, B}
    assert found.size == 3


def test_a_voter_that_takes_part_and_serves_no_clients_yet_is_healthy() -> None:
    found = read(mute(STABLE, A))
    assert found.healthy == found.staying == {A, B, C}
    assert found.serving == {B, C}
    assert found.leader is None


def test_one_that_answers_is_judged_by_its_answers_alone() -> None:
    seen = saying(STABLE, C, member_id=1)
    views = {**seen.etcd.views, C: replace(seen.etcd.views[C], takes_part=True)}
    assert read(replace(seen, etcd=replace(seen.etcd, views=views))).healthy == {A, B}


def test_a_process_under_the_name_of_a_member_that_never_started_takes_no_part() -> None:
    seen = mute(listing(STABLE, *LISTED[:2], a_member(C, started=False)), C)
    assert read(seen).healthy == {A, B}
    assert not read(seen).current


def test_one_that_takes_part_has_caught_up_by_its_own_word() -> None:
    found = read(mute(STABLE, C))
    assert found.caught_up(C)
    assert not read(silent(STABLE, C)).caught_up(C)


def test_a_member_that_finds_no_quorum_is_not_healthy() -> None:
    alone = replace(STABLE.etcd.views[C], agreed=Unknown("no leader"))
    seen = replace(STABLE, etcd=replace(STABLE.etcd, views={**STABLE.etcd.views, C: alone}))
    assert read(seen).healthy == {A, B}


def test_a_member_that_does_not_say_who_it_is_is_not_healthy() -> None:
    mute = replace(STABLE.etcd.views[C], status=Unknown("no answer"))
    seen = replace(STABLE, etcd=replace(STABLE.etcd, views={**STABLE.etcd.views, C: mute}))
    assert read(seen).healthy == {A, B}


def test_a_process_that_is_another_member_than_its_name_says_is_not_healthy() -> None:
    assert read(saying(STABLE, C, member_id=a_member(B).id)).healthy == {A, B}


def test_a_pod_that_answers_without_a_place_in_the_list_is_no_member() -> None:
    found = read(listing(STABLE, *LISTED[:2]))
    assert set(found.statuses) == {A, B}
    assert (found.size, set(found.healthy)) == (2, {A, B})


def test_a_learner_has_no_vote_and_counts_nowhere() -> None:
    found = read(with_learner(with_record(STABLE, joining=(D,)), D))
    assert (set(found.learners), found.size, set(found.healthy)) == ({D}, 3, {A, B, C})
    assert set(found.listed) == {A, B, C, D}


def test_a_learner_of_our_own_form_is_ours_although_nobody_recorded_it() -> None:
    found = read(with_learner(STABLE, D))
    assert (set(found.learners), found.foreign) == ({D}, ())


def test_a_voter_that_nobody_recorded_is_foreign_and_votes() -> None:
    found = read(listing(STABLE, *LISTED, a_member(D)))
    assert [entry.name for entry in found.foreign] == [D]
    assert found.size == 4
    assert set(found.voters) == {A, B, C}


def test_a_voter_that_was_given_up_is_ours() -> None:
    given_up = with_record(STABLE, left=(Leaver(D, keep_claim=False),))
    found = read(listing(given_up, *LISTED, a_member(D)))
    assert (set(found.voters), found.foreign) == ({A, B, C, D}, ())


def test_a_newcomer_that_votes_already_is_ours() -> None:
    found = read(listing(with_record(STABLE, joining=(D,)), *LISTED, a_member(D)))
    assert (set(found.voters), found.foreign) == ({A, B, C, D}, ())


@pytest.mark.parametrize(("learner", "size"), [(True, 3), (False, 4)])
def test_what_has_another_address_than_ours_is_foreign_and_counts_if_it_votes(*, learner: bool, size: int) -> None:
    guest = replace(a_member("guest", learner=learner), peer_urls=("https://10.0.0.9:2380",))
    found = read(listing(STABLE, *LISTED, guest))
    assert found.foreign == (guest,)
    assert found.size == size


def test_the_leader_is_the_healthy_voter_that_says_so_of_itself() -> None:
    assert read(led_by(STABLE, B)).leader == B
    assert read(silent(led_by(STABLE, B), B)).leader is None


def test_who_leads_is_not_known_while_nobody_says_so_of_itself() -> None:
    assert read(led_by(STABLE, D)).leader is None


@pytest.mark.parametrize(("applied", "caught_up"), [(1000, True), (900, True), (899, False), (0, False)])
def test_a_member_has_caught_up_with_nine_tenths_of_the_leaders_log(applied: int, *, caught_up: bool) -> None:
    seen = saying(saying(STABLE, A, raft_applied_index=1000), B, raft_applied_index=applied)
    assert read(seen).caught_up(B) is caught_up


def test_a_member_that_says_nothing_has_not_caught_up() -> None:
    found = read(silent(STABLE, B))
    assert found.applied(B) == 0
    assert not found.caught_up(B)


def test_nobody_has_caught_up_while_nobody_leads() -> None:
    assert not read(led_by(STABLE, D)).caught_up(A)
