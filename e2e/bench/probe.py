"""The one judge of "every voter is started and healthy", for the operator's clusters and for the baseline alike."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from e2e.bench.listing import Listing
from e2e.bench.results import NotMeasuredError
from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import EtcdError, RefusedError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient

LOOK_EVERY = 0.1
"""Seconds between two looks; the error of a measurement."""

CALL_TIMEOUT = 2.0
DIAL_TIMEOUT = 0.5

_HEALTH_KEY = b"health"

Whereabouts = Callable[[], Collection[Endpoint]]
"""Where members are known to be by now."""


@dataclass(frozen=True, slots=True)
class Served:
    """What was seen until all members served, at moments of the monotonic clock, in seconds.

    `redundant` is when as many failures could be survived as the list has room for: all of them voted, and each read
    with a quorum's consent, if only for its own metrics port (etcd may serve clients seconds later). `all` is when they
    all served clients, `answered` when each member gave its first answer, a learner's refusal included, `served` when
    it served its first read, `listings` are the different member lists, in their order.
    """

    redundant: float
    all: float
    answered: Mapping[str, float]
    served: Mapping[str, float]
    listings: tuple[Listing, ...]

    @property
    def first(self) -> float:
        """When the first of the members served."""
        return min(self.served.values())


def until_all_serve(endpoints: Whereabouts, *, voters: int, within: float) -> Served:
    """Return when etcd's list has `voters` members, all of them started voters, and each serves linearizable reads.

    Whatever members answered before does not count: each has to serve a read anew, and all of them at the end once
    more. Raises NotMeasuredError after `within` seconds.
    """
    return asyncio.run(_until_all_serve(endpoints, voters, within))


def until_down(at: Endpoint, *, within: float) -> None:
    """Return when nothing listens at an address any more; raises NotMeasuredError after `within` seconds."""
    asyncio.run(_until_down(at, within))


async def _until_all_serve(endpoints: Whereabouts, voters: int, within: float) -> Served:
    judge = _Judge(GrpcEtcdClient())
    try:
        async with asyncio.timeout(within):
            while not await judge.content(endpoints(), voters):  # noqa: ASYNC110 - etcd tells nobody of it
                await asyncio.sleep(LOOK_EVERY)
            return judge.verdict()
    except TimeoutError:
        raise NotMeasuredError(
            f"{voters} voters did not all answer this machine within {within:.0f} s; {judge.seen()}"
        ) from None
    finally:
        await judge.close()


@dataclass(frozen=True, slots=True)
class _Judge:
    client: GrpcEtcdClient
    asked: dict[Endpoint, asyncio.Task[None]] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    served: dict[str, float] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)
    redundant: list[float] = field(default_factory=list)

    async def content(self, present: Collection[Endpoint], voters: int) -> bool:
        """Whether nothing is left to wait for, of the members that are `present`."""
        for at in present:
            if at not in self.asked:
                self.asked[at] = asyncio.create_task(self._until_read(at))
        serving = [at for at in present if self.asked[at].done()]
        await self._list(serving)
        if not self.redundant and await self._is_redundant(present, voters):
            self.redundant.append(time.monotonic())
        if not self.listings or not self.listings[-1].whole(voters, [at.member for at in serving]):
            return False
        named = self.listings[-1].names
        return all(await asyncio.gather(*(self._serves(at) for at in serving if at.member in named)))

    def verdict(self) -> Served:
        """All that was seen until now."""
        now = time.monotonic()
        return Served(min([now, *self.redundant]), now, dict(self.answered), dict(self.served), tuple(self.listings))

    def seen(self) -> str:
        """The same in words."""
        listed = "nobody gave a list" if not self.listings else f"listed were {_words(self.listings[-1])}"
        return f"{', '.join(sorted(self.served)) or 'none'} served, {listed}"

    async def close(self) -> None:
        """Ask nobody any more."""
        for task in self.asked.values():
            task.cancel()
        await asyncio.gather(*self.asked.values(), return_exceptions=True)
        await self.client.close()

    async def _list(self, serving: Iterable[Endpoint]) -> None:
        for at in serving:
            try:
                listed = await self.client.member_list(at, within=CALL_TIMEOUT)
            except EtcdError:
                self._ask_anew(at)
                continue
            members = tuple(sorted(listed.members, key=lambda member: member.id))
            if not self.listings or self.listings[-1].members != members:
                self.listings.append(Listing(time.monotonic(), members))
            return

    async def _is_redundant(self, present: Collection[Endpoint], voters: int) -> bool:
        if not self.listings or not self.listings[-1].whole(voters, self.listings[-1].names):
            return False
        taking = await asyncio.gather(*(self._takes_part(at) for at in present))
        named = [at.member for at, takes in zip(present, taking, strict=True) if takes]
        return self.listings[-1].whole(voters, named)

    async def _takes_part(self, at: Endpoint) -> bool:
        if await self.client.takes_part(at, within=CALL_TIMEOUT):
            return True
        return self.asked[at].done() and await self._serves(at)

    async def _serves(self, at: Endpoint) -> bool:
        try:
            await self.client.get(at, _HEALTH_KEY, within=CALL_TIMEOUT)
        except EtcdError:
            self._ask_anew(at)
            return False
        return True

    def _ask_anew(self, at: Endpoint) -> None:
        self.asked[at] = asyncio.create_task(self._until_read(at))

    async def _until_read(self, at: Endpoint) -> None:
        # A channel that failed once waits before it dials again; a bare dial does not. One that works is kept: each
        # handshake takes a millisecond from the members that are measured.
        while True:
            if await _listens(at.address):
                client = GrpcEtcdClient()
                try:
                    await self._until_read_by(client, at)
                except EtcdError:
                    pass  # not yet
                else:
                    return
                finally:
                    await client.close()
            await asyncio.sleep(LOOK_EVERY)

    async def _until_read_by(self, client: GrpcEtcdClient, at: Endpoint) -> None:
        while True:
            try:
                await client.get(at, _HEALTH_KEY, within=CALL_TIMEOUT)
            except RefusedError:
                self.answered.setdefault(at.member, time.monotonic())
                await asyncio.sleep(LOOK_EVERY)
                continue
            now = time.monotonic()
            self.answered.setdefault(at.member, now)
            self.served.setdefault(at.member, now)
            return


def _words(listing: Listing) -> str:
    return ", ".join(
        f"{member.name or 'one that never started'}{' (learner)' if member.is_learner else ''}"
        for member in listing.members
    )


async def _until_down(at: Endpoint, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while await _listens(at.address):  # noqa: ASYNC110 - a process tells nobody that it was killed
                await asyncio.sleep(LOOK_EVERY / 5)
    except TimeoutError:
        raise NotMeasuredError(f"{at.member} at {at.address} still answers after {within:.0f} s") from None


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), DIAL_TIMEOUT)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
