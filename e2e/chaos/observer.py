"""Looks at the cluster all the time, in a thread of its own, so that no silent server delays a fault or its undoing."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from deploy.render import NAMESPACE
from e2e.chaos.sight import MemberPod, Sight
from e2e.support.etcd import endpoints
from e2e.support.kube import Json, Kind, Kube, KubeError
from e2e.support.operator import LEASE, SELECTOR
from etcd_operator.etcd.client import Endpoint, Member
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.resources.ownership import CLUSTER
from etcd_operator.resources.pod import ETCD_CONTAINER

EVERY = 0.3
"""Seconds between two looks."""

ANSWERS_WITHIN = 1.0
"""Seconds within which a healthy member reads."""


class Observer:
    """What was seen last of one EtcdCluster while the context is open."""

    def __init__(self, kube: Kube, namespace: str, cluster: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._cluster = cluster
        self._seen: Sight | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._look()), name="observer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def since(self, moment: float) -> Sight | None:
        """Return the last look if it was begun after `moment` of the monotonic clock.

        None while the API server does not answer, or not yet. Raises AssertionError when nobody looks any more.
        """
        assert self._thread.is_alive(), "the observer died; its last words stand above"
        seen = self._seen
        return seen if seen is not None and seen.at > moment else None

    async def _look(self) -> None:
        client = GrpcEtcdClient()
        try:
            while not self._stopping.is_set():
                with suppress(KubeError):  # it shows: the last look grows old
                    self._seen = await self._sight(client)
                await asyncio.sleep(EVERY)
        finally:
            await client.close()

    async def _sight(self, client: GrpcEtcdClient) -> Sight:
        at = time.monotonic()
        told = await asyncio.to_thread(self._ask_kubernetes)
        await client.keep(told.members.keys())
        listed, healthy = await asyncio.gather(
            _list(client, told.members.values()),
            asyncio.gather(*(_reads(client, member) for member in told.members.values())),
        )
        named = frozenset(each.name for each in listed if each.name and not each.is_learner)
        return Sight(
            at=at,
            asked=told.asked,
            pods=told.pods,
            voters=named,
            others=len(listed) - len(named),
            healthy=frozenset(member for member, reads in zip(told.members, healthy, strict=True) if reads),
            holder=told.holder,
            operators=told.operators,
        )

    def _ask_kubernetes(self) -> "_Told":
        namespace, name = self._namespace, self._cluster
        pods = self._kube.list(Kind.POD, namespace, labels=f"{CLUSTER}={name}")
        operators = self._kube.list(Kind.POD, NAMESPACE, labels=SELECTOR)
        lease = self._kube.find(Kind.LEASE, NAMESPACE, LEASE)
        return _Told(
            asked=self._kube.get(Kind.CLUSTER, namespace, name)["spec"]["replicas"],
            pods={pod["metadata"]["name"]: _pod(pod) for pod in pods},
            members=endpoints(self._kube, namespace, name),
            operators={pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in operators if is_ready(pod)},
            holder="" if lease is None else lease["spec"].get("holderIdentity") or "",
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What Kubernetes says: the sizes and places, and where to ask etcd."""

    asked: int
    pods: Mapping[str, MemberPod]
    members: Mapping[str, Endpoint]
    operators: Mapping[str, str]
    holder: str


async def _reads(client: GrpcEtcdClient, at: Endpoint) -> bool:
    try:
        await client.check_health(at, within=ANSWERS_WITHIN)
    except EtcdError:
        return False
    return True


async def _list(client: GrpcEtcdClient, members: Iterable[Endpoint]) -> tuple[Member, ...]:
    """The member list as a quorum agrees on it, from whoever answers; empty when nobody can."""

    async def ask(at: Endpoint) -> tuple[Member, ...]:
        try:
            return (await client.member_list(at, within=ANSWERS_WITHIN)).members
        except EtcdError:
            return ()

    return next((each for each in await asyncio.gather(*map(ask, members)) if each), ())


def _pod(pod: Json) -> MemberPod:
    containers = pod["status"].get("containerStatuses", ())
    return MemberPod(
        node=pod["spec"].get("nodeName", ""),
        restarts=sum(each["restartCount"] for each in containers if each["name"] == ETCD_CONTAINER),
        ending="deletionTimestamp" in pod["metadata"],
    )


def is_ready(pod: Json) -> bool:
    """Whether Kubernetes calls the Pod ready, and it stays."""
    conditions = pod["status"].get("conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
