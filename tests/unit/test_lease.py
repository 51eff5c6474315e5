"""Who leads, and above all who does not any more."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from etcd_operator.kube.errors import Conflict, Unreachable
from etcd_operator.lease import DURATION, RENEW_EVERY, Leadership
from etcd_operator.resources.kinds import Kind
from tests.unit.fakes import FakeClock, FakeKube
from tests.unit.virtual_time import now, run

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json


@dataclass
class Replica:
    """One process with a clock of its own."""

    kube: FakeKube
    name: str = "one"
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        """Make its hold on the Lease."""
        self.lease = Leadership(
            self.kube, namespace="operators", name="etcd-operator", identity=self.name, clock=self.clock
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


async def test_a_lease_without_a_holder_or_even_a_spec_is_free(kube: FakeKube, one: Replica) -> None:
    body = {"metadata": {"name": "etcd-operator", "namespace": "operators"}}
    kube.put(Kind.LEASE, body)
    assert await one.tries()


def test_a_held_lease_is_renewed_for_ever() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        lease = Leadership(kube, namespace="operators", name="etcd-operator", identity="one", clock=lambda: 1e6 + now())
        async with aclosing(lease.hold()) as tries:
            for _ in range(100):
                assert await anext(tries)
        assert now() == pytest.approx(99 * RENEW_EVERY)

    run(scenario())
