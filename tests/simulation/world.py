"""A whole world for one EtcdCluster: Kubernetes, nodes, etcd, an application, and the operator, in virtual time.

It advances by ticks of one second: what the scenario has due, one pass of the operator, one step of everything else.
Nothing in it is random and nothing waits, so a run can be repeated, and continued differently from any of its moments.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from etcd_operator.etcd.client import Endpoint, Tls
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.events import Recorder
from etcd_operator.kube.errors import KubeError, NotFound
from etcd_operator.metrics import Metrics
from etcd_operator.observe import parse
from etcd_operator.reconcile import Reconciler
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import StartCheckImage
from etcd_operator.resources.secret import CA_BUNDLE, CERTIFICATE, ENDPOINTS, KEY
from tests.simulation import invariants
from tests.simulation.changes import Change
from tests.simulation.controllers import collect_garbage, expand_volumes, release_claims
from tests.simulation.etcd import Etcd
from tests.simulation.etcd_client import SimEtcdClient
from tests.simulation.kubernetes import ApiServer, secret_data
from tests.simulation.nodes import Nodes
from tests.simulation.port import SimKube
from tests.simulation.scenario import NAME, NAMESPACE
from tests.simulation.storage import STANDARD, storage_class
from tests.simulation.wire import Crashed, Fate, Wire

if TYPE_CHECKING:
    import asyncio

    from etcd_operator.kube.port import Json
    from etcd_operator.observation import Record
    from tests.simulation.port import Call
    from tests.simulation.scenario import Event, Scenario

TICK = timedelta(seconds=1)
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONGEST_PAUSE = timedelta(seconds=20)
WRITES_PER_PHASE = 2
"""How many keys the application writes before, between and after the events of a scenario."""

LEASE = 10.0
"""Seconds that are left on the operator's Lease."""

_GATE = StartCheckImage("example.com/etcd-operator:1", "IfNotPresent", ())
_METRICS = Metrics()


@dataclass(frozen=True, slots=True)
class History:
    """What has happened and must stay true.

    `acknowledged` are the application's writes. `lived` are members that were listed as started while clients could
    reach the cluster, `voted` those that were voters then, `removed` those that etcd has removed, `dismissed` those
    that the operator asked it to remove, and `expelled` those that somebody removed by hand: all by name. `named` is
    every name that was ever recorded, `retired` are those that were to leave for good.
    """

    acknowledged: tuple[tuple[bytes, bytes], ...] = ()
    lived: frozenset[str] = frozenset()
    voted: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()
    expelled: frozenset[str] = frozenset()
    named: tuple[str, ...] = ()
    retired: frozenset[str] = frozenset()


