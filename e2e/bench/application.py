"""Writes as etcd's own clients do, which is not how the operator asks: it wants to know at once that nobody answers."""

from typing import Final, Protocol

import grpc

from etcd_operator.etcd import rpc_pb2
from etcd_operator.etcd.client import Endpoint

_PUT: Final = "/etcdserverpb.KV/Put"

_OPTIONS: Final = (
    # A Service is dialled directly, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
    # Those of kube-apiserver (k8s.io/apiserver, storagebackend/factory/etcd3.go); etcd's client has none of its own.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class WriteError(Exception):
    """A write was not acknowledged; the message says why, and nothing is known about what became of it."""


class Puts(Protocol):
    """What the writer needs of a client."""

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> None:
        """Write one key; raises WriteError when that is not acknowledged within so many seconds."""
        ...


class Application:
    """A client with the habits of etcd's own (go.etcd.io/etcd/client/v3, options.go and retry_interceptor.go).

    It keeps one connection to each endpoint. When that is closed, it dials again, and calls wait for it until their
    deadline. A write that a server took up is never repeated; one that a closing server says it did not is gRPC's to
    send again (gRFC A6, transparent retries). The pause after a dial that failed is gRPC's own, 1 s.
    """

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> None:
        """KV.Put."""
        if at.address not in self._channels:
            self._channels[at.address] = _open(at)
        put = self._channels[at.address].unary_unary(
            _PUT, request_serializer=_serialize, response_deserializer=rpc_pb2.PutResponse.FromString
        )
        try:
            await put(rpc_pb2.PutRequest(key=key, value=value), timeout=within, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            raise WriteError(f"{error.code().name}: {error.details()}") from error

    async def close(self) -> None:
        """Close all connections."""
        for channel in self._channels.values():
            await channel.close()


def _open(at: Endpoint) -> grpc.aio.Channel:
    if at.tls is None:
        return grpc.aio.insecure_channel(at.address, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=at.tls.ca, private_key=at.tls.key, certificate_chain=at.tls.certificate
    )
    name = at.tls.server_name
    options = _OPTIONS if name is None else (*_OPTIONS, ("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(at.address, credentials, options=options)


def _serialize(request: rpc_pb2.PutRequest) -> bytes:
    return request.SerializeToString()
