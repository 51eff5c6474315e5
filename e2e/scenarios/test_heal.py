"""Members lose their Pods, their data, their nodes: each comes back as it was or is replaced, and no promise is broken.

Applications write all the time; afterwards everything that they were promised is there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

import pytest

from deploy.render import NAMESPACE
from e2e.cluster import Cluster, LocalClusterError
from e2e.support.clusters import VERSION, EtcdCluster
from e2e.support.damage import Volume, stopped, without_peers
from e2e.support.etcd import Etcd
from e2e.support.invariants import has_exactly
from e2e.support.kube import Kind, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.nodes import signal_container
from e2e.support.operator import LEASE, Operator
from e2e.support.service import service
from e2e.support.waiting import eventually, throughout
from e2e.support.writer import Writer
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.lease import HIGHEST
from etcd_operator.observe.etcd import DEADLINE
from etcd_operator.resources.pod import ETCD_CONTAINER

REPLACE_AFTER = 15
"""Seconds: `recovery.replaceAfter` of the clusters here."""

NODE_GRACE = 16
"""Seconds until Kubernetes notices a lost node (e2e/cluster/README.md)."""

REPLACED_WITHIN = 90.0
"""Seconds; `make bench` measures how long it takes on a quiet machine."""

KEPT_FOR = REPLACE_AFTER + 10.0
"""Seconds after which a member that were taken for lost would be on its way out."""

TOLD_WITHIN = 10.0 + DEADLINE
"""Seconds after which the status must not call a member alive that does not answer the operator."""

LEADS_WITHIN = 30.0
"""Seconds within which another operator leads when the node of the first one is off: its Lease lasts for ten."""

RECOVERY = {"replaceAfter": f"{REPLACE_AFTER}s"}


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members; each scenario here leaves three that are healthy."""
    with namespaces.new("heal") as namespace:
        yield EtcdCluster(kube, namespace).apply(recovery=RECOVERY).becomes_healthy()


@pytest.fixture(scope="module", autouse=True)
def first(orders: EtcdCluster) -> tuple[str, ...]:
    """The members that formed the cluster."""
    return orders.members()


@pytest.fixture
def powered(cluster: Cluster) -> Iterator[None]:
    """All nodes have power after the scenario, whatever happened."""
    yield
    for node in cluster.nodes:
        cluster.power_on(node)
    cluster.wait_ready()


@contextmanager
def writing(orders: EtcdCluster, *, prefix: str) -> Iterator[Writer]:
    """An application writes through the Service; afterwards all that it was promised is there."""
    with Writer(service(orders), prefix=prefix) as written:
        eventually(lambda: _wrote(written, 50), within=30)
        yield written
        sofar = len(written.acknowledged)
        eventually(lambda: _wrote(written, sofar + 50), within=60)
    with orders.etcd() as etcd:
        assert [key for key in written.acknowledged if etcd.get(key) != key] == []


def _wrote(written: Writer, number: int) -> None:
    assert len(written.acknowledged) >= number, f"{len(written.acknowledged)} writes: {written.failures[-1:]}"


def identities(orders: EtcdCluster) -> dict[str, int]:
    """The member IDs by name, as etcd lists them."""
    with orders.etcd() as etcd:
        return {member.name: member.id for member in etcd.member_list().members}


def a_follower(orders: EtcdCluster) -> str:
    with orders.etcd() as etcd:
        leader = etcd.leader()
    return next(member for member in orders.members() if member != leader)


def becomes_replaced(
    orders: EtcdCluster, victim: str, *, before: dict[str, int], within: float = REPLACED_WITHIN
) -> None:
    """Return when another member has the place of `victim`, of which nothing is left; the others are who they were."""

    def replaced() -> None:
        assert victim not in orders.members(), f"{victim} is still a member: {orders.status()['plan']}"
        orders.becomes_healthy(within=0)

    eventually(replaced, within=within)
    has_exactly(orders, 3)
    after = identities(orders)
    assert {name: after.get(name) for name in before if name != victim} == {
        name: before[name] for name in before if name != victim
    }
    assert before[victim] not in after.values()


def comes_back(orders: EtcdCluster, *, before: dict[str, int]) -> None:
    """Return when all members are healthy; they are who they were, on the claims that they had."""
    orders.becomes_healthy()
    assert identities(orders) == before
    has_exactly(orders, 3)


