"""Where the application goes."""

from base64 import b64encode
from dataclasses import dataclass
from typing import cast

from e2e.chaos.traffic import voters
from e2e.support.kube import Json, Kind, Kube
from etcd_operator.resources.ownership import MEMBER, ROLE, VOTER


@dataclass
class Pods:
    """A Kubernetes that knows some Pods and one Secret."""

    pods: list[Json]

    def list(self, kind: Kind, _: str, *, labels: str) -> list[Json]:
        """The Pods with every one of the labels."""
        assert kind is Kind.POD
        wanted = dict(each.split("=") for each in labels.split(",") if not each.endswith("/cluster=orders"))
        return [pod for pod in self.pods if wanted.items() <= pod["metadata"]["labels"].items()]

    def get(self, kind: Kind, _: str, name: str) -> Json:
        """The Secret of the applications."""
        assert (kind, name) == (Kind.SECRET, "orders-client")
        return {"data": {"endpoints": b64encode(b"http://orders.shop.svc:2379").decode()}}


def pod(name: str, *, role: str = VOTER, ready: str = "True", address: str = "10.0.0.1") -> Json:
    status: Json = {"conditions": [{"type": "Ready", "status": ready}]}
    return {
        "metadata": {"labels": {MEMBER: name, ROLE: role}},
        "status": {**status, "podIP": address} if address else status,
    }


def test_it_goes_where_the_service_would_lead_to_ready_voters_with_an_address() -> None:
    pods = [
        pod("a"),
        pod("b", ready="False"),
        pod("c", role="learner"),
        pod("d", address=""),
        pod("e", address="10.0.0.5"),
    ]
    found = voters(cast("Kube", Pods(pods)), "shop", "orders")
    assert [(each.member, each.address, each.tls) for each in found] == [
        ("a", "10.0.0.1:2379", None), ("e", "10.0.0.5:2379", None),
    ]  # fmt: skip
