"""What was last seen of each member's data: told when no quorum serves, and for as long as none does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Unknown
from etcd_operator.status import document
from etcd_operator.status.memory import HighestSeen, Memory, Sight, of_all, of_member
from tests.builders import IDENTITY, MEMBERS, NOW, Stage, an_observation, losing, saying, silent, with_status
from tests.unit.status.write import status_of

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation

A, B, C = MEMBERS[:3]
ROOM = 100_000
STABLE = an_observation(Stage.STABLE)


def at(seen: Observation, seconds: float) -> Observation:
    """The same, so many seconds later."""
    return replace(seen, at=NOW + timedelta(seconds=seconds))


def written(seen: Observation, **revisions: int) -> Observation:
    """The same moment, in which the members a, b and c have come to these revisions."""
    for letter, revision in revisions.items():
        seen = saying(seen, {"a": A, "b": B, "c": C}[letter], revision=revision)
    return seen


def alone(seen: Observation) -> Observation:
    """Only C is left, and finds no quorum."""
    seen = losing(seen, A, B)
    survivor = replace(seen.etcd.views[C], agreed=Unknown("no leader"))
    return replace(seen, etcd=replace(seen.etcd, views={C: survivor}, members=Unknown("no leader")))


def moment(text: str) -> datetime:
    """A moment of this test's day."""
    return datetime.fromisoformat(f"2026-11-22T{text}Z")


BEFORE = written(STABLE, a=300, b=300, c=100)
LOST = alone(BEFORE)


def remembering(*moments: Observation) -> Memory:
    """The memory of a process that has seen these."""
    memory = Memory()
    for seen in moments:
        memory.learn(seen)
    return memory


def left_by(*moments: Observation) -> str:
    """What a leader that has seen these leaves to the next one."""
    text, left_out = remembering(*moments).ever.text(room=ROOM)
    assert left_out == 0
    return text


def inheriting(text: str) -> Memory:
    """The memory of a new process that was left this."""
    memory = Memory()
    memory.ever.take_over(text)
    return memory


def of_another_cluster(seen: Observation, uid: str) -> Observation:
    """The same, but of a cluster with another UID."""
    meta = replace(seen.cluster.meta, uid=uid)
    return replace(seen, cluster=replace(seen.cluster, meta=meta))


def test_the_highest_revision_of_all_is_remembered_with_who_had_it_and_when() -> None:
    memory = remembering(written(STABLE, a=5, b=7, c=6), at(written(STABLE, a=6, b=6, c=6), 9))
    assert memory.highest == Sight(B, 7, NOW)


def test_a_revision_is_as_old_as_its_first_sight_by_the_highest() -> None:
    memory = remembering(written(STABLE, a=7), at(written(STABLE, a=7, b=7), 9))
    assert memory.highest == Sight(A, 7, NOW)


def test_of_each_member_the_last_sight_is_remembered() -> None:
    memory = remembering(BEFORE, at(silent(written(STABLE, a=301), C), 9))
    assert memory.last == {
        A: Sight(A, 301, moment("12:00:09")),
        B: Sight(B, 1, moment("12:00:09")),
        C: Sight(C, 100, NOW),
    }


def test_a_healthy_member_was_last_seen_now_although_it_wrote_nothing() -> None:
    assert remembering(STABLE, at(STABLE, 9)).last[C].at == moment("12:00:09")


def test_one_without_a_quorum_was_last_seen_when_its_revision_was_new_so_that_nothing_is_written_again() -> None:
    assert remembering(LOST, at(LOST, 9)).last[C].at == NOW
    moved = at(written(LOST, c=101), 9)
    assert remembering(LOST, moved).last[C] == Sight(C, 101, moment("12:00:09"))


def test_who_never_answered_was_never_seen() -> None:
    memory = remembering(silent(STABLE))
    assert (memory.last, memory.highest) == ({}, None)
    assert of_member(memory, A, {}) is None
    assert of_all(memory, {}) is None


