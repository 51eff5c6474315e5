"""What people ask for that cannot be, and what they do behind the operator's back: repaired, or refused with a reason.

No data is destroyed for any of it. The members of the cluster here want a node each, of which there are three.
"""

import re
from collections.abc import Iterator

import pytest

from e2e.support.clusters import VERSION, EtcdCluster
from e2e.support.etcdctl import etcdctl
from e2e.support.invariants import has_exactly
from e2e.support.kube import Json, Kind, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.waiting import eventually, throughout
from etcd_operator.resources.names import Identity
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID, MEMBER, ROLE, VOTER
from etcd_operator.resources.pod import ETCD_CONTAINER

A_NODE_EACH: Json = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {CLUSTER: "orders"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
}

OTHER_VERSION = "3.7.3"
"""Whose image the nodes have."""

ELSEWHERE = "https://203.0.113.7:2380"
"""The peer URL of a member that is not there (RFC 5737)."""


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members, each on a node of its own; each scenario here leaves it with three."""
    with namespaces.new("bad-input") as namespace:
        orders = EtcdCluster(kube, namespace).apply(pod=A_NODE_EACH).becomes_healthy()
        with orders.etcd() as etcd:
            etcd.put("before", "everything")
        yield orders
        with orders.etcd() as etcd:
            assert etcd.get("before") == "everything"


def test_more_members_than_nodes_can_hold(orders: EtcdCluster) -> None:
    before = orders.members()
    orders.change(replicas=5)
    assert "didn't match pod anti-affinity rules" in orders.becomes_blocked("Unschedulable")
    _serves_as(orders, before)
    orders.change(replicas=3)
    orders.becomes_healthy()
    assert orders.members() == before
    has_exactly(orders, 3)


def test_more_members_than_the_quota_allows(orders: EtcdCluster, kube: Kube) -> None:
    before = orders.members()
    kube.create(Kind.QUOTA, orders.namespace, {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "3"}}})
    try:
        orders.change(replicas=5)
        assert "exceeded quota: small" in orders.becomes_blocked("RefusedByKubernetes")
        _serves_as(orders, before)
        orders.change(replicas=3)
        orders.becomes_healthy()
    finally:
        kube.delete(Kind.QUOTA, orders.namespace, "small")
    assert orders.members() == before
    has_exactly(orders, 3)


def test_a_voter_added_by_hand_is_named_and_left_alone_and_all_but_changes_goes_on(
    orders: EtcdCluster, kube: Kube
) -> None:
    before = orders.members()
    added = _add(orders, "intruder")
    message = orders.becomes_blocked("ForeignMember")
    assert ELSEWHERE in message
    assert f"etcdctl member remove {added}" in message
    kube.delete(Kind.SERVICE, orders.namespace, orders.name)
    eventually(lambda: kube.get(Kind.SERVICE, orders.namespace, orders.name), within=30)
    with orders.etcd() as etcd:
        assert len(etcd.member_list().members) == 4
        etcd.put("with", "an intruder")
    _remove(orders, added)
    orders.becomes_healthy()
    assert orders.members() == before


def test_a_member_removed_by_hand_is_replaced_once_no_foreign_one_is_there_and_its_claim_is_kept(
    orders: EtcdCluster,
) -> None:
    before = set(orders.members())
    added = _add(orders, "mirror", "--learner")
    orders.becomes_blocked("ForeignMember")
    with orders.etcd() as etcd:
        leader = etcd.leader()
        victim = min(before - {leader})
        (removed,) = (member.id for member in etcd.member_list().members if member.name == victim)
    claim = orders.claim(victim)
    _remove(orders, f"{removed:x}", member=leader)

    def it_is_no_member() -> None:
        assert victim not in orders.members()
        assert victim not in {pod["metadata"]["name"] for pod in orders.pods()}

    eventually(it_is_no_member, within=60)

    def nobody_is_added() -> None:
        with orders.etcd() as etcd:
            listed = {f"{member.id:x}" for member in etcd.member_list(leader).members}
        assert len(listed) == 3
        assert added in listed

    throughout(nobody_is_added, seconds=6, every=1)
    _remove(orders, added, member=leader)
    orders.becomes_healthy()
    after = set(orders.members())
    assert before - after == {victim}
    assert len(after) == 3
    kept = orders.claim(victim)["metadata"]
    assert kept["uid"] == claim["metadata"]["uid"]
    assert "deletionTimestamp" not in kept
    orders.kube.delete(Kind.CLAIM, orders.namespace, victim)
    has_exactly(orders, 3)


def test_a_member_whose_peer_url_somebody_changed_is_not_stopped_for_it(orders: EtcdCluster) -> None:
    with orders.etcd() as etcd:
        at = etcd.leader()
        changed = next(member for member in etcd.member_list().members if member.name != at)
    pods = {pod["metadata"]["uid"] for pod in orders.pods()}
    _update(orders, f"{changed.id:x}", ELSEWHERE, member=at)
    assert ELSEWHERE in orders.becomes_blocked("ForeignMember")

    def all_run_on() -> None:
        assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods
        assert not [pod for pod in orders.pods() if "deletionTimestamp" in pod["metadata"]]
        assert changed.name in orders.members()

    throughout(all_run_on, seconds=8)
    _update(orders, f"{changed.id:x}", *changed.peer_urls, member=at)
    orders.becomes_healthy()
    all_run_on()


def test_a_status_that_somebody_emptied_stops_everything_until_it_is_put_back(orders: EtcdCluster, kube: Kube) -> None:
    record = orders.status()["membership"]
    pods = {pod["metadata"]["uid"] for pod in orders.pods()}
    kube.patch(Kind.CLUSTER, orders.namespace, orders.name, {"status": {"membership": None}}, subresource="status")
    assert "status.membership is gone" in orders.becomes_blocked("RecordLost")

    def nobody_is_called_foreign_and_nothing_is_done() -> None:
        assert {block["reason"] for block in orders.status()["plan"]["blocked"]} == {"RecordLost"}
        assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods

    throughout(nobody_is_called_foreign_and_nothing_is_done, seconds=6)
    kube.patch(Kind.CLUSTER, orders.namespace, orders.name, {"status": {"membership": record}}, subresource="status")
    orders.becomes_healthy()
    has_exactly(orders, 3)


def test_what_belongs_to_a_cluster_comes_back_when_somebody_deletes_it(orders: EtcdCluster, kube: Kube) -> None:
    identity = Identity(orders.name, orders.namespace, orders.uid())
    member, pods = orders.members()[0], {pod["metadata"]["uid"] for pod in orders.pods()}
    deleted = [
        (Kind.BUDGET, identity.disruption_budget),
        (Kind.SERVICE, identity.client_service),
        (Kind.SERVICE, member),
        (Kind.SECRET, identity.client_secret),
        (Kind.SECRET, member),
    ]
    for kind, name in deleted:
        kube.delete(kind, orders.namespace, name)
    eventually(lambda: [kube.get(kind, orders.namespace, name) for kind, name in deleted], within=60)
    orders.becomes_healthy()
    has_exactly(orders, 3)
    assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods


def test_services_and_the_budget_lead_to_the_members_again_when_somebody_edits_them(
    orders: EtcdCluster, kube: Kube
) -> None:
    theirs = {"app": "theirs"}
    edits = [
        (Kind.BUDGET, orders.name, {"minAvailable": None, "maxUnavailable": 3, "selector": {"matchLabels": theirs}}),
        (Kind.SERVICE, orders.name, {"selector": theirs, "publishNotReadyAddresses": True}),
        (Kind.SERVICE, orders.members()[0], {"ports": [{"name": "peer", "port": 2380, "targetPort": 9}]}),
    ]
    before = [kube.get(kind, orders.namespace, name)["spec"] for kind, name, _ in edits]
    for kind, name, spec in edits:
        edited = kube.patch(kind, orders.namespace, name, {"spec": spec})["spec"]
        assert edited not in before

    def all_are_put_back() -> None:
        found = [kube.get(kind, orders.namespace, name)["spec"] for kind, name, _ in edits]
        assert [_said(spec) for spec in found] == [_said(spec) for spec in before]

    eventually(all_are_put_back, within=30)
    orders.becomes_healthy()


def test_how_a_service_is_exposed_is_left_to_its_users(orders: EtcdCluster, kube: Kube) -> None:
    (port,) = kube.get(Kind.SERVICE, orders.namespace, orders.name)["spec"]["ports"]
    theirs = {"name": "metrics", "port": 2381, "protocol": "TCP", "targetPort": 2381}
    edit = {"type": "NodePort", "ports": [theirs, {**port, "targetPort": 9}], "selector": {"app": "theirs"}}
    exposed = kube.patch(Kind.SERVICE, orders.namespace, orders.name, {"spec": edit})["spec"]

    def it_leads_to_members_again() -> Json:
        spec: Json = kube.get(Kind.SERVICE, orders.namespace, orders.name)["spec"]
        assert "app" not in spec["selector"]
        return spec

    spec = eventually(it_leads_to_members_again, within=30)
    assert spec["type"] == "NodePort"
    node_ports = {found["name"]: found["nodePort"] for found in exposed["ports"]}
    assert spec["ports"] == [{**found, "nodePort": node_ports[found["name"]]} for found in (port, theirs)]
    kube.patch(Kind.SERVICE, orders.namespace, orders.name, {"spec": {"type": "ClusterIP", "ports": [port]}})
    orders.becomes_healthy()


def test_a_label_taken_off_a_members_pod_is_put_back(orders: EtcdCluster, kube: Kube) -> None:
    member = orders.members()[0]
    kube.patch(Kind.POD, orders.namespace, member, {"metadata": {"labels": {ROLE: None}}})

    def it_takes_clients_again() -> None:
        assert orders.pod(member)["metadata"]["labels"][ROLE] == VOTER

    eventually(it_takes_clients_again, within=30)
    orders.becomes_healthy()


def test_somebody_elses_pod_with_the_labels_of_a_member_is_left_alone(orders: EtcdCluster, kube: Kube) -> None:
    labels = {CLUSTER: orders.name, CLUSTER_UID: orders.uid(), MEMBER: orders.members()[0]}
    stranger = kube.create(Kind.POD, orders.namespace, _idle("stranger", labels))

    def it_is_left_alone() -> None:
        found = kube.get(Kind.POD, orders.namespace, "stranger")
        assert found["metadata"]["uid"] == stranger["metadata"]["uid"]
        assert "deletionTimestamp" not in found["metadata"]
        assert found["metadata"]["labels"] == labels
        assert len(orders.members()) == 3

    throughout(it_is_left_alone, seconds=6)
    assert "Pod stranger" in orders.becomes("Blocked", "False")["message"]
    kube.delete(Kind.POD, orders.namespace, "stranger", grace_seconds=0)
    orders.becomes_healthy()


def test_a_pod_that_somebody_gave_another_version_of_etcd_is_made_anew_with_the_accepted_one(
    orders: EtcdCluster, kube: Kube
) -> None:
    before, victim = orders.identities(), orders.members()[0]
    pod = orders.pod(victim)
    right = _image(pod)
    wrong = right.replace(VERSION, OTHER_VERSION)
    kube.kubectl("set", "image", f"--namespace={orders.namespace}", f"pod/{victim}", f"{ETCD_CONTAINER}={wrong}")

    def it_is_new() -> None:
        now = orders.pod(victim)
        assert now["metadata"]["uid"] != pod["metadata"]["uid"]
        assert _image(now) == right

    eventually(it_is_new, within=60)
    orders.becomes_healthy()
    assert orders.identities() == before
    has_exactly(orders, 3)


def test_a_claim_without_its_labels_is_not_taken_for_lost(orders: EtcdCluster, kube: Kube) -> None:
    before, victim = orders.identities(), orders.members()[0]
    claim = orders.claim(victim)["metadata"]
    gone = dict.fromkeys(claim["labels"])
    kube.patch(Kind.CLAIM, orders.namespace, victim, {"metadata": {"labels": gone}})
    kube.delete(Kind.POD, orders.namespace, victim)

    def its_labels_are_back() -> None:
        assert orders.claim(victim)["metadata"].get("labels") == claim["labels"]

    eventually(its_labels_are_back, within=30)
    orders.becomes_healthy()
    assert orders.identities() == before
    has_exactly(orders, 3)


def _said(spec: Json) -> Json:
    """A spec without what is false: that goes without saying."""
    return {key: value for key, value in spec.items() if value}


def _image(pod: Json) -> str:
    (container,) = pod["spec"]["containers"]
    return str(container["image"])


def _serves_as(orders: EtcdCluster, members: tuple[str, ...]) -> None:
    """The members that there were serve on, and the newcomers are none: not in etcd's list, nor in the budget."""
    status = orders.status()
    assert (status["readyReplicas"], status["ready"]) == (3, "3/5")
    for kind, wanted in {"Available": "True", "Quorate": "True", "Degraded": "False"}.items():
        assert orders.condition(kind)["status"] == wanted
    with orders.etcd() as etcd:
        assert {member.name for member in etcd.member_list(members[0]).members} == set(members)
        etcd.put("while", "blocked", member=members[0])
    assert orders.kube.get(Kind.BUDGET, orders.namespace, orders.name)["spec"]["minAvailable"] == 2


def _add(orders: EtcdCluster, name: str, *options: str) -> str:
    """Add a member by hand, and return its ID; etcd refuses it for some seconds after another change."""
    command = ("member", "add", name, f"--peer-urls={ELSEWHERE}", *options)
    said = eventually(lambda: etcdctl(orders, *command, member=orders.members()[0]), within=30, every=1)
    found = re.search(r"Member\s+(\w+) added", said)
    assert found, said
    return found[1]


def _remove(orders: EtcdCluster, identifier: str, *, member: str | None = None) -> None:
    at = member or orders.members()[0]
    eventually(lambda: etcdctl(orders, "member", "remove", identifier, member=at), within=30, every=1)


def _update(orders: EtcdCluster, identifier: str, *urls: str, member: str) -> None:
    etcdctl(orders, "member", "update", identifier, f"--peer-urls={','.join(urls)}", member=member)


def _idle(name: str, labels: dict[str, str]) -> Json:
    """A Pod that no node takes, allowed by restricted security."""
    container = {
        "name": "none",
        "image": "localhost/none",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"nodeSelector": {"disk": "of-gold"}, "securityContext": security, "containers": [container]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}
