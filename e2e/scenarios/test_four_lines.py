"""Four lines of YAML, and what a user gets for them; every scenario here leaves the cluster as it found it."""

import re
from collections.abc import Iterator

import pytest

from e2e.support import tls
from e2e.support.application import application, printed
from e2e.support.clusters import VERSION, EtcdCluster
from e2e.support.kube import Kind, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.operator import Operator
from e2e.support.waiting import eventually, throughout
from etcd_operator.resources.names import CLIENT_PORT, PEER_PORT

FOUR_LINES = """\
apiVersion: etcd-operator.dev/v1alpha1
kind: EtcdCluster
metadata: {name: orders}
spec: {replicas: 3, version: %s}
"""


REFUSED = r"(?i)certificate|unknown.ca|reset|EOF"
"""How the refusal of a handshake reads, by TLS version and by who is first to hang up."""


@pytest.fixture(scope="module", params=["3.5.35", "3.7.3", VERSION])
def version(request: pytest.FixtureRequest) -> str:
    """Each supported minor in turn."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces, version: str) -> Iterator[EtcdCluster]:
    """What four lines of YAML become, in a namespace that takes restricted Pods only."""
    with namespaces.new(f"four-lines-{version}") as namespace:
        kube.apply(FOUR_LINES % version, namespace=namespace)
        yield EtcdCluster(kube, namespace).becomes_healthy()


def test_they_become_a_healthy_cluster_that_says_so(orders: EtcdCluster, version: str) -> None:
    status = orders.status()
    assert (status["phase"], status["ready"], status["readyReplicas"]) == ("Running", "3/3", 3)
    assert status["version"] == version
    assert [member["phase"] for member in status["members"]] == ["Healthy"] * 3
    assert [member["role"] for member in status["members"]] == ["Voter"] * 3
    shown = orders.kube.kubectl(f"--namespace={orders.namespace}", "get", "etcd", "orders")
    heading, line = (row.split() for row in shown.splitlines())
    assert heading == ["NAME", "READY", "VERSION", "LEADER", "PHASE", "PLAN", "AGE"]
    assert line[:3] == ["orders", "3/3", version]
    assert line[3] in orders.members()
    assert line[4:6] == ["Running", "Stable"]


def test_all_members_agree_with_each_other_and_with_the_status(orders: EtcdCluster, version: str) -> None:
    with orders.etcd() as etcd:
        answers = etcd.statuses()
        lists = {member: etcd.member_list(member) for member in etcd.members()}
    assert tuple(answers) == tuple(sorted(orders.members()))
    assert {f"{answer.cluster_id:x}" for answer in answers.values()} == {orders.status()["clusterID"]}
    assert len({answer.member_id for answer in answers.values()}) == 3
    assert len({answer.leader_id for answer in answers.values()}) == 1
    assert {answer.version for answer in answers.values()} == {version}
    assert len({frozenset(listed.members) for listed in lists.values()}) == 1
    for listed in lists[orders.members()[0]].members:
        assert listed.started
        assert not listed.is_learner


def test_members_stand_on_different_nodes_and_a_drain_may_take_one(orders: EtcdCluster) -> None:
    assert len({pod["spec"]["nodeName"] for pod in orders.pods()}) == 3
    assert len(orders.claims()) == 3

    def one_may_go() -> None:
        budget = orders.kube.get(Kind.BUDGET, orders.namespace, "orders")
        assert budget["spec"]["minAvailable"] == 2
        assert budget["status"]["expectedPods"] == 3
        assert budget["status"]["disruptionsAllowed"] == 1

    eventually(one_may_go, within=30)


def test_clients_reach_all_three_members_behind_the_service(orders: EtcdCluster) -> None:
    def addresses() -> set[str]:
        slices = orders.kube.list(Kind.SLICE, orders.namespace, labels="kubernetes.io/service-name=orders")
        endpoints = [endpoint for found in slices for endpoint in found["endpoints"] or ()]
        return {endpoint["addresses"][0] for endpoint in endpoints if endpoint["conditions"]["ready"]}

    def all_behind_it() -> None:
        assert addresses() == {pod["status"]["podIP"] for pod in orders.pods()}

    eventually(all_behind_it, within=30)


def test_nobody_gets_in_without_a_certificate(orders: EtcdCluster) -> None:
    address = orders.pods()[0]["status"]["podIP"]
    for port in (CLIENT_PORT, PEER_PORT):
        with pytest.raises(OSError, match=REFUSED):
            tls.answer(address, port, tls.anonymous())


def test_the_certificate_of_applications_is_refused_on_the_peer_port(orders: EtcdCluster) -> None:
    address = orders.pods()[0]["status"]["podIP"]
    application = tls.application(orders)
    assert b" 200 " in tls.answer(address, CLIENT_PORT, application)
    with pytest.raises(OSError, match=REFUSED):
        tls.answer(address, PEER_PORT, application)


def test_an_application_writes_and_reads_with_only_the_secret_and_the_service(
    orders: EtcdCluster, version: str
) -> None:
    pod = application("orders", name="application", version=version, key="greeting", value="four lines")
    orders.kube.create(Kind.POD, orders.namespace, pod)
    assert printed(orders.kube, orders.namespace, "application") == "four lines"


@pytest.mark.parametrize("version", [VERSION], indirect=True)
def test_a_stable_cluster_costs_no_write(orders: EtcdCluster, operator: Operator) -> None:
    def no_other_is_ending() -> None:
        ending = orders.kube.kubectl("get", "namespaces", "--field-selector=status.phase=Terminating", "-o", "name")
        assert not ending.strip(), f"clusters of other scenarios are still ending: {ending}"

    eventually(no_other_is_ending, within=120)
    operator.becomes_idle()
    leader = operator.leader()
    before, untouched = operator.writes(leader), orders.object()["metadata"]["resourceVersion"]

    def nothing_is_written() -> None:
        assert operator.writes(leader) == before, operator.log(tail=10)

    throughout(nothing_is_written, seconds=30, every=5)
    assert orders.object()["metadata"]["resourceVersion"] == untouched


@pytest.mark.parametrize("version", [VERSION], indirect=True)
def test_secrets_stay_out_of_status_events_and_log(orders: EtcdCluster, operator: Operator) -> None:
    shown = orders.kube.kubectl(f"--namespace={orders.namespace}", "get", "etcd,events", "-o", "yaml")
    for text in (shown, operator.log(tail=2000)):
        assert not re.search(r"PRIVATE KEY|LS0tLS1CRUdJTi", text)