def test_a_pod_that_is_deleted_comes_back_as_the_member_that_it_was(orders: EtcdCluster, kube: Kube) -> None:
    before = identities(orders)
    claims = {claim["metadata"]["uid"] for claim in orders.claims()}
    with orders.etcd() as etcd:
        victim = etcd.leader()
    pod = orders.pod(victim)["metadata"]["uid"]
    with writing(orders, prefix="pod"):
        kube.delete(Kind.POD, orders.namespace, victim)
        eventually(lambda: _is_another(orders, victim, pod), within=60)
        comes_back(orders, before=before)
    assert {claim["metadata"]["uid"] for claim in orders.claims()} == claims


def test_all_pods_deleted_at_once_come_back_and_nobody_is_replaced(orders: EtcdCluster, kube: Kube) -> None:
    before = identities(orders)
    pods = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in orders.pods()}
    with writing(orders, prefix="pods"):
        for member in pods:
            kube.delete(Kind.POD, orders.namespace, member)
        for member, pod in pods.items():
            eventually(lambda member=member, pod=pod: _is_another(orders, member, pod), within=60)  # type: ignore[misc]
        comes_back(orders, before=before)


def test_a_member_whose_pod_and_claim_are_deleted_is_replaced(orders: EtcdCluster, kube: Kube) -> None:
    before = identities(orders)
    with orders.etcd() as etcd:
        victim = etcd.leader()
    with writing(orders, prefix="claim"):
        kube.delete(Kind.CLAIM, orders.namespace, victim)
        kube.delete(Kind.POD, orders.namespace, victim)
        becomes_replaced(orders, victim, before=before)


def test_a_member_whose_volume_was_emptied_is_replaced(orders: EtcdCluster, cluster: Cluster, kube: Kube) -> None:
    before, victim = identities(orders), a_follower(orders)
    with writing(orders, prefix="emptied"):
        with stopped(cluster, orders.pod(victim)):
            Volume.of(cluster, kube, orders.claim(victim)).empty()
        becomes_replaced(orders, victim, before=before)


def test_a_member_whose_log_was_cut_off_is_replaced(orders: EtcdCluster, cluster: Cluster, kube: Kube) -> None:
    before, victim = identities(orders), a_follower(orders)
    with writing(orders, prefix="cut") as written:
        with stopped(cluster, orders.pod(victim)):
            Volume.of(cluster, kube, orders.claim(victim)).cut_log(written.acknowledged[10])
        becomes_replaced(orders, victim, before=before)


def test_a_member_that_finds_the_data_of_another_is_replaced(orders: EtcdCluster, cluster: Cluster, kube: Kube) -> None:
    before, victim = identities(orders), a_follower(orders)
    other = next(member for member in orders.members() if member != victim)
    mine, theirs = (Volume.of(cluster, kube, orders.claim(member)) for member in (victim, other))
    with writing(orders, prefix="swapped"):
        with stopped(cluster, orders.pod(victim)):
            mine.take(theirs)
        becomes_replaced(orders, victim, before=before)


def test_a_member_on_a_cordoned_node_is_not_lost(orders: EtcdCluster, kube: Kube) -> None:
    before, victim = identities(orders), a_follower(orders)
    node = orders.pod(victim)["spec"]["nodeName"]
    with writing(orders, prefix="cordoned"):
        kube.kubectl("cordon", node)
        try:
            kube.delete(Kind.POD, orders.namespace, victim)
            orders.becomes_blocked("Unschedulable")
            throughout(lambda: _nobody_goes(orders, before), seconds=KEPT_FOR)
        finally:
            kube.kubectl("uncordon", node)
        comes_back(orders, before=before)


@pytest.mark.usefixtures("powered")
def test_the_member_of_a_lost_node_is_replaced_and_its_old_data_does_not_rejoin_with_the_node(
    orders: EtcdCluster, cluster: Cluster, kube: Kube, operator: Operator
) -> None:
    before = identities(orders)
    victim, node = next(
        (pod["metadata"]["name"], pod["spec"]["nodeName"])
        for pod in orders.pods()
        if pod["spec"]["nodeName"] != cluster.nodes[0]
    )
    volume, pod = Volume.of(cluster, kube, orders.claim(victim)), orders.pod(victim)["metadata"]["uid"]
    with writing(orders, prefix="node"):
        led, from_there = operator.holder(), _leads_from(operator, node)
        cluster.power_off(node)
        if from_there:
            eventually(lambda: _another_leads(operator, led), within=LEADS_WITHIN)
        eventually(lambda: _are_not_called_alive(orders, [victim]), within=TOLD_WITHIN)
        becomes_replaced(orders, victim, before=before, within=NODE_GRACE + REPLACE_AFTER + REPLACED_WITHIN)
        after = identities(orders)
        cluster.power_on(node)
        cluster.wait_ready()
        throughout(lambda: _stays_away(orders, victim, pod, after), seconds=10)
        eventually(lambda: _is_deleted(volume), within=60, every=1)
    comes_back(orders, before=after)


