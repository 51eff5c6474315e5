"""Who leads, and above all who does not any more."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from etcd_operator.kube.errors import Conflict, Refused, Unreachable
from etcd_operator.lease import DURATION, HIGHEST, RENEW_EVERY, ROOM, Leadership
from etcd_operator.resources.kinds import Kind
from tests.unit.fakes import FakeClock, FakeKube
from tests.unit.virtual_time import now, run

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json


@dataclass
class Note:
    """What is handed over, here a few words; `left_out` is for how many clusters there is said to be no room."""

    words: str = "nothing"
    left_out: int = 0

    def text(self, *, room: int) -> tuple[str, int]:
        """The words."""
        assert room == ROOM
        return self.words, self.left_out

    def take_over(self, text: str) -> None:
        """Take the words over, unless there are none."""
        if not text:
            raise ValueError("not a word")
        self.words = text


@dataclass
class Replica:
    """One process with a clock of its own."""

    kube: FakeKube
    name: str = "one"
    clock: FakeClock = field(default_factory=FakeClock)
    note: Note = field(default_factory=Note)

    def __post_init__(self) -> None:
        """Make its hold on the Lease."""
        self.lease = Leadership(
            self.kube,
            namespace="operators",
            name="etcd-operator",
            identity=self.name,
            handover=self.note,
            clock=self.clock,
        )

    async def tries(self) -> bool:
        """Try once, as every few seconds; whether it leads then."""
        async with aclosing(self.lease.hold()) as tries:
            return await anext(tries)

    @property
    def leads(self) -> bool:
        """Whether any time is left."""
        return self.lease.remaining() > 0


@pytest.fixture
def kube() -> FakeKube:
    """A Kubernetes without a Lease."""
    return FakeKube()


@pytest.fixture
def one(kube: FakeKube) -> Replica:
    """A replica."""
    return Replica(kube)


@pytest.fixture
def two(kube: FakeKube) -> Replica:
    """Another replica, whose clock shows another time."""
    return Replica(kube, "two", FakeClock(5_000_000.0))


def stored(kube: FakeKube) -> Json:
    """The Lease's spec as it stands."""
    spec: Json = kube.objects[Kind.LEASE, "operators", "etcd-operator"]["spec"]
    return spec


def left(kube: FakeKube) -> str | None:
    """What is left to the next leader in the Lease as it stands."""
    found: Json = kube.objects[Kind.LEASE, "operators", "etcd-operator"]["metadata"].get("annotations", {})
    return found.get(HIGHEST)


def somebody_writes(kube: FakeKube, text: str | None) -> None:
    """Somebody else changes what is left to the next leader; None takes it away."""
    lease = kube.objects[Kind.LEASE, "operators", "etcd-operator"]
    annotations = {"somebody.example/else": "kept"} if text is None else {HIGHEST: text}
    kube.put(Kind.LEASE, {**lease, "metadata": {**lease["metadata"], "annotations": annotations}})


async def takes_over(kube: FakeKube, other: Replica) -> bool:
    """Wait until the Lease has run out, then try; whether `other` leads then."""
    await other.tries()
    other.clock.forward(DURATION + 1)
    kube.calls.clear()
    return await other.tries()


async def test_the_first_replica_makes_the_lease_and_leads_for_its_duration(kube: FakeKube, one: Replica) -> None:
    assert await one.tries()
    assert one.lease.remaining() == DURATION
    assert stored(kube)["holderIdentity"] == "one"


async def test_the_lease_is_short_enough_for_another_replica_to_take_over_within_fifteen_seconds() -> None:
    assert DURATION + 2 * RENEW_EVERY < 15


async def test_before_the_first_try_nobody_leads(one: Replica) -> None:
    assert not one.leads


async def test_while_one_leads_the_other_does_not(one: Replica, two: Replica) -> None:
    await one.tries()
    assert not await two.tries()
    assert not two.leads


async def test_a_renewal_lasts_from_its_beginning(one: Replica) -> None:
    await one.tries()
    one.clock.forward(4)
    assert await one.tries()
    assert one.lease.remaining() == DURATION


async def test_time_that_the_api_server_took_is_not_counted_as_ours(kube: FakeKube, one: Replica) -> None:
    await one.tries()

    async def slow(verb: str, _kind: str, _name: str) -> None:
        one.clock.forward(3 if verb == "patch" else 0)

    kube.before = slow
    await one.tries()
    assert one.lease.remaining() == DURATION - 3


