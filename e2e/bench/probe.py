"""The one judge of "every voter is started and healthy", for the operator's clusters and for the baseline alike."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from e2e.bench.results import NotMeasuredError
from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient

LOOK_EVERY = 0.05
"""Seconds between two looks; the error of a measurement."""

CALL_TIMEOUT = 2.0
DIAL_TIMEOUT = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """Moments of the monotonic clock, in seconds: the first member that served a read, and all of them."""

    first: float
    all: float


def until_all_serve(endpoints: Callable[[], Collection[Endpoint]], *, voters: int, within: float) -> Served:
    """Return when `voters` members each served a linearizable read and the member list shows as many started voters.

    `endpoints()` says where members are known to be by now. Raises NotMeasuredError after `within` seconds.
    """
    return asyncio.run(_until_all_serve(endpoints, voters, within))


async def _until_all_serve(endpoints: Callable[[], Collection[Endpoint]], voters: int, within: float) -> Served:
    asked: dict[Endpoint, asyncio.Task[float]] = {}
    try:
        async with asyncio.timeout(within):
            while len(served := _results(asked, endpoints())) < voters:
                for at in endpoints():
                    if at not in asked:
                        asked[at] = asyncio.create_task(_until_read(at))
                await asyncio.sleep(LOOK_EVERY)
            await _until_listed(next(iter(endpoints())), voters)
            return Served(first=min(served), all=time.monotonic())
    except TimeoutError:
        raise NotMeasuredError(f"{voters} voters did not all answer this machine within {within:.0f} s") from None
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)


def _results(asked: dict[Endpoint, asyncio.Task[float]], present: Collection[Endpoint]) -> list[float]:
    """When each member that is there served; one whose Pod was replaced has to serve anew."""
    return [task.result() for at, task in asked.items() if at in present and task.done()]


async def _until_read(at: Endpoint) -> float:
    while True:
        # A channel that failed once waits before it dials again; a bare dial does not.
        if await _listens(at.address):
            client = GrpcEtcdClient()
            try:
                await client.get(at, b"health", within=CALL_TIMEOUT)
            except EtcdError:
                pass  # not yet
            else:
                return time.monotonic()
            finally:
                await client.close()
        await asyncio.sleep(LOOK_EVERY)


async def _until_listed(at: Endpoint, voters: int) -> None:
    client = GrpcEtcdClient()
    try:
        while await _started_voters(client, at) != voters:  # noqa: ASYNC110 - etcd tells nobody of it
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await client.close()


async def _started_voters(client: GrpcEtcdClient, at: Endpoint) -> int:
    try:
        listed = await client.member_list(at, within=CALL_TIMEOUT)
    except EtcdError:
        return 0
    return len([member for member in listed.members if member.started and not member.is_learner])


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), DIAL_TIMEOUT)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
