"""etcd's own answers, asked from this machine: what the status says is compared with them, and never the reverse."""

import asyncio
import base64
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from e2e.support.kube import Kind, Kube
from etcd_operator.etcd.client import Endpoint, MemberList, Read, Status, Tls
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.resources.names import CLIENT_PORT
from etcd_operator.resources.ownership import CLUSTER, MEMBER

T = TypeVar("T")

CALL_TIMEOUT = 3.0
"""Seconds for one call."""


class Etcd:
    """The members of one cluster, each at its Pod's address; for one thread. Calls raise EtcdError."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self._client = GrpcEtcdClient()
        self._runner = asyncio.Runner()

    @classmethod
    def connect(cls, kube: Kube, namespace: str, name: str) -> Self:
        """Reach the members of EtcdCluster `name` that run now, with the certificate of its applications."""
        return cls(endpoints(kube, namespace, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._run(self._client.close())
        self._runner.close()

    def members(self) -> tuple[str, ...]:
        """Return the names of the members that can be asked."""
        return tuple(self.endpoints)

    def statuses(self) -> dict[str, Status]:
        """Return what each member says of itself; raises when one does not answer."""
        return {
            member: self._run(self._client.status(at, within=CALL_TIMEOUT)) for member, at in self.endpoints.items()
        }

    def status(self, member: str) -> Status:
        """Return what one member says of itself."""
        return self._run(self._client.status(self.endpoints[member], within=CALL_TIMEOUT))

    def member_list(self, member: str | None = None) -> MemberList:
        """Return the member list, agreed by a quorum, as `member` or the first one answers."""
        return self._run(self._client.member_list(self._at(member), within=CALL_TIMEOUT))

    def put(self, key: str, value: str, *, member: str | None = None, within: float = CALL_TIMEOUT) -> int:
        """Write one key; returns its revision."""
        return self._run(self._client.put(self._at(member), key.encode(), value.encode(), within=within))

    def get(self, key: str, *, member: str | None = None, serializable: bool = False) -> str | None:
        """Read one key: agreed by a quorum, or with `serializable` what this member has."""
        read = self._read(key, member, serializable=serializable)
        return None if read.value is None else read.value.decode()

    def hash_kv(self, member: str, revision: int) -> tuple[int, int]:
        """Return the hash of a member's keys up to a revision, and from which revision on: equal is the same data."""
        found = self._run(self._client.hash_kv(self._at(member), revision, within=CALL_TIMEOUT))
        return found.hash, found.compact_revision

    def leader(self) -> str:
        """Return the name of the member that leads; raises LookupError while all say that there is none."""
        for member, status in self.statuses().items():
            if status.member_id == status.leader_id:
                return member
        raise LookupError("no member leads")

    def _read(self, key: str, member: str | None, *, serializable: bool) -> Read:
        at = self._at(member)
        return self._run(self._client.get(at, key.encode(), serializable=serializable, within=CALL_TIMEOUT))

    def _at(self, member: str | None) -> Endpoint:
        return next(iter(self.endpoints.values())) if member is None else self.endpoints[member]

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)


def endpoints(kube: Kube, namespace: str, name: str) -> dict[str, Endpoint]:
    """Return where each member of EtcdCluster `name` that has an address answers, by name, sorted."""
    secret = kube.get(Kind.SECRET, namespace, f"{name}-client")
    data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    found = {}
    for pod in kube.list(Kind.POD, namespace, labels=f"{CLUSTER}={name}"):
        member, address = pod["metadata"]["labels"][MEMBER], pod["status"].get("podIP")
        if address:
            found[member] = Endpoint(member, f"{address}:{CLIENT_PORT}", _tls(data, f"{member}.{namespace}.svc"))
    return dict(sorted(found.items()))


def _tls(data: dict[str, bytes], server_name: str) -> Tls | None:
    if "ca.crt" not in data:
        return None
    return Tls(data["ca.crt"], data.get("tls.crt"), data.get("tls.key"), server_name)
