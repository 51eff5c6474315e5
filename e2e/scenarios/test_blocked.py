"""What is accepted and cannot be done yet: the cause as Kubernetes tells it, and no help needed when it goes."""

import base64

import pytest

from e2e.support.clusters import NO_SUCH_VERSION, EtcdCluster
from e2e.support.kube import Json, Kind, Kube
from e2e.support.waiting import throughout


def test_an_image_that_cannot_be_pulled(orders: EtcdCluster) -> None:
    orders.apply(replicas=1, version=NO_SUCH_VERSION)
    message = orders.becomes_blocked("ImageUnavailable")
    assert f"v{NO_SUCH_VERSION}" in message
    orders.apply(replicas=1).becomes_healthy()


def test_a_selector_that_no_node_fits(orders: EtcdCluster) -> None:
    orders.apply(replicas=1, pod={"nodeSelector": {"disk": "of-gold"}})
    assert "didn't match Pod's node affinity/selector" in orders.becomes_blocked("Unschedulable")
    orders.apply(replicas=1).becomes_healthy()


def test_a_storage_class_that_comes_later(orders: EtcdCluster, kube: Kube) -> None:
    later = f"later-{orders.namespace}"
    orders.apply(replicas=1, storage={"className": later, "onDelete": "Delete"})
    assert later in orders.becomes_blocked("StorageUnavailable")
    kube.create(Kind.STORAGE_CLASS, None, {**_like_the_default(kube), "metadata": {"name": later}})
    try:
        orders.becomes_healthy()
    finally:
        kube.delete(Kind.STORAGE_CLASS, None, later)


def test_a_quota_that_is_too_small(orders: EtcdCluster, kube: Kube) -> None:
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "2"}}}
    kube.create(Kind.QUOTA, orders.namespace, quota)
    orders.apply()
    message = orders.becomes_blocked("RefusedByKubernetes")
    assert "exceeded quota: small" in message
    assert "pods=2" in message
    kube.patch(Kind.QUOTA, orders.namespace, "small", {"spec": {"hard": {"pods": "10"}}})
    orders.becomes_healthy()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.SERVICE, {"metadata": {"name": "orders"}, "spec": {"ports": [{"port": 80}]}}),
        (Kind.SECRET, {"metadata": {"name": "orders-client"}, "data": {"password": base64.b64encode(b"x").decode()}}),
    ],
    ids=["Service", "Secret"],
)
def test_a_name_that_somebody_else_has(orders: EtcdCluster, kube: Kube, kind: Kind, body: Json) -> None:
    name = body["metadata"]["name"]
    before = kube.create(kind, orders.namespace, body)
    orders.apply(replicas=1)
    message = orders.becomes_blocked("ForeignObject")
    assert f'"{name}" already exists' in message
    assert "nothing is ever adopted" in message

    def it_is_left_alone() -> None:
        assert kube.get(kind, orders.namespace, name) == before

    throughout(it_is_left_alone, seconds=5)
    kube.delete(kind, orders.namespace, name)
    orders.becomes_healthy()


def test_a_stuck_cluster_delays_no_other(orders: EtcdCluster, kube: Kube) -> None:
    orders.apply(version=NO_SUCH_VERSION)
    orders.becomes_blocked("ImageUnavailable")
    EtcdCluster(kube, orders.namespace, "invoices").apply(replicas=1).becomes_healthy(within=60)
    assert orders.condition("Blocked")["status"] == "True"


def _like_the_default(kube: Kube) -> Json:
    """A StorageClass as the cluster's default one, so that the scenario also runs elsewhere."""
    for found in kube.list(Kind.STORAGE_CLASS):
        if found["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true":
            return {key: found[key] for key in found if key not in {"metadata", "kind", "apiVersion"}}
    raise LookupError("this Kubernetes has no default StorageClass")