async def test_another_takes_over_only_after_the_whole_duration_by_its_own_clock(one: Replica, two: Replica) -> None:
    await one.tries()
    assert not await two.tries()
    two.clock.forward(DURATION)
    assert not await two.tries()
    two.clock.forward(0.1)
    assert await two.tries()


async def test_each_renewal_that_is_seen_begins_the_wait_anew(one: Replica, two: Replica) -> None:
    await one.tries()
    for _ in range(5):
        await two.tries()
        await one.tries()
        two.clock.forward(DURATION - 1)
        assert not await two.tries()


async def test_a_replica_that_starts_long_after_the_leader_died_waits_all_the_same(one: Replica, two: Replica) -> None:
    await one.tries()
    two.clock.forward(3600)
    assert not await two.tries()


async def test_a_takeover_is_counted(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    await two.tries()
    two.clock.forward(DURATION + 1)
    await two.tries()
    assert (stored(kube)["holderIdentity"], stored(kube)["leaseTransitions"]) == ("two", 1)


async def test_the_old_leader_knows_that_it_was_replaced(one: Replica, two: Replica) -> None:
    await one.tries()
    await two.tries()
    two.clock.forward(DURATION + 1)
    await two.tries()
    assert not await one.tries()
    assert not one.leads


async def test_of_two_that_take_over_at_once_one_leads(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    three = Replica(kube, "three")
    for other in (two, three):
        await other.tries()
        other.clock.forward(DURATION + 1)

    async def overtaken(verb: str, _kind: str, _name: str) -> None:
        if verb == "patch":
            kube.before = None
            assert await two.tries()

    kube.before = overtaken
    assert not await three.tries()
    assert two.leads


async def test_of_two_that_make_the_lease_at_once_one_leads(kube: FakeKube, one: Replica, two: Replica) -> None:
    async def overtaken(verb: str, _kind: str, _name: str) -> None:
        if verb == "create":
            kube.before = None
            assert await two.tries()

    kube.before = overtaken
    assert not await one.tries()


async def test_a_leader_whose_lease_somebody_changed_leads_no_more_until_it_looked_again(
    kube: FakeKube, one: Replica
) -> None:
    await one.tries()
    kube.faults["patch", "Lease", None] = Conflict("changed")
    assert not await one.tries()
    kube.faults.clear()
    assert await one.tries()


async def test_while_the_api_server_is_away_the_time_left_only_shrinks(kube: FakeKube, one: Replica) -> None:
    await one.tries()
    kube.faults[None, None, None] = Unreachable("no answer")
    one.clock.forward(RENEW_EVERY)
    assert await one.tries()
    assert one.lease.remaining() == DURATION - RENEW_EVERY
    one.clock.forward(DURATION)
    assert not await one.tries()


async def test_a_takeover_without_an_answer_is_no_leadership_until_it_is_seen(
    kube: FakeKube, one: Replica, two: Replica
) -> None:
    await one.tries()
    await two.tries()
    two.clock.forward(DURATION + 1)
    kube.faults["patch", "Lease", None] = Unreachable("no answer")
    assert not await two.tries()
    kube.faults.clear()
    assert await two.tries()


async def test_a_process_that_was_frozen_past_its_lease_has_nothing_left_when_it_wakes(one: Replica) -> None:
    await one.tries()
    one.clock.forward(60)
    assert one.lease.remaining() < 0


async def test_what_was_begun_before_a_lapse_is_told_to_end_before_the_lease_is_taken_again(
    kube: FakeKube, one: Replica
) -> None:
    await one.tries()
    one.clock.forward(60)
    calls = len(kube.calls)
    async with aclosing(one.lease.hold()) as tries:
        assert await anext(tries) is False
        assert len(kube.calls) == calls
        assert await anext(tries) is True


async def test_a_lease_that_was_given_up_is_taken_at_once(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    await one.lease.release()
    assert not one.leads
    assert stored(kube)["holderIdentity"] == ""
    assert await two.tries()


async def test_nothing_is_given_up_that_is_not_held(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    kube.calls.clear()
    await two.lease.release()
    assert kube.calls == []


async def test_a_lease_that_another_took_meanwhile_is_not_given_up(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    await two.tries()
    two.clock.forward(DURATION + 1)
    await two.tries()
    await one.lease.release()
    assert stored(kube)["holderIdentity"] == "two"


async def test_what_a_leader_leaves_goes_with_each_renewal_and_costs_no_call(kube: FakeKube, one: Replica) -> None:
    await one.tries()
    kube.calls.clear()
    for words in ("shop at 7", "shop at 9"):
        one.note.words = words
        await one.tries()
        assert left(kube) == words
    assert kube.calls == 2 * [("get", "Lease", "etcd-operator"), ("patch", "Lease", "etcd-operator")]


async def test_whoever_takes_over_has_learned_it_before_it_leads(kube: FakeKube, one: Replica, two: Replica) -> None:
    one.note.words = "shop at 7"
    for _ in range(2):
        await one.tries()
    assert await takes_over(kube, two)
    assert two.note.words == left(kube) == "shop at 7"
    assert kube.calls == [("get", "Lease", "etcd-operator"), ("patch", "Lease", "etcd-operator")]


async def test_it_is_learned_also_when_the_answer_to_the_takeover_is_lost(
    kube: FakeKube, one: Replica, two: Replica
) -> None:
    one.note.words = "shop at 7"
    for _ in range(2):
        await one.tries()
    kube.faults["patch", "Lease", None] = Unreachable("no answer")
    await takes_over(kube, two)
    assert two.note.words == "shop at 7"


async def test_while_another_leads_nothing_is_learned(kube: FakeKube, one: Replica, two: Replica) -> None:
    await one.tries()
    somebody_writes(kube, "shop at 7")
    await two.tries()
    assert two.note.words == "nothing"


async def test_what_was_learned_last_is_left_when_the_lease_is_given_up(kube: FakeKube, one: Replica) -> None:
    await one.tries()
    one.note.words = "shop at 9"
    await one.lease.release()
    assert left(kube) == "shop at 9"


async def test_what_somebody_wrote_there_is_ignored_told_and_written_over(
    kube: FakeKube, one: Replica, two: Replica
) -> None:
    await one.tries()
    somebody_writes(kube, "")
    with capture_logs() as logs:
        assert await takes_over(kube, two)
    assert two.note.words == left(kube) == "nothing"
    told = {"event": "an annotation of the Lease is ignored", "annotation": HIGHEST, "why": "not a word"}
    assert told.items() <= logs[-1].items()


async def test_where_somebody_took_it_away_the_next_one_leads_without(
    kube: FakeKube, one: Replica, two: Replica
) -> None:
    await one.tries()
    somebody_writes(kube, None)
    with capture_logs() as logs:
        assert await takes_over(kube, two)
    assert [line["event"] for line in logs] == ["taking the Lease over"]
    assert left(kube) == "nothing"


async def test_a_lease_that_cannot_have_it_is_held_all_the_same(kube: FakeKube, one: Replica) -> None:
    await one.tries()

    async def full(verb: str, _kind: str, _name: str) -> None:
        if verb == "patch":
            kube.before = None
            raise Refused("annotations: Too long: may not be more than 262144 bytes")

    kube.before = full
    one.clock.forward(4)
    assert await one.tries()
    assert one.lease.remaining() == DURATION
    assert left(kube) is None


async def test_that_not_all_of_it_has_room_is_told_once(one: Replica) -> None:
    with capture_logs() as logs:
        for one.note.left_out in (0, 0, 3, 4, 3, 0):
            await one.tries()
    assert [line["left_out"] for line in logs] == [3]


async def test_a_lease_without_a_holder_or_even_a_spec_is_free(kube: FakeKube, one: Replica) -> None:
    body = {"metadata": {"name": "etcd-operator", "namespace": "operators"}}
    kube.put(Kind.LEASE, body)
    assert await one.tries()


def test_a_held_lease_is_renewed_for_ever() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        lease = Leadership(
            kube,
            namespace="operators",
            name="etcd-operator",
            identity="one",
            handover=Note(),
            clock=lambda: 1e6 + now(),
        )
        async with aclosing(lease.hold()) as tries:
            for _ in range(100):
                assert await anext(tries)
        assert now() == pytest.approx(99 * RENEW_EVERY)

    run(scenario())