@pytest.mark.usefixtures("powered")
def test_every_node_loses_power_after_all_first_members_were_replaced(
    orders: EtcdCluster, cluster: Cluster, kube: Kube, first: tuple[str, ...]
) -> None:
    with writing(orders, prefix="generations"):
        for victim in set(first) & set(orders.members()):
            before = identities(orders)
            kube.delete(Kind.CLAIM, orders.namespace, victim)
            kube.delete(Kind.POD, orders.namespace, victim)
            becomes_replaced(orders, victim, before=before)
        before = identities(orders)
        for node in cluster.nodes:
            cluster.power_off(node)
        for node in cluster.nodes:
            cluster.power_on(node)
        cluster.wait_ready()
        eventually(lambda: comes_back(orders, before=before), within=180, every=1)


@pytest.mark.parametrize("dies", [False, True], ids=["the operator sees it", "the operator dies before"])
def test_a_majority_that_is_lost_while_the_survivor_is_behind_is_told_and_nothing_goes_on(
    kube: Kube, cluster: Cluster, operator: Operator, namespace: str, *, dies: bool
) -> None:
    orders = EtcdCluster(kube, namespace).apply(recovery=RECOVERY).becomes_healthy()
    survivor = a_follower(orders)
    lost = [member for member in orders.members() if member != survivor]
    latched = orders.status()["clusterID"]

    def the_loss_is_not_denied() -> None:
        _are_not_called_alive(orders, lost)
        for kind in ("Quorate", "Available"):
            assert orders.condition(kind)["status"] != "True", f"{kind} is still True"

    with orders.etcd() as etcd:
        etcd.put("behind", "so far")
        eventually(lambda: _has(orders, survivor, "behind"), within=10)
        behind = etcd.status(survivor).revision
        with without_peers(cluster, orders.pod(survivor)):
            highest = max(etcd.put(f"ahead/{number}", "acknowledged", member=lost[0]) for number in range(200))
            _make_the_operator_look(orders)
            with _nobody_leads(kube, operator, orders, highest) if dies else nullcontext():
                for member in lost:
                    kube.delete(Kind.CLAIM, orders.namespace, member)
                # Not at once: a Pod that is gone by force may leave a process that still tells the survivor everything.
                for member in lost:
                    kube.delete(Kind.POD, orders.namespace, member, grace_seconds=1)
                eventually(lambda: _is_the_only_one(orders, survivor), within=60)
                eventually(lambda: _are_silent(etcd, lost), within=30)
            eventually(the_loss_is_not_denied, within=TOLD_WITHIN)

    def it_is_told() -> None:
        status = orders.status()
        (told,) = [member for member in status["members"] if member["name"] == survivor]
        assert told["lastSeen"]["revision"] == behind
        assert status["lastSeen"]["revision"] == highest
        assert status["lastSeen"]["member"] in lost
        assert status["clusterID"] == latched
        orders.becomes("Quorate", "False", reason="QuorumLost", within=0)
        orders.becomes("Available", "False", reason="QuorumLost", within=0)

    def nothing_goes_on() -> None:
        it_is_told()
        with orders.etcd() as etcd:
            for member in etcd.members():
                with pytest.raises(EtcdError):
                    etcd.put("after", "the loss", member=member)
            assert etcd.get("behind", member=survivor, serializable=True) == "so far"
        assert set(orders.members()) == {survivor, *lost}
        assert survivor in {claim["metadata"]["name"] for claim in orders.claims()}

    eventually(it_is_told, within=60)
    throughout(nothing_goes_on, seconds=20, every=1)


@contextmanager
def _nobody_leads(kube: Kube, operator: Operator, orders: EtcdCluster, highest: int) -> Iterator[None]:
    """Who knows of the `highest` revision is killed, and who leads afterwards has seen nobody but the survivor."""

    def it_is_left_to_the_next_leader() -> None:
        kept = json.loads(kube.get(Kind.LEASE, NAMESPACE, LEASE)["metadata"]["annotations"][HIGHEST])
        assert kept[orders.uid()][0] == highest, f"the Lease says {kept}"

    eventually(it_is_left_to_the_next_leader, within=10)
    operator.signal(operator.leader(), "SIGKILL")
    with operator.down():
        yield


