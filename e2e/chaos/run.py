"""One run from beginning to end: a cluster and its application, the faults, and then the proofs."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from e2e.chaos import honesty, linearizable, revisions
from e2e.chaos.aftermath import as_specified, lost, read_all
from e2e.chaos.client import Client
from e2e.chaos.driver import Driver, times_apart
from e2e.chaos.faults import BASE, REPLACE_AFTER, Fault
from e2e.chaos.observer import Observer
from e2e.chaos.operations import Operation, Violation
from e2e.chaos.results import Result
from e2e.chaos.tools import Tools
from e2e.chaos.traffic import Order, Traffic
from e2e.chaos.witness import Witness
from e2e.cluster import Cluster
from e2e.support.clusters import EtcdCluster
from e2e.support.etcd import endpoints
from e2e.support.kube import Json
from e2e.support.operator import Operator
from e2e.support.waiting import eventually
from etcd_operator.etcd.errors import EtcdError

WHOLE_WITHIN = 120.0
"""Seconds after the last fault within which the cluster must be as specified."""

RATE = 50.0
"""Operations a second, of all clients together."""

CLIENTS = 8
KEYS = tuple(f"chaos/{number}" for number in range(6))

ENOUGH = 50
"""Acknowledged writes before the first fault, and after the last."""

SPEC: Json = {
    "recovery": {"replaceAfter": f"{REPLACE_AFTER}s"},
    # The whole history is kept: each write is looked for at its own revision afterwards.
    "etcd": {"autoCompaction": {"mode": "Revision", "retention": "1000000000"}},
}


@dataclass(frozen=True, slots=True)
class Arena:
    """Where a run takes place: the Kubernetes, the operator on it, and the EtcdCluster, which is not made yet."""

    cluster: Cluster
    operator: Operator
    target: EtcdCluster


def run(arena: Arena, faults: Iterator[Fault], *, seconds: float, seed: str, say: Callable[[str], None]) -> Result:
    """Do faults for so long, or as many as there are, while an application works; return what was seen and proved.

    `say` gets a line about each event. Nodes and networks work again afterwards, however it ends. Raises AssertionError
    when the cluster does not come up in the first place, and LocalClusterError when a fault cannot be undone.
    """
    target = arena.target.apply(replicas=BASE, **SPEC).becomes_healthy()
    order = Order(str(target.kube.kubeconfig), target.namespace, target.name, KEYS, RATE, CLIENTS, seed)
    tools = Tools(arena.cluster, arena.operator, target)
    try:
        about = target.kube, target.namespace, target.name
        with Observer(*about) as observer, Witness(*about) as witness, Traffic(order) as traffic:
            _more_writes(traffic, within=30)
            began = time.monotonic()
            driver = Driver(tools, observer, faults, arena.cluster.nodes, say)
            driver.run(seconds)
            ended = time.monotonic()
            say("no more faults; waiting until the cluster is as specified")
            found, whole_after = _aftermath(target, driver, traffic)
    finally:
        tools.restore()
    operations = list(traffic.so_far())
    found += _proofs(target, operations)
    verdict = honesty.judge(witness.comparisons(), times_apart(driver.records))
    return Result(
        seed=seed,
        seconds=ended - began,
        records=tuple(driver.records),
        passed_over=tuple(driver.passed_over),
        operations=tuple(operations),
        whole_after=whole_after,
        violations=(*found, *verdict.lies),
        honesty=verdict,
    )


def _aftermath(target: EtcdCluster, driver: Driver, traffic: Traffic) -> tuple[list[Violation], float | None]:
    """What is not as specified, and how many seconds after the last fault it was; clients work on meanwhile."""
    last = max((record.undone or record.done for record in driver.records), default=time.monotonic())
    try:
        target.becomes_healthy(within=max(last + WHOLE_WITHIN - time.monotonic(), 1))
        whole_after = time.monotonic() - last
        _more_writes(traffic, within=10)
    except AssertionError as error:
        return [Violation(f"the cluster is not whole {WHOLE_WITHIN:.0f} s after the last fault: {error}")], None
    return [], whole_after


def _more_writes(traffic: Traffic, *, within: float) -> None:
    before = _acknowledged(traffic)

    def check() -> None:
        assert _acknowledged(traffic) >= before + ENOUGH, "the application cannot write"

    eventually(check, within=within)


def _acknowledged(traffic: Traffic) -> int:
    return sum(each.acknowledged for each in traffic.so_far())


def _proofs(target: EtcdCluster, operations: list[Operation]) -> list[Violation]:
    """Look for what contradicts a promise; reads of all keys are added to `operations`."""
    found: list[Violation] = []
    try:
        as_specified(target, BASE, within=1)
    except (AssertionError, LookupError) as error:
        found.append(Violation(f"the cluster is not as specified: {error!r}"))
    try:
        found += asyncio.run(_read_back(target, operations))
    except EtcdError as error:
        found.append(Violation(f"the data cannot be read: {error}"))
    return [*found, *linearizable.violations(operations), *revisions.violations(operations)]


async def _read_back(target: EtcdCluster, operations: list[Operation]) -> Sequence[Violation]:
    members = tuple(endpoints(target.kube, target.namespace, target.name).values())
    first = max((each.number for each in operations), default=0) + 1
    client = Client()
    try:
        operations += await read_all(client, KEYS, members, first=first)
        return await lost(client, [each for each in operations if each.acknowledged], members)
    finally:
        await client.close()
