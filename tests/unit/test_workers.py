"""One task per cluster: what wakes it, what ends it, and what it never does to another."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from etcd_operator.kube.errors import Conflict, KubeError, NotFound, ServerFailed, Unreachable
from etcd_operator.metrics import Metrics
from etcd_operator.resources.kinds import Kind
from etcd_operator.workers import LAST_RETRY, RESYNC, Workers
from tests.builders import cluster_json
from tests.unit.fakes import FakeKube
from tests.unit.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Container

NEVER = 1e9


@dataclass
class Passes:
    """The passes of one cluster: `outcomes` in turn, the last one for ever after; `at` tells when each began."""

    outcomes: list[float | Exception | Callable[[], Awaitable[float]]] = field(default_factory=lambda: [NEVER])
    at: list[float] = field(default_factory=list)
    closed: bool = False

    async def run_pass(self) -> float:
        """One pass."""
        self.at.append(now())
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome.with_traceback(None)
        return outcome if isinstance(outcome, float | int) else await outcome()

    async def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


@dataclass
class Stand:
    """Workers with passes that the test sets beforehand."""

    kube: FakeKube = field(default_factory=FakeKube)
    passes: dict[str, Passes] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    namespaces: tuple[str, ...] = ()
    kept: list[Container[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the workers."""
        self.workers = Workers(
            self.kube,
            start=lambda _, name: self.passes.setdefault(name, Passes()),
            namespaces=self.namespaces,
            metrics=self.metrics,
            keep=self.kept.append,
        )

    def exists(self, *names: str, namespace: str = "shop") -> None:
        """Let these clusters be in Kubernetes."""
        for name in names:
            body = cluster_json()
            body["metadata"] |= {"name": name, "namespace": namespace, "uid": f"uid-of-{name}"}
            self.kube.put(Kind.CLUSTER, body)

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[None]:
        """Lead meanwhile."""
        task = asyncio.create_task(self.workers.lead())
        await asyncio.sleep(0.001)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_every_cluster_is_served_once_this_replica_leads() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders", "users")
        async with stand.leading():
            assert {name: len(passes.at) for name, passes in stand.passes.items()} == {"orders": 1, "users": 1}

    run(scenario())


def test_only_the_given_namespaces_are_served() -> None:
    async def scenario() -> None:
        stand = Stand(namespaces=("shop", "bank"))
        stand.exists("orders")
        stand.exists("accounts", namespace="bank")
        stand.exists("others", namespace="elsewhere")
        async with stand.leading():
            assert set(stand.passes) == {"orders", "accounts"}

    run(scenario())


def test_an_event_wakes_its_own_cluster_and_no_other() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders", "users")
        async with stand.leading():
            stand.workers.wake("shop", "orders")
            await asyncio.sleep(1)
            assert (len(stand.passes["orders"].at), len(stand.passes["users"].at)) == (2, 1)

    run(scenario())


def test_an_event_of_a_new_cluster_begins_its_loop() -> None:
    async def scenario() -> None:
        stand = Stand()
        async with stand.leading():
            stand.workers.wake("shop", "orders")
            await asyncio.sleep(1)
            assert len(stand.passes["orders"].at) == 1

    run(scenario())


def test_many_events_during_a_pass_cause_one_pass_after_it() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")

        async def slow() -> float:
            await asyncio.sleep(2)
            return NEVER

        stand.passes["orders"] = Passes([slow, NEVER])
        async with stand.leading():
            for _ in range(5):
                stand.workers.wake("shop", "orders")
                await asyncio.sleep(0.1)
            await asyncio.sleep(5)
            assert len(stand.passes["orders"].at) == 2

    run(scenario())


def test_a_pass_says_when_the_next_one_begins() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.passes["orders"] = Passes([0.0, 5.0, 7.0, NEVER])
        async with stand.leading():
            await asyncio.sleep(20)
            assert [round(at) for at in stand.passes["orders"].at] == [0, 0, 5, 12]

    run(scenario())


def test_a_cluster_that_is_stuck_delays_no_other() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("stuck", "orders")

        async def stuck() -> float:
            await asyncio.Event().wait()
            return NEVER

        stand.passes["stuck"] = Passes([stuck])
        stand.passes["orders"] = Passes([5.0])
        async with stand.leading():
            await asyncio.sleep(21)
            assert len(stand.passes["orders"].at) == 5
            assert len(stand.passes["stuck"].at) == 1

    run(scenario())


def test_nothing_runs_while_another_replica_leads() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.workers.wake("shop", "orders")
        await asyncio.sleep(60)
        assert stand.passes == {}

    run(scenario())


def test_when_leadership_ends_every_loop_has_ended_and_its_connections_are_closed() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders", "users")
        async with stand.leading():
            pass
        assert all(passes.closed for passes in stand.passes.values())
        stand.workers.wake("shop", "orders")
        await asyncio.sleep(60)
        assert len(stand.passes["orders"].at) == 1

    run(scenario())


def test_leadership_may_come_back() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        for _ in range(2):
            async with stand.leading():
                pass
        assert len(stand.passes["orders"].at) == 2

    run(scenario())


