"""The continuous writer, against servers in memory."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from e2e.bench.application import WriteError
from e2e.bench.writer import packed, unpacked, write
from etcd_operator.etcd.client import Endpoint, Tls

ONE, OTHER = (Endpoint(name, f"10.0.0.{number}:2379", None) for number, name in enumerate(("one", "other"), start=1))


@dataclass
class Server:
    """Takes writes, except at members that are `down`, and says when it has seen `enough` of them."""

    enough: int
    down: set[str] = field(default_factory=set)
    seen: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> None:
        """Note the write, then answer or fail."""
        self.seen.append((at.member, key, value))
        if len(self.seen) >= self.enough:
            self.full.set()
        if at.member in self.down:
            raise WriteError(f"no answer within {within} s")


async def written(server: Server, *endpoints: Endpoint) -> list[Any]:
    return await write(server, endpoints, prefix="p", until=server.full)


async def test_every_write_has_a_key_of_its_own_and_a_moment_of_acknowledgement() -> None:
    server = Server(enough=5)
    done = await written(server, ONE)
    assert [key for _, key, _ in server.seen] == [f"p/{number}".encode() for number in range(len(done))]
    assert all(each.acknowledged >= each.sent for each in done)


async def test_writes_come_at_their_rate_whatever_becomes_of_earlier_ones() -> None:
    server = Server(enough=6)
    done = await written(server, ONE)
    # Five pauses lie before the sixth write; a busy machine makes them longer, never shorter.
    assert done[5].sent - done[0].sent >= 5 / 50 - 0.005


async def test_a_write_that_fails_sends_the_next_one_elsewhere() -> None:
    server = Server(enough=4, down={"one"})
    done = await written(server, ONE, OTHER)
    assert [member for member, _, _ in server.seen][:3] == ["one", "other", "other"]
    assert done[0].acknowledged is None
    assert "no answer within 1.0 s" in done[0].error


async def test_a_service_is_asked_again_after_a_failure() -> None:
    server = Server(enough=3, down={"one"})
    done = await written(server, ONE)
    assert all(each.acknowledged is None for each in done)
    assert {member for member, _, _ in server.seen} == {"one"}


def test_an_endpoint_reaches_the_writer_as_it_is() -> None:
    mutual = Endpoint("one", "10.0.0.1:2379", Tls(b"ca", b"certificate", b"key", "one.shop.svc"))
    server_only = Endpoint("one", "10.0.0.1:2379", Tls(b"ca", None, None, None))
    for endpoint in (ONE, mutual, server_only):
        assert unpacked(packed(endpoint)) == endpoint
