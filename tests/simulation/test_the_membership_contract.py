"""The simulated etcd answers each change of its member list as the real one does (tests/membership_contract.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.kinds import Kind
from tests.membership_contract import ENDINGS, FOUNDERS, PLAYS, RUNS, perform
from tests.simulation.etcd import Etcd
from tests.simulation.etcd_client import SimEtcdClient
from tests.simulation.kubernetes import ApiServer
from tests.simulation.process import Exit, Launch
from tests.simulation.reconfiguration import HEALTH_INTERVAL
from tests.simulation.volumes import EMPTY, MOUNT, Files
from tests.simulation.wire import Fate, Wire

if TYPE_CHECKING:
    import asyncio

    from etcd_operator.kube.port import Json
    from tests.membership_contract import Play

_CHECKED: Files = {**EMPTY, MOUNT / "data": None}
"""A volume on which the start check has passed and etcd never ran."""


@dataclass(slots=True)
class SimulatedStage:
    """The stage of the simulated etcd: every role is the name of its Pod, its claim and its Service."""

    etcd: Etcd = field(default_factory=lambda: Etcd(ApiServer(datetime(2026, 11, 22, tzinfo=UTC))))

    @property
    def client(self) -> SimEtcdClient:
        """A client whose calls all arrive."""
        return SimEtcdClient(self.etcd, Wire(Fate(), lambda _: None))

    async def found(self, count: int) -> None:
        """Nobody leads who is not called the leader: the first that can be elected is."""
        for who in FOUNDERS[:count]:
            self._launch(who, FOUNDERS[:count], state="new")
        self.etcd.settle()
        leader = self.etcd.leaders[0]
        heir = self.etcd.processes["leader"]
        if leader.pod != heir.pod:
            self.etcd.hand_over(leader, heir)
        self.etcd.settle()

    async def kill(self, who: str) -> None:
        """See `Kill`."""
        self.etcd.kill(who)
        self.etcd.settle()

    async def start(self, who: str, named: tuple[str, ...], *, emptied: bool) -> str:
        """See `Start`."""
        if emptied:
            self.etcd.empty(who)
            self.etcd.volumes[who] = _CHECKED
        launched = self._launch(who, named, state="existing")
        self.etcd.settle()
        return _words(launched) if launched is not None else await self._outcome(who)

    async def ends(self, who: str) -> str:
        """See `Ends`."""
        self.etcd.settle()
        return await self._outcome(who)

    async def votes(self, who: str) -> None:
        """See `Votes`."""
        self.etcd.settle()
        assert not self.etcd.processes[who].learns, f"{who} does not know"

    async def rest(self) -> None:
        """See `Rest`."""
        self.etcd.server.now += timedelta(seconds=HEALTH_INTERVAL + 1)
        self.etcd.settle()

    def endpoint(self, who: str) -> Endpoint:
        """The address is the role."""
        return Endpoint(who, f"{who}:2379", None)

    def peer_url(self, who: str) -> str:
        """The host is the name of the Service."""
        return f"http://{who.replace(' ', '-')}.shop.svc:2380"

    async def _outcome(self, who: str) -> str:
        ended = self.etcd.exits.get(who)
        return RUNS if ended is None else _words(ended)

    def _launch(self, who: str, named: tuple[str, ...], *, state: str) -> Exit | None:
        """Start a process; how it ended if it did at once."""
        service: Json = {"metadata": {"name": who.replace(" ", "-")}, "spec": {"selector": {"member": who}}}
        pod: Json = {"metadata": {"name": who, "labels": {"member": who}}, "spec": {}}
        for kind, body in ((Kind.SERVICE, service), (Kind.POD, pod)):
            if self.etcd.server.find(kind, "shop", body["metadata"]["name"]) is None:
                self.etcd.server.create(kind, "shop", body)
        self.etcd.server.patch(Kind.POD, "shop", who, {"metadata": {"uid": who}})
        self.etcd.volumes.setdefault(who, _CHECKED)
        arguments = (
            f"--name={who}",
            f"--initial-advertise-peer-urls={self.peer_url(who)}",
            f"--advertise-client-urls=http://{who}.shop.svc:2379",
            "--initial-cluster-token=token",
            f"--initial-cluster-state={state}",
        )
        permission = ",".join(f"{other}={self.peer_url(other)}" for other in named)
        environment = {"ETCD_INITIAL_CLUSTER": permission}
        launched = self.etcd.launch(Launch("shop", who, who, who, who, "3.6.16", arguments, environment, {}))
        return launched if isinstance(launched, Exit) else None


def _words(ended: Exit) -> str:
    return next((words for words in ENDINGS if words in ended.message), ended.message)


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_every_change_is_answered_as_etcd_answers_it(loop: asyncio.AbstractEventLoop, play: Play) -> None:
    came = loop.run_until_complete(perform(SimulatedStage(), play))
    assert dict(zip((act.says for act in play.acts), came, strict=True)) == {act.says: act.answer for act in play.acts}
