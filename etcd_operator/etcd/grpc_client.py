"""The one place that speaks to etcd: one gRPC channel per member, kept across passes, closed with the member."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import aiohttp
import grpc
from google.protobuf.message import Message

from etcd_operator.etcd import rpc_pb2
from etcd_operator.etcd.client import Endpoint, KeyspaceHash, Member, MemberList, Read, Status, Tls
from etcd_operator.etcd.errors import Refusal, RefusedError, UnansweredError, WrongClusterError, error_of

_Reply = TypeVar("_Reply", bound=Message)

_HEALTH_KEY = b"health"

_OPTIONS = (
    # A Pod is dialled directly, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
    # Repeating is the planner's decision, after looking.
    ("grpc.enable_retries", 0),
    # Else two channels to one address share a connection, and its back-off outlives the member.
    ("grpc.use_local_subchannel_pool", 1),
    # A member that starts is found within 0.1 s, one that stays away costs one dial per second at most.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # How long one dial may take, the TLS handshake included; shorter than a call's usual deadline of 3 s.
    ("grpc.min_reconnect_backoff_ms", 2000),
    # Sets TCP_USER_TIMEOUT to the second figure: a powered-off node is noticed 3 s after something was sent to it.
    # Pings go out only during calls: etcd hangs up on a client that pings an idle connection.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 3000),
    # Replies here are small, and a port that is not etcd's shall not fill the memory.
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.http2.bdp_probe", 0),
)


@dataclass(frozen=True, slots=True)
class _Call(Generic[_Reply]):
    path: str
    reply: type[_Reply]
    changes: bool = False


_STATUS = _Call("/etcdserverpb.Maintenance/Status", rpc_pb2.StatusResponse)
_HASH_KV = _Call("/etcdserverpb.Maintenance/HashKV", rpc_pb2.HashKVResponse)
_MOVE_LEADER = _Call("/etcdserverpb.Maintenance/MoveLeader", rpc_pb2.MoveLeaderResponse, changes=True)
_DOWNGRADE = _Call("/etcdserverpb.Maintenance/Downgrade", rpc_pb2.DowngradeResponse, changes=True)
_MEMBER_LIST = _Call("/etcdserverpb.Cluster/MemberList", rpc_pb2.MemberListResponse)
_MEMBER_ADD = _Call("/etcdserverpb.Cluster/MemberAdd", rpc_pb2.MemberAddResponse, changes=True)
_MEMBER_REMOVE = _Call("/etcdserverpb.Cluster/MemberRemove", rpc_pb2.MemberRemoveResponse, changes=True)
_MEMBER_PROMOTE = _Call("/etcdserverpb.Cluster/MemberPromote", rpc_pb2.MemberPromoteResponse, changes=True)
_RANGE = _Call("/etcdserverpb.KV/Range", rpc_pb2.RangeResponse)
_PUT = _Call("/etcdserverpb.KV/Put", rpc_pb2.PutResponse, changes=True)


@dataclass(frozen=True, slots=True)
class _Line:
    """The channel to one member, and what it was opened with."""

    address: str
    tls: Tls | None
    channel: Any


class GrpcEtcdClient:
    """`EtcdClient` over the network. Made, used and closed within one event loop; one for each cluster."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def status(self, at: Endpoint, *, within: float) -> Status:
        """Maintenance.Status."""
        reply = await self._ask(at, _STATUS, rpc_pb2.StatusRequest(), within=within)
        _require(at, _STATUS, reply.header)
        return Status(
            cluster_id=reply.header.cluster_id,
            member_id=reply.header.member_id,
            leader_id=reply.leader,
            raft_term=reply.raftTerm,
            raft_index=reply.raftIndex,
            raft_applied_index=reply.raftAppliedIndex,
            revision=reply.header.revision,
            version=reply.version,
            db_size=reply.dbSize,
            is_learner=reply.isLearner,
            errors=tuple(reply.errors),
            storage_version=reply.storageVersion,
            downgrade_to=reply.downgradeInfo.targetVersion if reply.downgradeInfo.enabled else "",
        )

    async def check_health(self, at: Endpoint, *, within: float) -> None:
        """KV.Range of the key that `etcdctl endpoint health` reads."""
        try:
            await self.get(at, _HEALTH_KEY, within=within)
        except RefusedError as refused:
            if refused.reason is not Refusal.PERMISSION_DENIED:
                raise

    async def takes_part(self, at: Endpoint, *, within: float) -> bool:
        """GET /health, which reads with the quorum's consent (etcdhttp/health.go, checkAPI)."""
        if at.metrics_url is None:
            return False
        patience = aiohttp.ClientTimeout(total=within)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience, trust_env=False) as session,
                session.get(f"{at.metrics_url}/health") as answer,
            ):
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def member_list(self, at: Endpoint, *, within: float) -> MemberList:
        """Cluster.MemberList, linearizable."""
        request = rpc_pb2.MemberListRequest(linearizable=True)
        reply = await self._ask(at, _MEMBER_LIST, request, within=within)
        return _listed(at, _MEMBER_LIST, reply.header, reply.members)

    async def member_add(self, at: Endpoint, peer_url: str, *, learner: bool, within: float) -> Member:
        """Cluster.MemberAdd."""
        request = rpc_pb2.MemberAddRequest(peerURLs=[peer_url], isLearner=learner)
        reply = await self._change(at, _MEMBER_ADD, request, within=within)
        _require(at, _MEMBER_ADD, reply.header)
        return _member(reply.member)

    async def member_remove(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Cluster.MemberRemove."""
        reply = await self._change(at, _MEMBER_REMOVE, rpc_pb2.MemberRemoveRequest(ID=member_id), within=within)
        return _listed(at, _MEMBER_REMOVE, reply.header, reply.members)

    async def member_promote(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Cluster.MemberPromote."""
        reply = await self._change(at, _MEMBER_PROMOTE, rpc_pb2.MemberPromoteRequest(ID=member_id), within=within)
        return _listed(at, _MEMBER_PROMOTE, reply.header, reply.members)

    async def move_leader(self, at: Endpoint, to_member_id: int, *, within: float) -> None:
        """Maintenance.MoveLeader."""
        await self._change(at, _MOVE_LEADER, rpc_pb2.MoveLeaderRequest(targetID=to_member_id), within=within)

    async def downgrade(self, at: Endpoint, version: str | None, *, within: float) -> None:
        """Maintenance.Downgrade, which validates before it enables (etcd's version/manager.go)."""
        action = rpc_pb2.DowngradeRequest.CANCEL if version is None else rpc_pb2.DowngradeRequest.ENABLE
        request = rpc_pb2.DowngradeRequest(action=action, version=version or "")
        await self._change(at, _DOWNGRADE, request, within=within)

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:
        """Maintenance.HashKV."""
        reply = await self._ask(at, _HASH_KV, rpc_pb2.HashKVRequest(revision=revision), within=within)
        _require(at, _HASH_KV, reply.header)
        return KeyspaceHash(hash=reply.hash, compact_revision=reply.compact_revision, revision=reply.header.revision)

    async def get(self, at: Endpoint, key: bytes, *, serializable: bool = False, within: float) -> Read:
        """KV.Range."""
        request = rpc_pb2.RangeRequest(key=key, serializable=serializable)
        reply = await self._ask(at, _RANGE, request, within=within)
        _require(at, _RANGE, reply.header)
        for found in reply.kvs:
            return Read(value=found.value, mod_revision=found.mod_revision, revision=reply.header.revision)
        return Read(value=None, mod_revision=0, revision=reply.header.revision)

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> int:
        """KV.Put."""
        reply = await self._change(at, _PUT, rpc_pb2.PutRequest(key=key, value=value), within=within)
        _require(at, _PUT, reply.header)
        return reply.header.revision

    async def keep(self, members: Collection[str]) -> None:
        """Close the channels of all members but these; a call on one ends with `UnansweredError`."""
        for member in self._lines.keys() - set(members):
            await self._lines.pop(member).channel.close()

    async def close(self) -> None:
        """Close all channels."""
        await self.keep(())

    async def _change(self, at: Endpoint, call: _Call[_Reply], request: Message, *, within: float) -> _Reply:
        """Ask only after the member has named its cluster: the answer to the change itself would come too late."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        if at.cluster_id is not None:
            await self.status(at, within=within)
        return await self._ask(at, call, request, within=deadline - loop.time())

    async def _ask(self, at: Endpoint, call: _Call[_Reply], request: Message, *, within: float) -> _Reply:
        channel = await self._channel(at)
        ask = channel.unary_unary(call.path, request_serializer=_serialize, response_deserializer=call.reply.FromString)
        try:
            reply: _Reply = await ask(request, timeout=within)
        except grpc.aio.AioRpcError as error:
            connected = channel.get_state() is grpc.ChannelConnectivity.READY
            raise error_of(
                _where(at, call),
                code=error.code().name,
                text=error.details() or "",
                connected=connected,
                changes=call.changes,
            ) from error
        except asyncio.CancelledError:
            # gRPC raises this also when the channel closes under a call; only a cancelled task may see it.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise UnansweredError(_where(at, call), "connection closed", outcome_unknown=call.changes) from None
        return reply

    async def _channel(self, at: Endpoint) -> Any:
        """The channel to a member; a new one if its address or our credentials have changed."""
        line = self._lines.get(at.member)
        if line is not None and (line.address, line.tls) == (at.address, at.tls):
            return line.channel
        channel = _open(at)
        self._lines[at.member] = _Line(address=at.address, tls=at.tls, channel=channel)
        if line is not None:
            await line.channel.close()
        return channel


def _open(at: Endpoint) -> Any:
    if at.tls is None:
        return grpc.aio.insecure_channel(at.address, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=at.tls.ca, private_key=at.tls.key, certificate_chain=at.tls.certificate
    )
    name = at.tls.server_name
    options = _OPTIONS if name is None else (*_OPTIONS, ("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(at.address, credentials, options=options)


def _serialize(request: Message) -> bytes:
    return request.SerializeToString()


def _where(at: Endpoint, call: _Call[_Reply]) -> str:
    return f"{at.member} at {at.address}, {call.path.rpartition('/')[2]}"


def _require(at: Endpoint, call: _Call[_Reply], header: rpc_pb2.ResponseHeader) -> None:
    if at.cluster_id is not None and header.cluster_id != at.cluster_id:
        raise WrongClusterError(
            _where(at, call),
            expected=at.cluster_id,
            answered=header.cluster_id,
            outcome_unknown=call.changes,
        )


def _listed(
    at: Endpoint, call: _Call[_Reply], header: rpc_pb2.ResponseHeader, members: Iterable[rpc_pb2.Member]
) -> MemberList:
    _require(at, call, header)
    return MemberList(
        cluster_id=header.cluster_id,
        members=tuple(_member(member) for member in members),
        answered_by=header.member_id,
    )


def _member(member: rpc_pb2.Member) -> Member:
    return Member(
        id=member.ID,
        name=member.name,
        peer_urls=tuple(member.peerURLs),
        client_urls=tuple(member.clientURLs),
        is_learner=member.isLearner,
    )
