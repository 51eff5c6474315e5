"""A member may hold another for gone for ever though they are connected (etcd-io/etcd#14523); the rest know better."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from etcd_operator.etcd.errors import Refusal
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Lab, Server, healthy, refused, until
from tests.integration.ports import free_ports

WITHIN = 3.0
NEWCOMER = "http://127.0.0.1:9"


@dataclass(slots=True)
class Road:
    """The way to a peer. While it is `cut`, the first message that comes along waits until `lose`, the rest fail."""

    destination: int
    cut: bool = False
    waiting: asyncio.StreamWriter | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        first = await reader.read(65536)
        if self.cut:
            if self.waiting is None and first.startswith(b"POST"):
                self.waiting = writer
            else:
                writer.close()
            return
        try:
            onward, back = await asyncio.open_connection("127.0.0.1", self.destination)
        except OSError:
            writer.close()
            return
        back.write(first)
        await asyncio.gather(_pass_on(reader, back), _pass_on(onward, writer))

    def lose(self) -> None:
        """Let the message that waits fail."""
        assert self.waiting is not None, "no message came along"
        self.waiting.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def road() -> AsyncIterator[tuple[Road, int]]:
    """A way to a peer, and the port where it begins."""
    begins, ends = free_ports(2)
    road = Road(ends)
    server = await asyncio.start_server(road.travel, "127.0.0.1", begins)
    try:
        yield road, begins
    finally:
        server.close()


async def sees(server: Server, member_id: int, number: str) -> None:
    """Raise AssertionError unless `server` counts so many active connections to the member."""

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.client_port}/metrics", timeout=WITHIN) as reply:
            text: bytes = reply.read()
        return text.decode()

    mark = f'Remote="{member_id:x}"'
    lines = [line for line in (await asyncio.to_thread(read)).splitlines() if "etcd_network_active_peers{" in line]
    assert [line.rpartition(" ")[2] for line in lines if mark in line] == [number], lines


def streams_with(server: Server, member_id: int) -> list[str]:
    """The streams to and from the member that `server` has opened, as it wrote them down."""
    told = (json.loads(line) for line in server.output().splitlines() if "established TCP" in line)
    lines = [line for line in told if line["remote-peer-id"] == f"{member_id:x}"]
    ways = ("stream-reader-type", "stream-writer-type")
    return [f"{way} {line[way]}" for line in lines for way in ways if way in line]


async def test_one_refuses_for_ever_what_another_takes(
    client: GrpcEtcdClient, lab: Lab, version: Version, road: tuple[Road, int]
) -> None:
    way, begins = road
    leader, other, restarted = (lab.server(version, f"m{number}") for number in range(3))
    restarted.peer_port = begins
    listens = (f"--listen-peer-urls=http://127.0.0.1:{way.destination}",)
    trio = (leader, other, restarted)
    leader.start(trio)
    other.start(trio)
    await healthy(client, leader)
    # Two have elected one of them; the third finds a leader.
    if (status := await client.status(leader.endpoint(), within=WITHIN)).leader_id != status.member_id:
        leader, other = other, leader
    restarted.start(trio, arguments=listens)
    await healthy(client, restarted)
    member_id = (await client.status(restarted.endpoint(), within=WITHIN)).member_id
    await until(lambda: sees(leader, member_id, "1"))

    way.cut = True
    restarted.kill()

    async def on_its_way() -> None:
        assert way.waiting is not None
        await sees(leader, member_id, "0")

    await until(on_its_way)
    before = len(streams_with(leader, member_id))
    way.cut = False
    restarted.start(trio, arguments=listens)
    await healthy(client, restarted)

    async def listens_again() -> None:
        # Each stream that comes about makes the member active: what is lost before the last is forgotten.
        assert len(set(streams_with(leader, member_id)[before:])) == 4
        await sees(leader, member_id, "1")

    await until(listens_again)
    way.lose()
    await until(lambda: sees(leader, member_id, "0"))

    async def add(at: Server) -> None:
        await client.member_add(at.endpoint(), NEWCOMER, learner=True, within=WITHIN)

    await until(lambda: add(other))
    await healthy(client, leader)
    again = client.member_add(leader.endpoint(), NEWCOMER, learner=True, within=WITHIN)
    assert (await refused(again)).reason is Refusal.UNHEALTHY_CLUSTER
    await sees(leader, member_id, "0")
