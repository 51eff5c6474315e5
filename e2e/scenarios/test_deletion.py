"""Deletion is Kubernetes' own work, by owner references: it needs no operator, and keeps the data if so told."""

from collections.abc import Iterator

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kind, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.operator import Operator
from e2e.support.waiting import eventually
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID


@pytest.fixture(params=["operator up", "operator down"])
def operator_state(request: pytest.FixtureRequest) -> str:
    """Whether an operator runs while the deletion happens."""
    state: str = request.param
    return state


@pytest.fixture
def pair(
    kube: Kube, namespace: str, operator: Operator, operator_state: str
) -> Iterator[tuple[EtcdCluster, EtcdCluster]]:
    """A healthy cluster whose claims go with it, and one whose claims stay."""
    goes = EtcdCluster(kube, namespace, "goes").apply(replicas=1, storage={"onDelete": "Delete"})
    stays = EtcdCluster(kube, namespace, "stays").apply(replicas=1, storage={"onDelete": "Retain"})
    for cluster in (goes, stays):
        cluster.becomes_healthy()
    if operator_state == "operator up":
        yield goes, stays
        return
    with operator.down():
        yield goes, stays


def test_everything_goes_but_the_claims_that_are_to_be_retained(pair: tuple[EtcdCluster, EtcdCluster]) -> None:
    goes, stays = pair
    assert (goes.status()["onDelete"], stays.status()["onDelete"]) == ("Delete", "Retain")
    (member,), uid = stays.members(), stays.uid()
    for cluster in pair:
        cluster.delete()
    for cluster in pair:
        cluster.becomes_gone()

    def only_the_retained_claim_is_left() -> None:
        claims = goes.kube.list(Kind.CLAIM, goes.namespace)
        assert [claim["metadata"]["name"] for claim in claims] == [member]
        labels = claims[0]["metadata"]["labels"]
        assert (labels[CLUSTER], labels[CLUSTER_UID]) == ("stays", uid)
        assert claims[0]["status"]["phase"] == "Bound"

    eventually(only_the_retained_claim_is_left, within=60)


def test_deleting_the_namespace_deletes_all_even_what_is_retained(kube: Kube, namespaces: Namespaces) -> None:
    with namespaces.new("whole-namespace") as namespace:
        orders = EtcdCluster(kube, namespace).apply(replicas=1, storage={"onDelete": "Retain"}).becomes_healthy()
        volume = orders.claims()[0]["spec"]["volumeName"]

    def gone() -> None:
        assert kube.find(Kind.NAMESPACE, None, namespace) is None, f"namespace {namespace} is still there"
        assert kube.find(Kind.VOLUME, None, volume) is None, f"volume {volume} is still there"

    eventually(gone, within=120)