def test_when_the_quorum_is_lost_the_status_names_the_survivor_and_what_was_ever_seen() -> None:
    status = status_of(at(LOST, 9), memory=remembering(BEFORE))
    assert status["phase"] == "NoQuorum"
    assert status["lastSeen"] == {"revision": 300, "member": A, "at": "2026-11-22T12:00:00Z"}
    assert {entry["name"]: entry["lastSeen"]["revision"] for entry in status["members"]} == {A: 300, B: 300, C: 100}


def test_it_stays_so_and_is_written_once() -> None:
    memory = remembering(BEFORE)
    stands = status_of(at(LOST, 9), memory=memory)
    later = status_of(with_status(at(LOST, 3600), stands), memory=memory)
    assert document.patch(stands, later) == {}


def test_it_stays_so_for_a_process_that_has_seen_only_the_survivor() -> None:
    stands = status_of(at(LOST, 9), memory=remembering(BEFORE))
    later = status_of(with_status(at(LOST, 3600), stands), memory=Memory())
    assert later["lastSeen"] == stands["lastSeen"]
    assert {entry["name"]: entry["lastSeen"]["revision"] for entry in later["members"]} == {A: 300, B: 300, C: 100}


def test_it_stays_so_while_nobody_can_be_asked_also_for_a_process_that_has_seen_nothing() -> None:
    stands = status_of(at(LOST, 9), memory=remembering(BEFORE))
    later = status_of(with_status(at(silent(BEFORE), 60), stands), memory=Memory())
    assert later["phase"] == "Unknown"
    assert later["lastSeen"] == stands["lastSeen"]
    assert {entry["name"]: entry["lastSeen"]["revision"] for entry in later["members"]} == {A: 300, B: 300, C: 100}


def test_a_higher_revision_than_the_one_that_was_told_replaces_it() -> None:
    told: Json = {"lastSeen": {"revision": 200, "member": B, "at": "2026-11-22T11:00:00Z"}}
    found = of_all(remembering(BEFORE), told)
    assert found == {"revision": 300, "member": A, "at": "2026-11-22T12:00:00Z"}


@pytest.mark.parametrize("revision", [300, 301])
def test_what_was_told_stands_against_what_is_no_higher(revision: int) -> None:
    told: Json = {"lastSeen": {"revision": revision, "member": B, "at": "2026-11-22T11:00:00Z"}}
    assert of_all(remembering(BEFORE), told) == told["lastSeen"]


def test_none_of_it_is_told_while_a_quorum_serves() -> None:
    stands = status_of(at(LOST, 9), memory=remembering(BEFORE))
    status = status_of(with_status(at(silent(BEFORE, C), 60), stands), memory=remembering(BEFORE))
    assert "lastSeen" not in status
    assert all("lastSeen" not in entry for entry in status["members"])


def test_none_of_it_is_told_of_a_cluster_that_never_formed() -> None:
    assert "lastSeen" not in status_of(silent(an_observation(Stage.STARTED)), memory=remembering(BEFORE))


def test_what_a_leader_leaves_is_short_and_names_no_cluster_but_by_its_uid() -> None:
    assert left_by(BEFORE) == f'{{"{IDENTITY.uid}":[300,"{A}",{int(NOW.timestamp())}]}}'
    assert left_by() == "{}"


def test_the_next_leader_tells_it_although_it_has_seen_only_the_survivor() -> None:
    status = status_of(at(LOST, 60), memory=inheriting(left_by(BEFORE)))
    assert status["lastSeen"] == {"revision": 300, "member": A, "at": "2026-11-22T12:00:00Z"}
    assert {entry["name"]: entry.get("lastSeen", {}).get("revision") for entry in status["members"]} == {
        A: None,
        B: None,
        C: 100,
    }


def test_it_is_left_to_the_one_after_that_too() -> None:
    second = inheriting(left_by(BEFORE))
    for seen in (BEFORE, LOST):
        second.learn(at(seen, 60))
        assert second.ever.text(room=ROOM) == (left_by(BEFORE), 0)