def test_the_loop_of_a_cluster_that_is_gone_ends_and_so_do_its_metrics() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.passes["orders"] = Passes([1.0, NotFound("gone")])
        stand.metrics.blocked.labels("shop", "orders").set(1)
        async with stand.leading():
            await asyncio.sleep(2)
            assert stand.passes["orders"].closed
            assert not next(iter(stand.metrics.blocked.collect())).samples
            assert not next(iter(stand.metrics.passes.collect())).samples
            await asyncio.sleep(20)
            assert len(stand.passes["orders"].at) == 2

    run(scenario())


def test_a_cluster_made_anew_while_the_old_one_is_found_gone_is_served_at_once() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")

        async def gone() -> float:
            stand.workers.wake("shop", "orders")
            raise NotFound("gone")

        stand.passes["orders"] = Passes([gone, NEVER])
        async with stand.leading():
            await asyncio.sleep(1)
            assert len(stand.passes["orders"].at) == 2

    run(scenario())


FAILURES = [Unreachable("no answer"), ServerFailed("etcd is away", code=500), Conflict("overtaken")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_pass_that_failed_is_tried_again_with_growing_pauses_that_have_an_end(failure: KubeError) -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.passes["orders"] = Passes([failure])
        async with stand.leading():
            await asyncio.sleep(300)
            at = stand.passes["orders"].at
            pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
            assert pauses == sorted(pauses)
            assert pauses[0] <= 1
            assert pauses[-1] == pytest.approx(LAST_RETRY, abs=1)

    run(scenario())


def test_an_outage_of_a_day_ends_no_loop() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.passes["orders"] = Passes([Unreachable("no answer")])
        async with stand.leading():
            await asyncio.sleep(24 * 3600)
            assert not stand.passes["orders"].closed
            assert len(stand.passes["orders"].at) > 5000

    run(scenario())


def test_after_a_success_pauses_begin_small_again() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        failure = Unreachable("no answer")
        stand.passes["orders"] = Passes([failure, failure, failure, failure, 1.0, failure, NEVER])
        async with stand.leading():
            await asyncio.sleep(100)
            at = stand.passes["orders"].at
            assert at[6] - at[5] == pytest.approx(at[1] - at[0])

    run(scenario())


@pytest.mark.parametrize(("asked", "waited"), [(3.0, 3.0), (3600.0, LAST_RETRY)])
def test_the_servers_own_wish_when_to_come_back_is_honoured_within_reason(asked: float, waited: float) -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.passes["orders"] = Passes([ServerFailed("busy", code=429, retry_after=asked), NEVER])
        async with stand.leading():
            await asyncio.sleep(7200)
            first, second = stand.passes["orders"].at
            assert second - first == pytest.approx(waited, abs=1)

    run(scenario())


def test_a_pass_that_crashed_is_logged_counted_and_tried_again() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders", "users")
        stand.passes["orders"] = Passes([KeyError("storage"), NEVER])
        async with stand.leading():
            await asyncio.sleep(60)
            assert len(stand.passes["orders"].at) == 2
            failed = stand.metrics.passes.labels("shop", "orders", "failed")
            assert next(iter(failed.collect())).samples[0].value == 1

    with capture_logs() as logs:
        run(scenario())
    assert [(line["event"], line["log_level"]) for line in logs] == [("pass crashed", "error")]


def test_a_cluster_whose_event_was_lost_is_found_by_the_next_list() -> None:
    async def scenario() -> None:
        stand = Stand()
        async with stand.leading():
            stand.exists("orders")
            await asyncio.sleep(RESYNC + 1)
            assert len(stand.passes["orders"].at) == 1

    run(scenario())


def test_a_list_that_fails_ends_nothing_and_is_tried_again() -> None:
    async def scenario() -> None:
        stand = Stand()
        stand.exists("orders")
        stand.kube.faults["list", "EtcdCluster", None] = Unreachable("no answer")
        async with stand.leading():
            stand.kube.faults.clear()
            await asyncio.sleep(RESYNC + 1)
            assert len(stand.passes["orders"].at) == 1

    run(scenario())


def test_what_is_kept_of_clusters_that_no_list_has_can_go() -> None:
    async def scenario() -> None:
        stand = Stand(namespaces=("shop", "bank"))
        stand.exists("orders")
        stand.exists("accounts", namespace="bank")
        async with stand.leading():
            assert stand.kept == [{"uid-of-orders", "uid-of-accounts"}]
            del stand.kube.objects[Kind.CLUSTER, "shop", "orders"]
            await asyncio.sleep(RESYNC + 1)
            assert stand.kept[1:] == [{"uid-of-accounts"}]

    run(scenario())


def test_a_cluster_that_could_not_be_listed_is_not_taken_for_gone() -> None:
    async def scenario() -> None:
        stand = Stand(namespaces=("shop", "bank"))
        stand.exists("orders")
        stand.exists("accounts", namespace="bank")
        first = True

        async def fails_once(verb: str, _kind: str, _name: str) -> None:
            nonlocal first
            if verb == "list" and first:
                first = False
                raise Unreachable("no answer")

        stand.kube.before = fails_once
        async with stand.leading():
            assert set(stand.passes) == {"accounts"}
            assert stand.kept == []
            await asyncio.sleep(RESYNC + 1)
            assert stand.kept == [{"uid-of-orders", "uid-of-accounts"}]

    run(scenario())
