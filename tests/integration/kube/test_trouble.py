"""What the adapter makes of an API server that is slow, away, closed to us, or not one."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from etcd_operator.kube.client import KubeClient
from etcd_operator.kube.errors import KubeError, NotFound, Refused, ServerFailed, Unreachable
from etcd_operator.resources.kinds import Kind
from tests.integration.kube.objects import a_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.integration.apiserver import ApiServer


def client_of(host: str, *, token: str = "", ca: str | None = None) -> ApiClient:
    """The library's client for `host`."""
    configuration = Configuration()
    configuration.host = host
    configuration.ssl_ca_cert = ca
    if token:
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    return ApiClient(configuration)


@asynccontextmanager
async def answering(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[KubeClient, list[int]]]:
    """A client of a server that does what `handler` does, and the codes that the client told of."""
    codes: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with client_of(f"http://127.0.0.1:{port}") as api:
            yield KubeClient(api, on_call=lambda _verb, _kind, code: codes.append(code), timeout=0.5), codes
    finally:
        server.close()
        await server.wait_closed()


def http(status: str, body: str, *headers: str) -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def says(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that answers everything with `answer`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


async def test_a_server_that_never_answers_is_given_up_after_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with answering(silent) as (kube, codes):
        begun = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable, match="did not answer"):
            await kube.get(Kind.SECRET, "shop", "orders-client")
        assert asyncio.get_running_loop().time() - begun < 2
        assert codes == [0]


async def test_a_body_that_never_ends_is_given_up_after_the_deadline() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        await reader.read()

    async with answering(endless) as (kube, _):
        with pytest.raises(Unreachable):
            await kube.get(Kind.SECRET, "shop", "orders-client")


async def test_a_body_that_breaks_off_is_no_answer() -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    async with answering(says(broken)) as (kube, _):
        with pytest.raises(Unreachable):
            await kube.list(Kind.SECRET, "shop")


async def test_nobody_at_the_address_is_no_answer() -> None:
    async with client_of("http://127.0.0.1:1") as api:
        kube = KubeClient(api, on_call=lambda *_: None)
        with pytest.raises(Unreachable):
            await kube.list(Kind.SECRET, "shop")


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", "<html>welcome</html>", "Content-Type: text/html"),
        http("200 OK", "[]"),
        http("200 OK", ""),
        http("200 OK", '"text"'),
    ],
    ids=["a page", "a list", "nothing", "a text"],
)
async def test_what_is_no_api_server_is_no_answer(answer: bytes) -> None:
    async with answering(says(answer)) as (kube, _):
        with pytest.raises(Unreachable, match="not an API server"):
            await kube.get(Kind.LEASE, "shop", "etcd-operator")


async def test_no_read_asks_a_server_for_what_it_remembers() -> None:
    asked: list[bytes] = []
    first = '{"items": [{"metadata": {"name": "one"}}], "metadata": {"continue": "page-2"}}'
    second = '{"items": [{"metadata": {"name": "two"}}], "metadata": {}}'

    async def pages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        asked.append(request.splitlines()[0])
        writer.write(http("200 OK", second if b"continue=page-2" in request else first))
        await writer.drain()

    async with answering(pages) as (kube, _):
        found = await kube.list(Kind.POD, "shop", labels="app=etcd", fields="spec.nodeName=a")
        await kube.get(Kind.CLUSTER, "shop", "orders")
    assert [body["metadata"]["name"] for body in found] == ["one", "two"]
    assert len(asked) == 3
    # With any resourceVersion, 0 above all, the answer may come from a cache that is behind.
    assert not [line for line in asked if b"resourceVersion" in line]


async def test_a_busy_server_says_when_to_come_back() -> None:
    body = '{"kind": "Status", "message": "storage is (re)initializing", "reason": "TooManyRequests"}'
    async with answering(says(http("429 Too Many Requests", body, "Retry-After: 7"))) as (kube, codes):
        with pytest.raises(ServerFailed, match="initializing") as failed:
            await kube.get(Kind.SECRET, "shop", "orders-client")
        assert failed.value.retry_after == 7
        assert codes == [429]


async def test_an_error_without_json_is_told_in_its_own_words() -> None:
    async with answering(says(http("502 Bad Gateway", "upstream away"))) as (kube, _):
        with pytest.raises(ServerFailed, match="upstream away"):
            await kube.get(Kind.SECRET, "shop", "orders-client")


async def test_a_page_that_says_not_found_is_not_the_servers_word_that_an_object_is_gone() -> None:
    async with answering(says(http("404 Not Found", "<html>no such page</html>"))) as (kube, _):
        with pytest.raises(KubeError, match="no such page") as failed:
            await kube.get(Kind.CLUSTER, "shop", "orders")
        assert not isinstance(failed.value, NotFound)


async def test_a_stranger_to_the_server_is_refused(apiserver: ApiServer) -> None:
    async with client_of(apiserver.url, token=secrets.token_hex(8), ca=str(apiserver.ca)) as api:
        kube = KubeClient(api, on_call=lambda *_: None)
        with pytest.raises(Refused) as refused:
            await kube.list(Kind.SECRET, "default")
        assert refused.value.code == 401


async def test_who_may_not_is_told_what_he_may_not(apiserver: ApiServer) -> None:
    async with client_of(apiserver.url, ca=str(apiserver.ca)) as api:
        kube = KubeClient(api, on_call=lambda *_: None)
        with pytest.raises(Refused, match='cannot create resource "secrets"') as refused:
            await kube.create(Kind.SECRET, "default", a_secret())
        assert refused.value.code == 403


async def test_a_server_whose_certificate_we_do_not_trust_is_not_asked(apiserver: ApiServer) -> None:
    async with client_of(apiserver.url, token=apiserver.token) as api:
        kube = KubeClient(api, on_call=lambda *_: None)
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await kube.list(Kind.SECRET, "default")
