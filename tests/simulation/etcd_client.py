"""The operator's side of the simulated etcd: the `EtcdClient` port, with the errors that the real client raises."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from etcd_operator.etcd.client import KeyspaceHash, Member, MemberList, Read, Status
from etcd_operator.etcd.errors import UnreachableError
from tests.simulation.changes import Add, Change, Lower, Move, Promote, Remove
from tests.simulation.dial import dial, dial_voter, refusal, silence, where

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet

    from etcd_operator.etcd.client import Endpoint
    from tests.simulation.etcd import Etcd
    from tests.simulation.process import Process
    from tests.simulation.raft import Data
    from tests.simulation.wire import Wire


class SimEtcdClient:
    """`EtcdClient` over the simulated etcd, as far as the fate of the pass lets it see what is so now.

    Members in `unreached` are silent for who asks, whatever they do for others.
    """

    def __init__(self, etcd: Etcd, wire: Wire, *, unreached: AbstractSet[str] = frozenset()) -> None:
        self._etcd = etcd
        self._wire = wire
        self._unreached = unreached
        self._looking = True

    def look_no_more(self) -> None:
        """From now on the operator acts, and what it asks just before it does is answered as it is now."""
        self._looking = False

    async def status(self, at: Endpoint, *, within: float) -> Status:  # noqa: ARG002 - time is not simulated in calls
        """See `EtcdClient.status`."""
        view = self._etcd if self._wire.fate.past is None or not self._looking else self._wire.fate.past
        self._require_reached(at, "Status")
        process = dial(view, at, "Status")
        data, leader = process.data, view.leader_of(process)
        if process.learns and leader is None:
            # A learner never asks for votes, and so never notices that its leader is silent (raft.go, tickElection).
            leader = next((one for one in view.leaders if one.data.cluster_id == data.cluster_id), None)
        term, length = data.journal.up_to_date
        return Status(
            cluster_id=data.cluster_id,
            member_id=data.member_id,
            leader_id=leader.data.member_id if leader else 0,
            raft_term=term,
            raft_index=length,
            raft_applied_index=length,
            revision=data.journal.revision,
            version=process.version,
            db_size=20480,
            is_learner=process.learns,
            errors=() if leader else ("etcdserver: no leader",),
            storage_version=_minor(data.journal.version) if process.minor > 5 else "",
            downgrade_to=_minor(data.journal.lowered),
        )

    async def check_health(self, at: Endpoint, *, within: float) -> None:
        """See `EtcdClient.check_health`."""
        await self.get(at, b"health", within=within)

    async def takes_part(self, at: Endpoint, *, within: float) -> bool:  # noqa: ARG002
        """See `EtcdClient.takes_part`: on plain text, and whether or not it serves clients yet."""
        self._wire.alive()
        view = self._agreed
        process = next((one for one in view.processes.values() if f"{one.ip}:2379" == at.address), None)
        return process is not None and at.member not in self._unreached and view.takes_part(process)

    async def member_list(self, at: Endpoint, *, within: float) -> MemberList:  # noqa: ARG002
        """See `EtcdClient.member_list`."""
        process = self._dial_voter(at, "MemberList")
        return _list(self._leader(at, process, "MemberList").data, process)

    async def get(
        self,
        at: Endpoint,
        key: bytes,
        *,
        serializable: bool = False,
        within: float,  # noqa: ARG002
    ) -> Read:
        """See `EtcdClient.get`."""
        process = self._dial(at, "Range") if serializable else self._dial_voter(at, "Range")
        journal = (process if serializable else self._leader(at, process, "Range")).data.journal
        newest = [(number, put) for number, put in enumerate(journal.puts, start=2) if put.key == key][-1:]
        for number, put in newest:
            return Read(put.value, number, journal.revision)
        return Read(None, 0, journal.revision)

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> int:  # noqa: ARG002
        """See `EtcdClient.put`."""
        self._wire.alive()
        process = dial_voter(self._etcd, at, "Put")
        if not self._etcd.put(process, key, value):
            raise silence(at, "Put", changes=True)
        return self._etcd.heard(process).data.journal.revision

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:  # noqa: ARG002
        """See `EtcdClient.hash_kv`."""
        journal = self._dial_voter(at, "HashKV").data.journal
        if revision > journal.revision:
            raise refusal(at, "HashKV", "mvcc: required revision is a future revision")
        puts = journal.puts[: revision - 1] if revision else journal.puts
        digest = hashlib.sha256(repr([(put.key, put.value) for put in puts]).encode()).digest()
        return KeyspaceHash(int.from_bytes(digest[:4], "big"), -1, journal.revision)

    async def member_add(self, at: Endpoint, peer_url: str, *, learner: bool, within: float) -> Member:  # noqa: ARG002
        """See `EtcdClient.member_add`."""
        agreed = self._change(Change(at, Add(peer_url, learner)))
        return next(member for member in agreed.journal.members if peer_url in member.peer_urls)

    async def member_remove(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:  # noqa: ARG002
        """See `EtcdClient.member_remove`."""
        return _list(self._change(Change(at, Remove(member_id))))

    async def member_promote(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:  # noqa: ARG002
        """See `EtcdClient.member_promote`."""
        return _list(self._change(Change(at, Promote(member_id))))

    async def move_leader(self, at: Endpoint, to_member_id: int, *, within: float) -> None:  # noqa: ARG002
        """See `EtcdClient.move_leader`."""
        self._change(Change(at, Move(to_member_id)))

    async def downgrade(self, at: Endpoint, version: str | None, *, within: float) -> None:  # noqa: ARG002
        """See `EtcdClient.downgrade`."""
        self._change(Change(at, Lower(0 if version is None else int(version.removeprefix("3.")))))

    async def keep(self, members: Collection[str]) -> None:
        """See `EtcdClient.keep`: there are no connections to close."""

    async def close(self) -> None:
        """See `EtcdClient.close`."""

    @property
    def _agreed(self) -> Etcd:
        """Where what a quorum agrees on is read."""
        past = self._wire.fate.past if self._looking and self._wire.fate.frozen else None
        return past or self._etcd

    def _dial(self, at: Endpoint, call: str) -> Process:
        self._require_reached(at, call)
        return dial(self._agreed, at, call)

    def _dial_voter(self, at: Endpoint, call: str) -> Process:
        self._require_reached(at, call)
        return dial_voter(self._agreed, at, call)

    def _require_reached(self, at: Endpoint, call: str) -> None:
        self._wire.alive()
        if at.member in self._unreached:
            raise UnreachableError(where(at, call), "Failed to connect to remote host: Timeout occurred")

    def _leader(self, at: Endpoint, process: Process, call: str) -> Process:
        leader = self._agreed.leader_of(process)
        if leader is None:
            raise silence(at, call)
        return leader

    def _change(self, change: Change) -> Data:
        self._require_reached(change.at, type(change.what).__name__)
        return self._wire.send(
            change,
            lambda: change.carry_out(self._etcd),
            lost=lambda: silence(change.at, type(change.what).__name__, changes=True),
        )


def _minor(minor: int) -> str:
    return f"3.{minor}.0" if minor else ""


def _list(agreed: Data, process: Process | None = None) -> MemberList:
    answered_by = agreed if process is None else process.data
    return MemberList(agreed.cluster_id, agreed.journal.members, answered_by=answered_by.member_id)
