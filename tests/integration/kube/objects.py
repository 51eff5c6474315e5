"""Small objects for the tests of the adapter, and what must still hold of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.kube.port import Precondition

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json


def a_secret(name: str = "orders-client", **labels: str) -> Json:
    """A Secret with one value."""
    about = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "data": {"a": "MQ==", "b": "Mg=="}}


def a_cluster(name: str = "orders") -> Json:
    """The shortest EtcdCluster."""
    return {
        "apiVersion": "etcd-operator.dev/v1alpha1",
        "kind": "EtcdCluster",
        "metadata": {"name": name},
        "spec": {"replicas": 3, "version": "3.6.16"},
    }


def a_pod(name: str) -> Json:
    """A Pod that nobody runs."""
    spec = {"containers": [{"name": "etcd", "image": "example.com/etcd"}], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def as_seen(body: Json) -> Precondition:
    """That the object is still the one in `body`, unchanged."""
    return Precondition(body["metadata"]["uid"], body["metadata"]["resourceVersion"])
