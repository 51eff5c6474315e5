"""The habits of etcd's own client, against a server in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from e2e.bench.application import Application, WriteError
from etcd_operator.etcd import rpc_pb2
from etcd_operator.etcd.client import Endpoint

Answer = Callable[[Any], Awaitable[None]]


async def at_once(_: Any) -> None:
    """Acknowledge a write."""


async def never(_: Any) -> None:
    """Leave a write without an answer."""
    await asyncio.Event().wait()


async def refuse(context: Any) -> None:
    """Take a write up and fail."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "etcdserver: leader changed")


@dataclass
class Server:
    """Takes writes on a port of this machine until its context is left, then says goodbye to those connected."""

    answer: Answer
    port: int = 0
    taken: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Endpoint]:
        """Yield where it answers; its next start is at the same port."""
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._put,
            request_deserializer=rpc_pb2.PutRequest.FromString,
            response_serializer=rpc_pb2.PutResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("etcdserverpb.KV", {"Put": handler}),),
        )
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        try:
            yield Endpoint("orders", f"127.0.0.1:{self.port}", None)
        finally:
            await server.stop(grace=0.1)

    async def _put(self, request: Any, context: Any) -> Any:
        self.taken.append(request.key.decode())
        await self.answer(context)
        return rpc_pb2.PutResponse()


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    client = Application()
    yield client
    await client.close()


async def test_a_closed_connection_is_dialled_again_and_writes_wait_for_it(application: Application) -> None:
    server = Server(at_once)
    async with server.running() as at:
        await application.put(at, b"before", b"", within=5)
    waiting = asyncio.create_task(application.put(at, b"between", b"", within=5))
    async with server.running():
        await waiting
        await application.put(at, b"after", b"", within=5)
    assert server.taken == ["before", "between", "after"]


@pytest.mark.parametrize(("answer", "words"), [(never, "DEADLINE_EXCEEDED"), (refuse, "leader changed")])
async def test_a_write_that_a_server_took_up_is_never_repeated(
    application: Application, answer: Answer, words: str
) -> None:
    server = Server(answer)
    async with server.running() as at:
        with pytest.raises(WriteError, match=words):
            await application.put(at, b"once", b"", within=0.3)
    assert server.taken == ["once"]