@dataclass(slots=True)
class World:
    """One moment of one run.

    `phase` is how many events of the scenario have come, `quiet` for how many ticks nothing has changed, `changed` when
    something last did, `calls` what the operator wrote and changed in its last pass, `unseen` of which kinds it saw an
    earlier state, `unreached` the members that it cannot ask, `wake_after` when it wants to look again, in seconds.
    """

    scenario: Scenario
    server: ApiServer
    etcd: Etcd
    nodes: Nodes
    run: asyncio.AbstractEventLoop
    operator: Reconciler | None = None
    operator_down: bool = False
    history: History = History()
    phase: int = 0
    ticks: int = 0
    quiet: int = 0
    changed: datetime = START
    calls: tuple[Call | Change, ...] = ()
    unseen: frozenset[Kind] = frozenset()
    unreached: frozenset[str] = frozenset()
    wake_after: float = 0.0
    story: tuple[str, ...] = field(default=(), repr=False)
    _draws: int = 0
    _violated: invariants.Violated | None = None

    @classmethod
    def of(cls, scenario: Scenario, loop: asyncio.AbstractEventLoop) -> World:
        """The world in which the scenario's EtcdCluster was just created."""
        server = ApiServer(START)
        etcd = Etcd(server)
        world = cls(scenario, server, etcd, Nodes.of(server, etcd), loop)
        server.create(Kind.STORAGE_CLASS, "", storage_class(STANDARD))
        scenario.before(world)
        world.create_cluster()
        return world

    def copy(self) -> World:
        """The same moment, whose future is its own."""
        server = self.server.copy()
        etcd = self.etcd.copy(server)
        return replace(self, server=server, etcd=etcd, nodes=self.nodes.copy(server, etcd))

    @property
    def cluster(self) -> Json | None:
        """The EtcdCluster, None when it is gone."""
        return self.server.find(Kind.CLUSTER, NAMESPACE, NAME)

    @property
    def status(self) -> Json:
        """The status of the EtcdCluster."""
        status: Json = (self.cluster or {}).get("status", {})
        return status

    @property
    def record(self) -> Record:
        """What the operator has recorded."""
        return parse.record(self.status)

    @property
    def members(self) -> tuple[str, ...]:
        """The members that are to vote, as they are recorded."""
        return self.record.members

    @property
    def formed(self) -> bool:
        """Whether the cluster ID is latched."""
        return "clusterID" in self.status

    @property
    def replicas(self) -> int:
        """How many members are asked for; 0 without an EtcdCluster."""
        return 0 if self.cluster is None else int(self.cluster["spec"]["replicas"])

    @property
    def ended(self) -> bool:
        """Whether everything has come, and nothing changes any more for as long as somebody might wait."""
        calm = self.phase == len(self.scenario.script) and self.quiet > 1
        return calm and self.server.now - self.changed >= self.scenario.patience

    def create_cluster(self) -> None:
        """What the user applies. What an earlier cluster of the name had is not this one's history."""
        self.history = History()
        body = {"metadata": {"name": NAME}, "spec": self.scenario.spec}
        self.server.create(Kind.CLUSTER, NAMESPACE, body)

    def tell(self, line: str) -> None:
        """Add a line to the story of this run, which is shown when it goes wrong."""
        self.story = (*self.story, f"{self.ticks:3} {line}")

    def tick(self, fate: Fate | None = None) -> None:
        """Advance by one second; while nothing changes, to when the operator looks again."""
        before = self._changes()
        self.ticks += 1
        self._come()
        self.calls = ()
        if not self.operator_down:
            self._pass(fate or Fate())
        self._move()
        if self._changes() != before:
            self.quiet, self.changed = 0, self.server.now
        else:
            self.quiet += 1
        self.server.now += TICK + self._pause()

    def meet(self, event: Event) -> None:
        """Something comes from outside."""
        self.tell(f"* {event.says}")
        event.do(self)
        self.quiet = 0

    def arrive(self, call: Call | Change) -> None:
        """A call of an earlier leader arrives late. Whatever the server answers, nobody listens."""
        self.tell(f"late: {call}")
        invariants.permit(self, call, late=True)
        self.history = invariants.remember(self, call)
        try:
            if isinstance(call, Change):
                call.carry_out(self.etcd)
            else:
                call.carry_out(self.server)
        except (KubeError, EtcdError) as error:
            self.tell(f"      {error}")

    def conclude(self) -> None:
        """The story has ended: as it must, and so that whoever reads the status knows why. Raises Violated."""
        invariants.rest(self)
        self.scenario.end(self)

    def restart_operator(self) -> None:
        """A new process, which remembers nothing."""
        self.operator = None

    def _pause(self) -> timedelta:
        """How long nothing happens: the longer, the longer nothing has."""
        if not self.quiet:
            return timedelta()
        if self.cluster is None:
            return LONGEST_PAUSE
        return min(timedelta(seconds=self.wake_after * 2 ** min(self.quiet - 1, 8)), LONGEST_PAUSE)

    def _come(self) -> None:
        script = self.scenario.script
        if self.phase < len(script) and script[self.phase].when(self):
            self.meet(script[self.phase])
            self.phase += 1

    def _pass(self, fate: Fate) -> None:
        wire = Wire(fate, self._on_send)
        kube, client = SimKube(self.server, wire), SimEtcdClient(self.etcd, wire, unreached=self.unreached)
        recorder = Recorder(kube, "simulated")

        def draw() -> bytes:
            client.look_no_more()  # names are drawn between looking and acting
            return self._draw()

        if self.operator is None:
            self.operator = Reconciler(kube, client, recorder, _METRICS, _GATE, NAMESPACE, NAME, lambda: LEASE)
        operator = replace(
            self.operator,
            kube=kube,
            etcd=client,
            recorder=recorder,
            clock=lambda: self.server.now,
            timer=(self.server.now - START).total_seconds,
            entropy=draw,
            _patience=deepcopy(self.operator._patience),  # noqa: SLF001 - a copy of the world has its own
            memory=deepcopy(self.operator.memory),
        )
        self.wake_after, self.unseen = 0.0, frozenset(fate.stale)
        try:
            self.wake_after = self.run.run_until_complete(operator.run_pass())
        except Crashed:
            self.tell("the operator crashed")
            self.restart_operator()
        except NotFound:
            self.restart_operator()
        except KubeError as error:
            self.tell(f"pass failed: {error.message}")
            self.operator = operator
        else:
            self.operator = operator
            invariants.require(self, 0 <= self.wake_after <= 60, f"L4: looks again after {self.wake_after} s")
        if self._violated is not None:
            raise self._violated
        self.calls = tuple(wire.sent)

    def _draw(self) -> bytes:
        self._draws += 1
        return hashlib.sha256(f"{self.ticks} {self._draws}".encode()).digest()

    def _on_send(self, call: Call | Change) -> None:
        self.tell(str(call))
        try:
            invariants.permit(self, call, late=False)
        except invariants.Violated as violated:
            self._violated = violated  # the operator may meet another error in the same pass, and report that one
            raise
        self.history = invariants.remember(self, call)

    def _move(self) -> None:
        """One step of everything but the operator."""
        collect_garbage(self.server)
        release_claims(self.server, self.etcd)
        self.etcd.first_starts = ()
        expand_volumes(self.server, self.etcd, mounted=self.nodes.mounted(), stuck=self.nodes.stuck)
        self.nodes.step()
        self.etcd.settle()
        self._apply()
        self.history = invariants.hold(self)

    def _apply(self) -> None:
        """The application writes through what it was given: the connection Secret, and the Service that it names."""
        if len(self.history.acknowledged) >= WRITES_PER_PHASE * (self.phase + 1):
            return
        written = f"{len(self.history.acknowledged)}".encode()
        if self.write(b"key" + written, written):
            acknowledged = (*self.history.acknowledged, (b"key" + written, written))
            self.history = replace(self.history, acknowledged=acknowledged)

    def write(self, key: bytes, value: bytes) -> bool:
        """Write as an application does; whether it was acknowledged."""
        data = secret_data(self.server, NAMESPACE, f"{NAME}-client")
        service = self.server.find(Kind.SERVICE, NAMESPACE, NAME)
        pod = self._backend(service) if service is not None else None
        if pod is None or ENDPOINTS not in data:
            return False
        host = data[ENDPOINTS].decode().split("/")[2].partition(":")[0]
        tls = None
        if data[ENDPOINTS].startswith(b"https:"):
            tls = Tls(data[CA_BUNDLE], data.get(CERTIFICATE), data.get(KEY), host)
        endpoint = Endpoint(pod["metadata"]["name"], f"{pod['status']['podIP']}:2379", tls)
        client = SimEtcdClient(self.etcd, Wire(Fate(), self._on_send))
        try:
            self.run.run_until_complete(client.put(endpoint, key, value, within=1))
        except EtcdError as error:
            self.tell(f"not written: {error}")
            return False
        return True

    def _backend(self, service: Json) -> Json | None:
        """A ready Pod behind a Service."""
        selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        for pod in self.server.list(Kind.POD, NAMESPACE, labels=selector):
            conditions = {entry["type"]: entry["status"] for entry in pod["status"].get("conditions", ())}
            if conditions.get("Ready") == "True":
                return pod
        return None

    def _changes(self) -> tuple[object, ...]:
        """Equal for two moments between which nothing has changed."""
        versions = [body["metadata"]["resourceVersion"] for body in self.server.objects.values()]
        return (
            versions,
            len(self.server.told),
            tuple(self.etcd.processes.values()),
            tuple(self.nodes.sandboxes.values()),
            self.history,
        )