def test_a_member_that_is_killed_again_and_again_or_has_no_image_keeps_its_data(
    kube: Kube, cluster: Cluster, namespace: str
) -> None:
    repository = f"localhost/{namespace}"
    for node in cluster.nodes:
        _images(cluster, node, "tag", f"localhost/etcd:v{VERSION}", f"{repository}:v{VERSION}")
    orders = EtcdCluster(kube, namespace)
    orders.apply(image={"repository": repository}, recovery=RECOVERY).becomes_healthy()
    before, victim = identities(orders), a_follower(orders)
    with writing(orders, prefix="killed"):
        eventually(lambda: _is_told_to_crash(orders, cluster, victim), within=90, every=0.5)
        throughout(lambda: _nobody_goes(orders, before), seconds=5)
        comes_back(orders, before=before)

    with writing(orders, prefix="image"):
        node = orders.pod(victim)["spec"]["nodeName"]
        _images(cluster, node, "rm", f"{repository}:v{VERSION}")
        kube.delete(Kind.POD, orders.namespace, victim)
        assert f"{repository}:v{VERSION}" in orders.becomes_blocked("ImageUnavailable")
        throughout(lambda: _nobody_goes(orders, before), seconds=KEPT_FOR)
        _images(cluster, node, "tag", f"localhost/etcd:v{VERSION}", f"{repository}:v{VERSION}")
        comes_back(orders, before=before)


def _is_another(orders: EtcdCluster, member: str, before: str) -> None:
    assert orders.pod(member)["metadata"]["uid"] != before, f"Pod {member} is still the same"


def _nobody_goes(orders: EtcdCluster, before: dict[str, int]) -> None:
    membership = orders.status()["membership"]
    assert set(membership["members"]) == set(before), f"the members are now {membership}"
    assert not membership.keys() & {"joining", "removing", "left"}, f"somebody comes or goes: {membership}"
    assert {claim["metadata"]["name"] for claim in orders.claims()} == set(before)


def _stays_away(orders: EtcdCluster, victim: str, pod: str, members: dict[str, int]) -> None:
    assert identities(orders) == members
    assert pod not in {found["metadata"]["uid"] for found in orders.pods()}, f"the Pod of {victim} is back"


def _is_deleted(volume: Volume) -> None:
    assert not volume.is_there(), f"{volume.folder} is still on {volume.node}"


def _has(orders: EtcdCluster, member: str, key: str) -> None:
    with orders.etcd() as etcd:
        assert etcd.get(key, member=member, serializable=True), f"{member} has no {key}"


def _is_the_only_one(orders: EtcdCluster, member: str) -> None:
    assert [pod["metadata"]["name"] for pod in orders.pods()] == [member]


def _are_silent(etcd: Etcd, members: list[str]) -> None:
    for member in members:
        try:
            etcd.status(member)
        except EtcdError:
            continue
        raise AssertionError(f"{member} still answers")


def _leads_from(operator: Operator, node: str) -> bool:
    """Whether the operator that leads runs on this node."""
    leader = operator.leader()
    return any(pod["metadata"]["name"] == leader and pod["spec"].get("nodeName") == node for pod in operator.pods())


def _another_leads(operator: Operator, before: str) -> None:
    assert operator.holder() not in {"", before}, f"{before} is off, and no other operator leads"


def _are_not_called_alive(orders: EtcdCluster, dead: list[str]) -> None:
    status = orders.status()
    assert status["ready"] != "3/3"
    for member in status["members"]:
        if member["name"] in dead:
            assert member["phase"] != "Healthy", f"{member['name']} is called healthy"
            assert not member.get("leader"), f"{member['name']} is said to lead"
    assert status.get("leader") not in dead, f"{status['leader']} is said to lead"
    assert orders.condition("Degraded")["status"] != "False", "nobody is said to be missing"


def _make_the_operator_look(orders: EtcdCluster) -> None:
    """Return when a pass has begun after this call, and asked every member."""
    orders.change(storage={"onScaleIn": "Retain"})

    def looked() -> None:
        found = orders.object()
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"], "it has not looked yet"

    eventually(looked, within=30)


def _is_told_to_crash(orders: EtcdCluster, cluster: Cluster, victim: str) -> None:
    """Hold when the status says that the victim was killed; kill it as the kernel does for memory while it does not."""
    blocked = orders.status()["plan"]["blocked"]
    if not any(block["reason"] == "Crashing" and "etcd exited with 137" in block["message"] for block in blocked):
        pod = orders.pod(victim)
        if any("running" in status["state"] for status in pod["status"]["containerStatuses"]):
            with suppress(LocalClusterError):  # it has ended a moment ago
                signal_container(cluster, pod, ETCD_CONTAINER, "SIGKILL")
        raise AssertionError(f"not told yet, but {blocked}")


def _images(cluster: Cluster, node: str, *arguments: str) -> None:
    cluster.exec_on_node(node, ["ctr", "--namespace=k8s.io", "images", *arguments])
