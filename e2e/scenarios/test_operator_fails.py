"""The operator is killed and frozen at bad moments: another one goes on, and no two ever act."""

import time

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly
from e2e.support.operator import Operator
from e2e.support.waiting import eventually, throughout

TAKEOVER = 15.0
"""Seconds within which another replica must lead: a Lease lasts ten."""


@pytest.mark.repeated("writes", range(1, 40, 2), few=(3, 17, 31))
def test_a_kill_at_any_moment_of_the_creation_does_no_harm(
    orders: EtcdCluster, operator: Operator, writes: int
) -> None:
    """The leader's process is killed after so many of the some forty writes that a creation takes."""
    operator.becomes_idle()
    leader, holder = operator.leader(), operator.holder()
    before = operator.writes(leader)
    orders.apply()

    def so_far() -> None:
        assert operator.writes(leader) - before >= writes, f"fewer than {writes} writes yet"

    eventually(so_far, within=60, every=0.01)
    operator.signal(leader, "SIGKILL")
    orders.becomes_healthy()
    has_exactly(orders, 3)
    assert operator.holder() != holder
    operator.renew(leader)


def test_a_leader_that_wakes_after_its_lease_writes_nothing(orders: EtcdCluster, operator: Operator) -> None:
    operator.becomes_idle()
    leader = operator.leader()
    before = operator.writes(leader)
    operator.signal(leader, "SIGSTOP")
    frozen = time.monotonic()
    try:
        orders.apply()

        def another_leads() -> None:
            assert operator.leader() != leader

        eventually(another_leads, within=TAKEOVER)
        took_over = time.monotonic() - frozen
        orders.becomes_healthy()
    finally:
        operator.signal(leader, "SIGCONT")
    assert took_over < TAKEOVER

    def it_writes_nothing() -> None:
        assert operator.writes(leader) == before

    throughout(it_writes_nothing, seconds=15, every=1)
    assert operator.leader() != leader
    has_exactly(orders, 3)
