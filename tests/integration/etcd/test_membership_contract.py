"""The real etcd answers each change of its member list as the contract says (tests/membership_contract.py)."""

import asyncio
import re
import shutil
import urllib.request
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from etcd_operator.etcd.client import Endpoint, EtcdClient
from etcd_operator.etcd.errors import EtcdError, Refusal
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Lab, Server, healthy, initial_cluster, refused, until
from tests.membership_contract import ENDINGS, FOUNDERS, PLAYS, RUNS, WITHIN, Play, perform

QUICK = 0.2
"""Seconds for one of the questions that are asked until the answer is there."""

CONNECTED_WITHIN = 2.0
"""Seconds after which members that agree count as connected, or never will be."""


_ACTIVE = re.compile(r'^etcd_network_active_peers\{.*Remote="([0-9a-f]+)"\} ([01])$', re.MULTILINE)


@dataclass(slots=True)
class RealStage:
    """The stage of real servers of one version, in plain text so that their metrics can be read."""

    version: Version
    lab: Lab
    client: EtcdClient
    servers: dict[str, Server] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    async def found(self, count: int) -> None:
        """See `Stage.found`."""
        servers = await self._connected(count)
        statuses = [await self.client.status(server.endpoint(), within=WITHIN) for server in servers]
        leads = [status.member_id == status.leader_id for status in statuses]
        ordered = sorted(zip(leads, servers, strict=True), key=lambda found: not found[0])
        self.servers = dict(zip(FOUNDERS, (server for _, server in ordered), strict=False))
        self.running = set(self.servers)

    async def _connected(self, count: int) -> list[Server]:
        """A cluster of so many; another if one holds another for gone, as it then does for ever (etcd-io/etcd#14523).

        test_held_for_gone.py has what comes of that.
        """
        while True:
            servers = await asyncio.to_thread(self.lab.cluster, self.version, count)
            for server in servers:
                await healthy(self.client, server)
            if await _are_connected(servers):
                return servers
            for server in servers:
                await asyncio.to_thread(server.close)

    async def kill(self, who: str) -> None:
        """See `Kill`."""
        member_id = (await self.client.status(self.endpoint(who), within=WITHIN)).member_id
        await asyncio.to_thread(self._server(who).kill)
        self.running.discard(who)
        for other in self.running:
            await until(lambda other=other: self._has_noticed(other, member_id))  # type: ignore[misc]

    async def start(self, who: str, named: tuple[str, ...], *, emptied: bool) -> str:
        """See `Start`."""
        server = self._server(who)
        if emptied:
            shutil.rmtree(server.data)
        members = initial_cluster(self._server(other) for other in named) if named else "none=http://none.invalid:2380"
        # The name in the list is the server's own: the roles are ours.
        await asyncio.to_thread(server.start, members, state="existing")
        return await until(lambda: self._outcome(who))

    async def ends(self, who: str) -> str:
        """See `Ends`."""
        words = await until(lambda: self._end(who))
        for other in self.running:
            await healthy(self.client, self._server(other))
        return words

    async def votes(self, who: str) -> None:
        """See `Votes`."""
        await until(lambda: self._says_that_it_votes(who))

    async def rest(self) -> None:
        """Until everyone who runs would add a member: a URL that is there already, so that nothing changes by it."""
        for who in self.running:
            await until(lambda who=who: self._would_add(who))  # type: ignore[misc]

    def endpoint(self, who: str) -> Endpoint:
        """See `Stage.endpoint`."""
        return self._server(who).endpoint()

    def peer_url(self, who: str) -> str:
        """See `Stage.peer_url`."""
        return self._server(who).peer_url

    def _server(self, who: str) -> Server:
        if who not in self.servers:
            self.servers[who] = self.lab.server(self.version, who.replace(" ", "-"))
        return self.servers[who]

    async def _would_add(self, who: str) -> None:
        call = self.client.member_add(self.endpoint(who), self.peer_url(who), learner=True, within=WITHIN)
        assert (await refused(call)).reason is Refusal.PEER_URL_EXISTS

    async def _says_that_it_votes(self, who: str) -> None:
        assert not (await self.client.status(self.endpoint(who), within=WITHIN)).is_learner, f"{who} does not know"

    async def _has_noticed(self, who: str, gone: int) -> None:
        assert (await _active(self._server(who)))[f"{gone:x}"] == "0", f"{who} still sees {gone:x}"

    async def _outcome(self, who: str) -> str:
        """How the start went."""
        try:
            await self.client.status(self.endpoint(who), within=QUICK)
        except EtcdError:
            return await self._end(who)
        self.running.add(who)
        return RUNS

    async def _end(self, who: str) -> str:
        server = self._server(who)
        await asyncio.to_thread(server.exit_code)
        self.running.discard(who)
        said = server.output()
        return next((words for words in ENDINGS if words in said), said)


async def _are_connected(servers: list[Server]) -> bool:
    """Whether each sees all others, as soon as they do."""

    async def see_all() -> None:
        for server in servers:
            active = await _active(server)
            assert list(active.values()) == ["1"] * (len(servers) - 1), f"{server.name} sees {active}"

    try:
        await until(see_all, within=CONNECTED_WITHIN)
    except AssertionError:
        return False
    return True


async def _active(server: Server) -> dict[str, str]:
    """By ID, whether the server is connected with another: "1" or "0"."""
    text = await asyncio.to_thread(_read, f"http://127.0.0.1:{server.client_port}/metrics")
    return dict(_ACTIVE.findall(text))


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=WITHIN) as reply:  # noqa: S310 - a server of our own
        text: bytes = reply.read()
    return text.decode()


@pytest.fixture(scope="module")
async def came(version: Version, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str] | BaseException]:
    """What came of each act, by play: all plays at once, because most of their time they wait."""
    outcomes = await asyncio.gather(
        *(_performed(play, version, Lab(tmp_path_factory.mktemp("play"))) for play in PLAYS), return_exceptions=True
    )
    return {play.name: outcome for play, outcome in zip(PLAYS, outcomes, strict=True)}


async def _performed(play: Play, version: Version, lab: Lab) -> list[str]:
    client = GrpcEtcdClient()
    try:
        return await perform(RealStage(version, lab, client), play)
    finally:
        await client.close()
        await asyncio.to_thread(lab.close)


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_every_change_is_answered_as_the_contract_says(came: dict[str, list[str] | BaseException], play: Play) -> None:
    outcome = came[play.name]
    if isinstance(outcome, BaseException):
        _failed(outcome)
    assert dict(zip((act.says for act in play.acts), outcome, strict=True)) == {
        act.says: act.answer for act in play.acts
    }


def _failed(outcome: BaseException) -> NoReturn:
    raise outcome