def test_of_what_was_left_and_what_is_seen_the_higher_one_wins() -> None:
    memory = inheriting(left_by(BEFORE))
    memory.learn(at(written(STABLE, b=299), 9))
    assert memory.highest == Sight(A, 300, NOW)
    memory.learn(at(written(STABLE, b=301), 18))
    assert memory.highest == Sight(B, 301, moment("12:00:18"))
    memory.ever.take_over(left_by(BEFORE))
    memory.learn(at(written(STABLE, b=301), 27))
    assert memory.highest == Sight(B, 301, moment("12:00:18"))


def test_a_namesake_inherits_nothing_of_the_cluster_before_it() -> None:
    namesake = of_another_cluster(at(written(STABLE, a=5), 9), "another")
    for memory in (inheriting(left_by(BEFORE)), remembering(BEFORE)):
        memory.learn(namesake)
        assert memory.highest == Sight(A, 5, moment("12:00:09"))
        assert memory.last[C] == Sight(C, 1, moment("12:00:09"))


def test_clusters_that_are_gone_are_dropped() -> None:
    memory = remembering(BEFORE, of_another_cluster(BEFORE, "another"))
    memory.ever.keep({IDENTITY.uid})
    assert memory.ever.text(room=ROOM) == (left_by(BEFORE), 0)


def test_a_cluster_that_was_dropped_although_it_is_there_is_back_with_its_next_pass() -> None:
    memory = remembering(BEFORE)
    memory.ever.keep(set())
    memory.learn(at(LOST, 60))
    assert memory.ever.text(room=ROOM) == (left_by(BEFORE), 0)


def test_where_room_is_short_those_are_kept_that_were_raised_last() -> None:
    ever = HighestSeen()
    for number in range(2000):
        ever.learn(f"{number:036}", Sight("a" * 63, 2**63 - 1, NOW + timedelta(seconds=number % 1000)))
    room = 200 * 1024
    text, left_out = ever.text(room=room)
    kept = json.loads(text)
    assert len(kept) == 2000 - left_out > 1450
    assert room - 150 < len(text.encode()) <= room
    assert min(at for _, _, at in kept.values()) >= (NOW + timedelta(seconds=left_out // 2)).timestamp()
    following = HighestSeen()
    following.take_over(text)
    assert following.text(room=room) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "300",
        "null",
        "not JSON",
        '{"one":',
        "[" * 200_000,
        f'{{"one":[{"9" * 5000},"a",1]}}',
        '{"one":null}',
        '{"one":[300]}',
        '{"one":[300,"a","2026-11-22T12:00:00Z"]}',
        '{"one":["300","a",1]}',
        '{"one":[300,null,1]}',
        '{"one":[0,"a",1]}',
        '{"one":[3e2,"a",1]}',
        '{"one":[NaN,"a",1]}',
        '{"one":[9223372036854775808,"a",1]}',
        '{"one":[300,"a",-1]}',
        '{"one":[300,"a",253402300800]}',
    ],
    ids=lambda text: text[:40],
)
def test_of_what_no_leader_wrote_nothing_is_taken_over(text: str) -> None:
    ever = HighestSeen()
    with_another = text.replace('{"one"', '{"another":[7,"a",1],"one"')
    for found in (text, with_another):
        with pytest.raises(ValueError, match=r"."):
            ever.take_over(found)
    assert ever == HighestSeen()


@pytest.mark.parametrize("entry", ['[9223372036854775807,"a",253402300799]', '[true,"a",true]'])
def test_what_is_taken_over_can_be_told(entry: str) -> None:
    memory = inheriting(f'{{"{IDENTITY.uid}":{entry}}}')
    memory.learn(silent(STABLE))
    told = of_all(memory, {})
    assert told is not None
    assert type(told["revision"]) is int
    assert datetime.fromisoformat(told["at"])
