"""One pass: what is written before what, and how a refusal is told, slowed down and forgotten."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.etcd.errors import Refusal, RefusedError
from etcd_operator.events import Recorder
from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused, ServerFailed, Unreachable
from etcd_operator.metrics import Metrics
from etcd_operator.patience import ETCD_QUIET, LAST_RETRY
from etcd_operator.reconcile import Reconciler
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import ROLE
from etcd_operator.resources.services import client_service
from etcd_operator.status.memory import HighestSeen, Memory
from tests.builders import CLUSTER_ID, GATE, IDENTITY, NOW, a_member, a_member_list, a_status, cluster_json
from tests.unit.fakes import FakeClock, FakeEtcd, FakeKube

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.kube.errors import KubeError

QUOTA = 'persistentvolumeclaims "orders" is forbidden: exceeded quota: storage'


@dataclass
class Stand:
    """One cluster in a Kubernetes of its own."""

    kube: FakeKube = field(default_factory=FakeKube)
    etcd: FakeEtcd = field(default_factory=FakeEtcd)
    metrics: Metrics = field(default_factory=Metrics)
    timer: FakeClock = field(default_factory=FakeClock)
    lease: float = 10.0

    def __post_init__(self) -> None:
        """Create the EtcdCluster and what serves it."""
        self.kube.put(Kind.CLUSTER, cluster_json())
        self.restart()

    def restart(self, left: str = "{}") -> None:
        """Serve it by a new process, which remembers nothing but what the one before has `left` in the Lease."""
        self.ever = HighestSeen()
        self.ever.take_over(left)
        recorder = Recorder(self.kube, "test")
        self.reconciler = Reconciler(
            self.kube,
            self.etcd,
            recorder,
            self.metrics,
            GATE,
            "shop",
            "orders",
            lambda: self.lease,
            clock=lambda: NOW + timedelta(seconds=self.timer() - FakeClock.now),
            entropy=lambda: bytes(range(16)),
            timer=self.timer,
            memory=Memory(self.ever),
        )

    async def passes(self, count: int) -> float:
        """Run some passes; returns what the last one said."""
        delay = 0.0
        for _ in range(count):
            delay = await self.reconciler.run_pass()
        return delay

    async def settled(self) -> None:
        """Run passes until one of them writes nothing."""
        before = -1
        while len(self.kube.writes) != before:
            before = len(self.kube.writes)
            await self.passes(1)

    @property
    def status(self) -> Json:
        """The status as it stands."""
        found: Json = self.kube.objects[Kind.CLUSTER, "shop", "orders"].get("status", {})
        return found

    @property
    def members(self) -> tuple[str, ...]:
        """The names on record."""
        return tuple(self.status["membership"]["members"])

    def blocked(self) -> list[tuple[str, str]]:
        """The reasons and messages of the blocks in the status."""
        return [(block["reason"], block["message"]) for block in self.status["plan"]["blocked"]]

    def start_members(self) -> None:
        """Be the kubelets and the first members: every Pod runs, and a quorum agrees."""
        members = [a_member(name) for name in self.members]
        agreed = a_member_list(*members)
        self.etcd.lists = dict.fromkeys(self.members, agreed)
        self.etcd.statuses = {member.name: a_status(member, leader=members[0]) for member in members}
        for name in self.members:
            body = self.kube.objects[Kind.POD, "shop", name]
            body["status"] = {
                "phase": "Running",
                "podIP": "10.244.1.7",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "etcd", "image": "etcd", "state": {"running": {}}}],
            }
            self.kube.put(Kind.POD, body)


@pytest.fixture
def stand() -> Stand:
    """A cluster that was just created."""
    return Stand()


async def test_the_first_pass_writes_names_and_nothing_else(stand: Stand) -> None:
    assert await stand.passes(1) == 0
    writes = [call for call in stand.kube.writes if call[1] != "Event"]
    assert writes == [("patch status", "EtcdCluster", "orders")]
    assert len(stand.members) == 3


async def test_passes_lead_from_nothing_to_a_cluster_that_serves_and_then_write_nothing(stand: Stand) -> None:
    await stand.settled()
    assert stand.kube.named(Kind.POD) == set(stand.members)
    stand.start_members()
    await stand.settled()
    assert stand.status["phase"] == "Running"
    assert stand.status["clusterID"] == f"{CLUSTER_ID:x}"
    labels = [stand.kube.objects[Kind.POD, "shop", name]["metadata"]["labels"] for name in stand.members]
    assert all(found["etcd-operator.dev/role"] == "voter" for found in labels)
    stand.kube.calls.clear()
    assert 0 < await stand.passes(3) <= 5
    assert stand.kube.writes == []


async def test_a_new_process_goes_on_where_the_last_one_ended_after_any_pass(stand: Stand) -> None:
    for _ in range(12):
        await stand.passes(1)
        stand.restart()
        if stand.kube.named(Kind.POD) == set(stand.status["membership"]["members"]):
            stand.start_members()
    assert stand.status["phase"] == "Running"
    assert len(stand.kube.named(Kind.CLAIM)) == 3


async def test_the_status_is_written_before_the_steps_that_rely_on_it(stand: Stand) -> None:
    await stand.passes(1)
    stand.kube.calls.clear()
    await stand.passes(1)
    writes = [call for call in stand.kube.writes if call[1] != "Event"]
    assert writes[0] == ("patch status", "EtcdCluster", "orders")
    assert len(writes) > 5


@pytest.mark.parametrize(
    "error", [Conflict("changed"), Unreachable("no answer"), ServerFailed("busy"), Refused("forbidden")]
)
async def test_without_the_status_no_step_is_taken(stand: Stand, error: KubeError) -> None:
    await stand.passes(1)
    stand.kube.calls.clear()
    stand.kube.faults["patch status", "EtcdCluster", None] = error
    with pytest.raises(type(error)):
        await stand.passes(1)
    assert [call[0] for call in stand.kube.writes] == ["patch status"]


async def test_a_status_that_somebody_changed_meanwhile_is_not_overwritten(stand: Stand) -> None:
    async def changed(verb: str, _kind: str, _name: str) -> None:
        if verb == "patch status":
            stand.kube.before = None
            body = stand.kube.objects[Kind.CLUSTER, "shop", "orders"]
            stand.kube.put(Kind.CLUSTER, {**body, "spec": {**body["spec"], "replicas": 5}})

    stand.kube.before = changed
    with pytest.raises(Conflict):
        await stand.passes(1)
    await stand.passes(1)
    assert len(stand.members) == 5


async def test_a_failed_read_is_an_error_and_no_plan(stand: Stand) -> None:
    stand.kube.faults["list", "PersistentVolumeClaim", None] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        await stand.passes(1)
    assert stand.kube.writes == []


async def test_a_cluster_that_is_gone_ends_the_passes(stand: Stand) -> None:
    stand.kube.objects.clear()
    with pytest.raises(NotFound):
        await stand.passes(1)


async def test_a_refused_step_is_in_the_next_status_in_kubernetes_own_words(stand: Stand) -> None:
    stand.kube.faults["create", "PersistentVolumeClaim", None] = Refused(QUOTA, code=403)
    await stand.passes(3)
    assert ("RefusedByKubernetes", QUOTA) in stand.blocked()
    blocked = next(entry for entry in stand.status["conditions"] if entry["type"] == "Blocked")
    assert blocked["status"] == "True"
    actions = {block["action"] for block in stand.status["plan"]["blocked"]}
    assert {f"Create PersistentVolumeClaim {name}" for name in stand.members} <= actions


async def test_a_refused_step_keeps_no_other_from_being_taken(stand: Stand) -> None:
    stand.kube.faults["create", "PodDisruptionBudget", None] = Refused("policy", code=403)
    await stand.passes(8)
    assert stand.kube.named(Kind.POD) == set(stand.members)


async def test_a_step_that_stays_refused_is_tried_with_growing_pauses_that_have_an_end(stand: Stand) -> None:
    stand.kube.faults["create", "PodDisruptionBudget", None] = Refused("policy", code=403)
    tries: list[float] = []
    for _ in range(60):
        before = _tries_of_the_budget(stand)
        await stand.passes(1)
        tries += [stand.timer.now] * (_tries_of_the_budget(stand) - before)
        stand.timer.forward(2)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_RETRY


async def test_events_do_not_shorten_the_pause_of_a_refused_step(stand: Stand) -> None:
    stand.kube.faults["create", "PodDisruptionBudget", None] = Refused("policy", code=403)
    await stand.passes(20)
    assert _tries_of_the_budget(stand) == 1


async def test_a_refused_step_does_not_slow_down_the_looks_at_the_cluster(stand: Stand) -> None:
    stand.kube.faults["create", "PodDisruptionBudget", None] = Refused("policy", code=403)
    for _ in range(30):
        assert await stand.passes(1) <= 5
        stand.timer.forward(5)


def _tries_of_the_budget(stand: Stand) -> int:
    return stand.kube.calls.count(("create", "PodDisruptionBudget", "orders"))


async def test_a_refusal_is_forgotten_when_its_cause_is_gone(stand: Stand) -> None:
    stand.kube.faults["create", "PersistentVolumeClaim", None] = Refused(QUOTA, code=403)
    await stand.passes(3)
    stand.kube.faults.clear()
    stand.timer.forward(LAST_RETRY)
    await stand.passes(3)
    assert stand.blocked() == []


async def test_a_refusal_is_forgotten_when_the_step_is_no_longer_planned(stand: Stand) -> None:
    stand.kube.faults["create", "PodDisruptionBudget", None] = Refused("policy", code=403)
    await stand.passes(3)
    assert stand.blocked()
    body = stand.kube.objects[Kind.CLUSTER, "shop", "orders"]
    stand.kube.put(Kind.CLUSTER, {**body, "spec": {**body["spec"], "paused": True}})
    await stand.passes(1)
    assert [reason for reason, _ in stand.blocked()] == ["Paused"]


async def test_an_object_that_is_not_ours_is_told_as_such_and_never_touched(stand: Stand) -> None:
    theirs = {"metadata": {"name": "orders", "namespace": "shop"}, "spec": {"ports": []}}
    stored = stand.kube.put(Kind.SERVICE, theirs)
    await stand.passes(3)
    assert stand.kube.objects[Kind.SERVICE, "shop", "orders"] == stored
    reasons = [reason for reason, _ in stand.blocked()]
    assert reasons == ["ForeignObject"]
    assert "nothing is ever adopted" in stand.blocked()[0][1]


@pytest.mark.parametrize("error", [Conflict("changed"), NotFound("gone")])
async def test_a_step_that_was_overtaken_is_quiet(stand: Stand, error: KubeError) -> None:
    await stand.passes(1)
    stand.kube.faults["create", "Service", None] = error
    assert await stand.passes(1) == 0
    await stand.passes(1)
    assert stand.blocked() == []


@pytest.mark.parametrize("error", [Unreachable("no answer"), ServerFailed("etcd is away", code=500)])
async def test_a_step_without_an_answer_is_no_refusal_and_fails_the_pass(stand: Stand, error: KubeError) -> None:
    await stand.passes(1)
    stand.kube.faults["create", "Service", None] = error
    with pytest.raises(type(error)):
        await stand.passes(1)
    stand.kube.faults.clear()
    await stand.passes(1)
    assert stand.blocked() == []


async def test_the_other_steps_are_taken_although_one_got_no_answer(stand: Stand) -> None:
    await stand.passes(1)
    stand.kube.faults["create", "Service", None] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        await stand.passes(1)
    assert stand.kube.named(Kind.CLAIM) == set(stand.members)


async def test_a_call_that_was_carried_out_without_an_answer_is_not_told_as_somebody_elses_object(
    stand: Stand,
) -> None:
    await stand.passes(1)
    stand.kube.faults["create", "Service", "orders"] = AlreadyExists("exists", code=409)
    await stand.passes(1)
    stand.kube.faults.clear()
    stand.kube.put(Kind.SERVICE, client_service(IDENTITY))
    await stand.passes(1)
    assert stand.blocked() == []


async def scaling_in(stand: Stand) -> None:
    """Three healthy members of which one is to leave, as far as its Pod has stopped."""
    await stand.settled()
    stand.start_members()
    await stand.settled()
    body = stand.kube.objects[Kind.CLUSTER, "shop", "orders"]
    stand.kube.put(Kind.CLUSTER, {**body, "spec": {**body["spec"], "replicas": 1}})
    await stand.passes(1)
    leaver = stand.status["membership"]["removing"]["member"]
    await stand.passes(1)
    assert ROLE not in stand.kube.objects[Kind.POD, "shop", leaver]["metadata"]["labels"]
    stand.timer.forward(1)
    await stand.passes(1)
    assert leaver not in stand.kube.named(Kind.POD)


async def test_a_member_that_leaves_is_recorded_then_stopped_then_removed(stand: Stand) -> None:
    await scaling_in(stand)
    assert stand.etcd.changes == []
    assert await stand.passes(1) == 0
    leaver = stand.status["membership"]["removing"]["member"]
    assert stand.etcd.changes == [(stand.members[0], "remove", a_member(leaver).id)]


UNHEALTHY = RefusedError("orders-bbbbb", "unhealthy cluster", reason=Refusal.UNHEALTHY_CLUSTER)


def times_asked(stand: Stand) -> int:
    """How often the leader was asked to change something."""
    return sum(1 for who, *_ in stand.etcd.changes if who == stand.members[0])


async def test_a_refusal_of_etcds_is_tried_again_and_told_only_when_it_lasts(stand: Stand) -> None:
    await scaling_in(stand)
    stand.etcd.refusal = UNHEALTHY
    for _ in range(8):
        assert await stand.passes(1) <= 2
        assert stand.blocked() == []
        stand.timer.forward(1)
    assert times_asked(stand) == 8
    stand.timer.forward(ETCD_QUIET)
    await stand.passes(1)
    assert [reason for reason, _ in stand.blocked()] == ["RefusedByEtcd"]
    assert "unhealthy cluster" in stand.blocked()[0][1]


async def test_events_do_not_shorten_the_pause_after_a_refusal_of_etcds(stand: Stand) -> None:
    await scaling_in(stand)
    stand.etcd.refusal = UNHEALTHY
    await stand.passes(10)
    assert times_asked(stand) == 1


async def test_a_refusal_of_etcds_that_was_overcome_is_forgotten(stand: Stand) -> None:
    await scaling_in(stand)
    stand.etcd.refusal = UNHEALTHY
    await stand.passes(1)
    stand.etcd.refusal = None
    stand.timer.forward(ETCD_QUIET)
    await stand.passes(2)
    assert times_asked(stand) == 2
    assert stand.blocked() == []


async def test_no_change_of_etcd_starts_on_a_lease_that_ends(stand: Stand) -> None:
    await scaling_in(stand)
    stand.lease = 1.0
    await stand.passes(1)
    assert stand.etcd.changes == []


async def test_an_event_tells_what_was_done_once(stand: Stand) -> None:
    await stand.settled()
    told = [(body["type"], body["reason"]) for (kind, _, _), body in stand.kube.objects.items() if kind is Kind.EVENT]
    assert told.count(("Normal", "NameMembers")) == 1
    assert all(kind == "Normal" for kind, _ in told)


async def test_events_that_cannot_be_written_hold_up_nothing(stand: Stand) -> None:
    stand.kube.faults["create", "Event", None] = Refused("forbidden", code=403)
    await stand.settled()
    assert stand.kube.named(Kind.POD) == set(stand.members)


async def test_the_margin_of_a_cluster_that_has_formed_is_measured(stand: Stand) -> None:
    await stand.settled()
    assert _samples(stand.metrics.quorum_margin) == []
    stand.start_members()
    await stand.settled()
    assert _samples(stand.metrics.quorum_margin) == [1]


async def test_a_change_of_the_leader_is_counted_and_the_first_leader_is_none(stand: Stand) -> None:
    await stand.settled()
    stand.start_members()
    await stand.settled()
    members = [a_member(name) for name in stand.members]
    assert sum(_samples(stand.metrics.leader_changes)) == 0
    stand.etcd.statuses = {member.name: a_status(member, leader=members[1]) for member in members}
    await stand.passes(2)
    assert _samples(stand.metrics.leader_changes)[0] == 1


async def test_a_process_that_died_with_the_majority_leaves_what_it_saw_to_the_next_one(stand: Stand) -> None:
    await stand.settled()
    stand.start_members()
    await stand.settled()
    survivor, *lost = stand.members
    for revision, members in ((300, lost), (100, [survivor])):
        for name in members:
            stand.etcd.statuses[name] = replace(stand.etcd.statuses[name], revision=revision)
    stand.kube.calls.clear()
    await stand.passes(2)
    assert stand.kube.writes == []

    left, _ = stand.ever.text(room=1000)
    stand.etcd.lists.clear()
    for name in lost:
        del stand.etcd.statuses[name]
        for kind in (Kind.POD, Kind.CLAIM):
            del stand.kube.objects[kind, "shop", name]
    stand.restart(left)
    await stand.settled()
    assert stand.status["phase"] == "NoQuorum"
    assert stand.status["lastSeen"] == {"revision": 300, "member": lost[0], "at": "2026-11-22T12:00:00Z"}
    told = {entry["name"]: entry.get("lastSeen") for entry in stand.status["members"]}
    assert told == {survivor: {"revision": 100, "at": "2026-11-22T12:00:00Z"}, lost[0]: None, lost[1]: None}


async def test_its_connections_end_with_it(stand: Stand) -> None:
    await stand.reconciler.close()
    assert stand.etcd.closed


def _samples(metric: object) -> list[float]:
    collected = next(iter(metric.collect()))  # type: ignore[attr-defined]
    return [sample.value for sample in collected.samples if not sample.name.endswith("_created")]
