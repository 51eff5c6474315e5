"""Nodes are emptied one after the other, as when a Kubernetes is upgraded: members go and come back, writes go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from e2e.cluster import Cluster, NotOurClusterError
from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly
from e2e.support.kube import Kind, Kube, KubeError, path
from e2e.support.namespaces import Namespaces
from e2e.support.service import service
from e2e.support.waiting import eventually, throughout
from e2e.support.writer import Writer
from etcd_operator.resources.ownership import CLUSTER_UID

LONGEST_GAP = 3.0
"""Seconds between two acknowledged writes that a busy machine may cost; no member is killed here."""

EVERYTHING = ("--ignore-daemonsets", "--delete-emptydir-data")
"""What a drain evicts: also the operator, DNS, and whoever makes volumes."""

REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget"


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members on three nodes; each scenario here leaves it so."""
    with namespaces.new("drains") as namespace:
        yield EtcdCluster(kube, namespace).apply().becomes_healthy()


@pytest.fixture
def nodes(cluster: Cluster, kube: Kube) -> Iterator[None]:
    """The nodes are ours to empty; none is cordoned after the scenario, whatever happened."""
    try:
        cluster.heal()
    except NotOurClusterError as error:
        pytest.skip(str(error))
    yield
    for node in cluster.nodes:
        kube.kubectl("uncordon", node)


@contextmanager
def writing(orders: EtcdCluster, *, prefix: str) -> Iterator[None]:
    """An application writes through the Service; afterwards all that it was promised is there, with no long gap."""
    with Writer(service(orders), prefix=prefix, interval=0.05) as written:
        yield
    with orders.etcd() as etcd:
        assert [key for key in written.acknowledged if etcd.get(key) != key] == []
    assert written.longest_gap() < LONGEST_GAP, written.failures


@pytest.mark.usefixtures("nodes")
def test_every_node_is_drained_in_turn_and_each_member_comes_back_as_it_was(orders: EtcdCluster) -> None:
    places = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in orders.pods()}
    assert len(places) == 3
    before, identities = set(orders.members()), _identities(orders)
    with writing(orders, prefix="drained"):
        for node, member in sorted(places.items()):
            eventually(lambda: _may_be_evicted(orders, 1), within=30)
            eventually(partial(_all_pods_may_be_made_again, orders.kube, node), within=60)
            orders.kube.kubectl("drain", node, *EVERYTHING, _but_other_clusters(orders), "--timeout=90s", timeout=100)
            eventually(lambda: _may_be_evicted(orders, 0), within=30)
            other = min(before - {member})
            with pytest.raises(KubeError, match=REFUSAL):
                evict(orders, other)
            # Its volume is on that node, so it waits for it; nobody is replaced because a node is cordoned.
            assert "unschedulable" in orders.becomes_blocked("Unschedulable")
            orders.becomes("Quorate", "True")
            orders.kube.kubectl("uncordon", node)
            orders.becomes_healthy()
    has_exactly(orders, 3)
    assert set(orders.members()) == before
    assert _identities(orders) == identities


@pytest.mark.usefixtures("nodes")
def test_leadership_leaves_a_cordoned_node_before_anybody_drains_it(orders: EtcdCluster) -> None:
    with orders.etcd() as etcd:
        leader = etcd.leader()
    pods = {pod["metadata"]["uid"] for pod in orders.pods()}
    with writing(orders, prefix="cordoned"):
        orders.kube.kubectl("cordon", orders.pod(leader)["spec"]["nodeName"])
        new = eventually(lambda: _leads_elsewhere(orders, leader), within=30)
        eventually(lambda: _says_who_leads(orders, new), within=10)

        def leadership_rests() -> None:
            with orders.etcd() as etcd:
                assert etcd.leader() == new

        throughout(leadership_rests, seconds=6, every=1)
    assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods
    orders.becomes_healthy()


def test_the_only_member_is_not_drained_away_and_comes_back_when_a_person_ends_its_pod(
    kube: Kube, namespace: str
) -> None:
    single = EtcdCluster(kube, namespace, "single").apply(replicas=1).becomes_healthy()
    (member,) = single.members()
    eventually(lambda: _may_be_evicted(single, 0), within=30)
    with pytest.raises(KubeError, match=REFUSAL):
        evict(single, member)
    with single.etcd() as etcd:
        etcd.put("before", "the end of the Pod")
    uid = single.pod(member)["metadata"]["uid"]
    kube.delete(Kind.POD, namespace, member)

    def is_back() -> None:
        assert single.pod(member)["metadata"]["uid"] != uid
        with single.etcd() as etcd:
            assert etcd.get("before", member=member) == "the end of the Pod"

    eventually(is_back, within=60)
    assert single.becomes_healthy().members() == (member,)


def evict(orders: EtcdCluster, member: str) -> None:
    """Ask for an eviction, as `kubectl drain` does, once; raises KubeError when the budget forbids it."""
    where = f"{path(Kind.POD, orders.namespace, member)}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": member}}
    orders.kube.kubectl("create", f"--raw={where}", "--filename=-", stdin=json.dumps(body))


def _but_other_clusters(orders: EtcdCluster) -> str:
    """What spares clusters of other scenarios that are about to go: one that lacks a member lets nobody be evicted."""
    found = {pod["metadata"]["labels"][CLUSTER_UID] for pod in orders.kube.list(Kind.POD, labels=CLUSTER_UID)}
    return f"--pod-selector={CLUSTER_UID} notin ({', '.join(sorted(found - {orders.uid()})) or 'none'})"


def _may_be_evicted(orders: EtcdCluster, number: int) -> None:
    budget = orders.kube.get(Kind.BUDGET, orders.namespace, orders.name)
    members = len(orders.members())
    assert budget["spec"]["minAvailable"] == members // 2 + 1
    allowed = budget["status"].get("disruptionsAllowed")
    assert allowed == number, f"{allowed} of {members} may be evicted, not {number}"


def _all_pods_may_be_made_again(kube: Kube, node: str) -> None:
    """Hold when each Pod at work on the node has an owner: one that empties a volume has none, and no drain ends it."""
    pods = kube.list(Kind.POD, fields=f"spec.nodeName={node},status.phase!=Succeeded,status.phase!=Failed")
    alone = [pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("ownerReferences")]
    assert not alone, f"Pods without an owner: {', '.join(alone)}"


def _identities(orders: EtcdCluster) -> dict[str, tuple[int, str]]:
    """Each member's ID and the UID of its claim."""
    with orders.etcd() as etcd:
        listed = {member.name: member.id for member in etcd.member_list().members}
    return {name: (listed[name], orders.claim(name)["metadata"]["uid"]) for name in orders.members()}


def _leads_elsewhere(orders: EtcdCluster, former: str) -> str:
    with orders.etcd() as etcd:
        leader = etcd.leader()
    assert leader != former, f"{former} still leads"
    return leader


def _says_who_leads(orders: EtcdCluster, leader: str) -> None:
    assert orders.status()["leader"] == leader
