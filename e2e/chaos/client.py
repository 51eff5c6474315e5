"""etcd as an application uses it: linearizable reads and writes, compare-and-set, and reads of the past."""

from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from e2e.chaos import kv_pb2
from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import error_of

_Reply = TypeVar("_Reply", bound=Message)

_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    # A write that was repeated unseen would be done twice.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # A member that comes back is found soon, one whose node is off is given up soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 1000),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A key at a revision: its value and when that was written; None and 0 if there is no such key."""

    value: str | None
    mod_revision: int
    revision: int


@dataclass(frozen=True, slots=True)
class Swap:
    """The answer to a compare-and-set: whether it was done at `found.revision`, and the value that stands there."""

    done: bool
    found: Found


class Client:
    """Calls members, each at its own address. Calls raise EtcdError, and never repeat themselves.

    Made, used and closed within one event loop; `within` is in seconds.
    """

    def __init__(self) -> None:
        self._channels: dict[Endpoint, Any] = {}

    async def read(self, at: Endpoint, key: str, *, revision: int = 0, within: float) -> Found:
        """Read a key with the consent of a quorum: as it is now, or as it was at `revision`."""
        request = kv_pb2.RangeRequest(key=key.encode(), revision=revision)
        return _found(await self._ask(at, "Range", request, kv_pb2.RangeResponse, changes=False, within=within))

    async def write(self, at: Endpoint, key: str, value: str, *, within: float) -> int:
        """Write a key; returns the revision of the write."""
        request = kv_pb2.PutRequest(key=key.encode(), value=value.encode())
        reply = await self._ask(at, "Put", request, kv_pb2.PutResponse, changes=True, within=within)
        return reply.header.revision

    async def swap(self, at: Endpoint, key: str, value: str, *, expected: str, within: float) -> Swap:
        """Write a key if its value is `expected`; else tell, at that same moment, which it is."""
        compare = kv_pb2.Compare(
            result=kv_pb2.Compare.EQUAL, target=kv_pb2.Compare.VALUE, key=key.encode(), value=expected.encode()
        )
        put = kv_pb2.RequestOp(request_put=kv_pb2.PutRequest(key=key.encode(), value=value.encode()))
        look = kv_pb2.RequestOp(request_range=kv_pb2.RangeRequest(key=key.encode()))
        request = kv_pb2.TxnRequest(compare=[compare], success=[put], failure=[look])
        reply = await self._ask(at, "Txn", request, kv_pb2.TxnResponse, changes=True, within=within)
        if reply.succeeded:
            return Swap(done=True, found=Found(value, reply.header.revision, reply.header.revision))
        (answer,) = reply.responses
        seen = _found(answer.response_range)
        return Swap(done=False, found=Found(seen.value, seen.mod_revision, reply.header.revision))

    async def close(self) -> None:
        """Close all connections."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def _ask(
        self, at: Endpoint, method: str, request: Message, reply: type[_Reply], *, changes: bool, within: float
    ) -> _Reply:
        if at not in self._channels:
            self._channels[at] = _open(at)
        channel = self._channels[at]
        ask = channel.unary_unary(
            f"/etcdserverpb.KV/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString,
        )
        try:
            answer: _Reply = await ask(request, timeout=within)
        except grpc.aio.AioRpcError as error:
            raise error_of(
                f"{at.member} at {at.address}, {method}",
                code=error.code().name,
                text=error.details() or "",
                connected=channel.get_state() is grpc.ChannelConnectivity.READY,
                changes=changes,
            ) from error
        return answer


def _open(at: Endpoint) -> Any:
    if at.tls is None:
        return grpc.aio.insecure_channel(at.address, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(at.tls.ca, at.tls.key, at.tls.certificate)
    name = at.tls.server_name
    options = _OPTIONS if name is None else (*_OPTIONS, ("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(at.address, credentials, options=options)


def _found(reply: kv_pb2.RangeResponse) -> Found:
    for found in reply.kvs:
        return Found(found.value.decode(), found.mod_revision, reply.header.revision)
    return Found(None, 0, reply.header.revision)
