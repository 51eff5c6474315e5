"""Holds the status against etcd's own answers all the time, in a thread of its own, for `honesty` to judge.

The observer looks often and gives a member up soon, so that a fault meets the cluster as it is. Here a member counts as
silent only when the operator, too, would have given it up: that takes longer, and nothing waits for it.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from deploy.render import NAMESPACE
from e2e.chaos.contradictions import Answer, contradictions
from e2e.chaos.honesty import Comparison
from e2e.chaos.observer import is_ready
from e2e.support.etcd import endpoints
from e2e.support.kube import Json, Kind, Kube, KubeError
from e2e.support.operator import LEASE
from etcd_operator.etcd.client import Endpoint, EtcdClient
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.observe.etcd import DEADLINE
from etcd_operator.resources.ownership import CLUSTER, MEMBER, ROLE, VOTER

T = TypeVar("T")

EVERY = 0.5
"""Seconds between two comparisons; one begins whether or not those before have ended."""

AT_ONCE = 1.0
"""Seconds within which an answer proves something."""

SILENT_AFTER = DEADLINE + 0.5
"""Seconds after which no answer is one, too: longer than the operator waits, for what it has heard is no lie."""


@dataclass(frozen=True, slots=True)
class Told:
    """What Kubernetes says: the status, where to ask etcd, whom clients are sent to, and who leads the operators."""

    status: Json
    members: Mapping[str, Endpoint]
    admitted: frozenset[str]
    leader: str
    renewal: str


class Witness:
    """Every comparison of one EtcdCluster's status with etcd's answers, made while the context is open."""

    def __init__(self, kube: Kube, namespace: str, cluster: str) -> None:
        self._about = kube, namespace, cluster
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="witness")
        self._found: Future[list[Comparison]]

    def __enter__(self) -> Self:
        self._found = self._thread.submit(lambda: asyncio.run(self._watch()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.shutdown()

    def comparisons(self) -> tuple[Comparison, ...]:
        """Return all of them, once the context is closed; raises what ended the watch before."""
        return tuple(self._found.result())

    async def _watch(self) -> list[Comparison]:
        client, found = GrpcEtcdClient(), list[Comparison]()
        try:
            async with asyncio.TaskGroup() as comparing:
                while not self._stopping.is_set():
                    began = time.monotonic()
                    try:
                        told = await asyncio.to_thread(ask_kubernetes, *self._about)
                    except KubeError:
                        # Nobody is known to lead then.
                        found.append(Comparison(began, time.monotonic()))
                    else:
                        comparing.create_task(_compare(client, told, began, found))
                    await asyncio.sleep(EVERY)
        finally:
            await client.close()
        return found


def ask_kubernetes(kube: Kube, namespace: str, name: str) -> Told:
    """Return what Kubernetes says of EtcdCluster `name` now, the status first; raises KubeError."""
    status = kube.get(Kind.CLUSTER, namespace, name).get("status", {})
    lease = (kube.find(Kind.LEASE, NAMESPACE, LEASE) or {}).get("spec", {})
    voters = kube.list(Kind.POD, namespace, labels=f"{CLUSTER}={name},{ROLE}={VOTER}")
    # What answers as another cluster gives no answer.
    latched = int(status["clusterID"], 16) if "clusterID" in status else None
    return Told(
        status=status,
        members={member: replace(at, cluster_id=latched) for member, at in endpoints(kube, namespace, name).items()},
        admitted=frozenset(pod["metadata"]["labels"][MEMBER] for pod in voters if is_ready(pod)),
        leader=lease.get("holderIdentity") or "",
        renewal=lease.get("renewTime") or "",
    )


async def _compare(client: EtcdClient, told: Told, began: float, found: list[Comparison]) -> None:
    asked = time.monotonic()
    answers = await asyncio.gather(
        *(answer(client, at, admitted=member in told.admitted) for member, at in told.members.items())
    )
    # Who is silent was so from the first; nothing else counts that came later than at once.
    by_then = min(time.monotonic(), asked + AT_ONCE)
    contradicted = contradictions(told.status, dict(zip(told.members, answers, strict=True)))
    found.append(Comparison(began, by_then, told.leader, told.renewal, contradicted))


async def answer(client: EtcdClient, at: Endpoint, *, admitted: bool) -> Answer:
    """Ask one member for all that a status tells of it, everything at the same time; takes `SILENT_AFTER` at most."""
    status, agreed, reads = await asyncio.gather(
        _at_once(client.status(at, within=AT_ONCE)),
        _at_once(client.member_list(at, within=AT_ONCE)),
        _reads(client, at),
    )
    return Answer(status, None if agreed is None else agreed.members, reads, admitted)


async def _at_once(question: Coroutine[Any, Any, T]) -> T | None:
    try:
        return await question
    except EtcdError:
        return None


async def _reads(client: EtcdClient, at: Endpoint) -> bool | None:
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        await client.check_health(at, within=SILENT_AFTER)
    except EtcdError:
        return False
    return True if loop.time() - asked <= AT_ONCE else None
