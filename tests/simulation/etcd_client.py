"""The operator's side of the simulated etcd: the `EtcdClient` port, with the errors that the real client raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from etcd_operator.etcd.client import Endpoint, KeyspaceHash, Member, MemberList, Read, Status
from etcd_operator.etcd.errors import UnansweredError, UnreachableError, WrongClusterError
from etcd_operator.resources.secret import SERVER_CERTIFICATE
from tests.simulation.certificates import accepted
from tests.simulation.kubernetes import secret_data

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tests.simulation.etcd import Etcd, Process


class SimEtcdClient:
    """`EtcdClient` over the simulated etcd. `etcd` says where to look; `alive` raises once the caller has crashed."""

    def __init__(self, etcd: Etcd, *, alive: Callable[[], None]) -> None:
        self._etcd = etcd
        self._alive = alive

    async def status(self, at: Endpoint, *, within: float) -> Status:  # noqa: ARG002 - time is not simulated in calls
        """See `EtcdClient.status`."""
        process = self._dial(at, "Status")
        data, leader = process.data, self._etcd.leader_of(process)
        term, length = data.up_to_date
        return Status(
            cluster_id=data.cluster_id,
            member_id=data.member_id,
            leader_id=leader.data.member_id if leader else 0,
            raft_term=term,
            raft_index=length,
            raft_applied_index=length,
            revision=1 + len(data.puts),
            version=process.version,
            db_size=20480,
            is_learner=False,
            errors=() if leader else ("etcdserver: no leader",),
        )

    async def check_health(self, at: Endpoint, *, within: float) -> None:
        """See `EtcdClient.check_health`."""
        await self.get(at, b"health", within=within)

    async def member_list(self, at: Endpoint, *, within: float) -> MemberList:  # noqa: ARG002
        """See `EtcdClient.member_list`."""
        process = self._dial(at, "MemberList")
        leader = self._leader(at, process, "MemberList")
        return MemberList(leader.data.cluster_id, leader.data.listed, answered_by=process.data.member_id)

    async def get(
        self,
        at: Endpoint,
        key: bytes,
        *,
        serializable: bool = False,
        within: float,  # noqa: ARG002
    ) -> Read:
        """See `EtcdClient.get`."""
        process = self._dial(at, "Range")
        data = process.data if serializable else self._leader(at, process, "Range").data
        newest = [(number, put) for number, put in enumerate(data.puts, start=2) if put.key == key][-1:]
        for number, put in newest:
            return Read(put.value, number, 1 + len(data.puts))
        return Read(None, 0, 1 + len(data.puts))

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> int:  # noqa: ARG002
        """See `EtcdClient.put`."""
        process = self._dial(at, "Put")
        leader = self._leader(at, process, "Put")
        self._etcd.put(process, key, value)
        return 1 + len(self._etcd.processes[leader.pod].data.puts)

    async def member_add(self, at: Endpoint, peer_url: str, *, learner: bool, within: float) -> Member:
        """Not simulated: the first members of a cluster are never added."""
        _not_simulated("member_add", at, peer_url, learner, within)

    async def member_remove(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Not simulated: no member is removed yet."""
        _not_simulated("member_remove", at, member_id, within)

    async def member_promote(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Not simulated: there are no learners yet."""
        _not_simulated("member_promote", at, member_id, within)

    async def move_leader(self, at: Endpoint, to_member_id: int, *, within: float) -> None:
        """Not simulated: no leader is moved yet."""
        _not_simulated("move_leader", at, to_member_id, within)

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:
        """Not simulated: nobody compares hashes yet."""
        _not_simulated("hash_kv", at, revision, within)

    async def keep(self, members: Collection[str]) -> None:
        """See `EtcdClient.keep`: there are no connections to close."""

    async def close(self) -> None:
        """See `EtcdClient.close`."""

    def _dial(self, at: Endpoint, call: str) -> Process:
        """The process that answers at an address, after what TLS and the cluster ID say."""
        self._alive()
        where = f"{at.member} at {at.address}, {call}"
        found = (process for process in self._etcd.processes.values() if f"{process.ip}:2379" == at.address)
        process = next(found, None)
        if process is None:
            raise UnreachableError(where, "Failed to connect to remote host: connect: Connection refused (111)")
        self._shake_hands(at, process, where)
        if not process.serving:
            raise UnansweredError(where, "no answer before the deadline")
        if at.cluster_id not in (None, process.data.cluster_id):
            assert at.cluster_id is not None
            raise WrongClusterError(where, expected=at.cluster_id, answered=process.data.cluster_id)
        return process

    def _shake_hands(self, at: Endpoint, process: Process, where: str) -> None:
        server, now = self._etcd.server, self._etcd.server.now
        if (at.tls is not None) != process.encrypts_clients:
            raise UnreachableError(where, "Socket closed")
        if at.tls is None:
            return
        shown = secret_data(server, process.namespace, process.member).get(SERVER_CERTIFICATE)
        if not accepted(shown, trust=at.tls.ca, now=now):
            raise UnreachableError(where, "TLS: its certificate is not signed by the authority we trust")
        if process.client_trust and not accepted(at.tls.certificate, trust=process.client_trust, now=now):
            raise UnreachableError(where, "TLS: it refused our client certificate, or wants one and got none")

    def _leader(self, at: Endpoint, process: Process, call: str) -> Process:
        leader = self._etcd.leader_of(process)
        if leader is None:
            raise UnansweredError(f"{at.member} at {at.address}, {call}", "request timed out")
        return leader


def _not_simulated(call: str, *arguments: object) -> NoReturn:
    raise AssertionError(f"the simulated etcd has no {call}{arguments}: simulate it before the operator calls it")
