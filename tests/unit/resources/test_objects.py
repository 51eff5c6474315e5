"""Services, claims, the budget and Secrets: who owns them and what they select."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from etcd_operator.etcd.quorum import quorum
from etcd_operator.resources.budget import disruption_budget
from etcd_operator.resources.claim import member_claim
from etcd_operator.resources.ownership import cluster_labels, member_labels, voter_label
from etcd_operator.resources.secret import secret
from etcd_operator.resources.services import client_service, member_service
from tests.unit.resources.build import IDENTITY, MEMBER, pod, spec

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json

RETAINED = spec().storage
DELETED = spec(storage={"onDelete": "Delete"}).storage

CLUSTER_OBJECTS = [
    client_service(IDENTITY),
    disruption_budget(IDENTITY, voters=3),
    secret(IDENTITY, "orders-client", {}, labels=cluster_labels(IDENTITY)),
]
MEMBER_OBJECTS = [
    member_service(IDENTITY, MEMBER),
    member_claim(IDENTITY, MEMBER, DELETED),
    pod(),
]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether Kubernetes' equality selector takes an object with these labels."""
    return selector.items() <= labels.items()


@pytest.mark.parametrize("body", CLUSTER_OBJECTS + MEMBER_OBJECTS, ids=lambda body: body["kind"])
def test_everything_goes_with_its_etcdcluster(body: Json) -> None:
    assert body["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "etcd-operator.dev/v1alpha1",
            "kind": "EtcdCluster",
            "name": "orders",
            "uid": IDENTITY.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize("body", CLUSTER_OBJECTS + MEMBER_OBJECTS, ids=lambda body: body["kind"])
def test_everything_names_its_cluster_and_the_clusters_uid(body: Json) -> None:
    assert body["metadata"]["namespace"] == "shop"
    labels = body["metadata"]["labels"]
    assert labels["etcd-operator.dev/cluster"] == "orders"
    assert labels["etcd-operator.dev/cluster-uid"] == IDENTITY.uid
    assert labels["app.kubernetes.io/managed-by"] == "etcd-operator"
    assert labels["app.kubernetes.io/name"] == "etcd"
    assert labels["app.kubernetes.io/instance"] == "orders"


@pytest.mark.parametrize("body", MEMBER_OBJECTS, ids=lambda body: body["kind"])
def test_what_belongs_to_a_member_has_its_name(body: Json) -> None:
    assert body["metadata"]["name"] == MEMBER
    assert body["metadata"]["labels"]["etcd-operator.dev/member"] == MEMBER


def test_a_retained_claim_has_no_owner_but_still_names_its_cluster() -> None:
    body = member_claim(IDENTITY, MEMBER, RETAINED)
    assert "ownerReferences" not in body["metadata"]
    assert body["metadata"]["labels"] == member_labels(IDENTITY, MEMBER)


def test_a_claim_asks_for_the_size_and_only_a_written_class() -> None:
    assert member_claim(IDENTITY, MEMBER, RETAINED)["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "8Gi"}},
    }
    fast = spec(storage={"className": "fast", "size": 2_000_000_000}).storage
    body = member_claim(IDENTITY, MEMBER, fast)["spec"]
    assert body["storageClassName"] == "fast"
    assert body["resources"]["requests"]["storage"] == "2000000000"


def test_clients_and_the_budget_select_no_pod_as_it_is_created() -> None:
    labels = pod()["metadata"]["labels"]
    budget = disruption_budget(IDENTITY, voters=3)["spec"]["selector"]["matchLabels"]
    for selector in (client_service(IDENTITY)["spec"]["selector"], budget):
        assert not selects(selector, labels)
        assert selects(selector, {**labels, **voter_label()})


def test_clients_and_the_budget_select_no_voter_of_another_cluster_of_this_name() -> None:
    labels = {**pod()["metadata"]["labels"], **voter_label(), "etcd-operator.dev/cluster-uid": "another"}
    assert not selects(client_service(IDENTITY)["spec"]["selector"], labels)
    assert not selects(disruption_budget(IDENTITY, voters=3)["spec"]["selector"]["matchLabels"], labels)


def test_the_client_service_offers_the_client_port_only_and_only_while_ready() -> None:
    body = client_service(IDENTITY)["spec"]
    assert [(port["name"], port["port"]) for port in body["ports"]] == [("client", 2379)]
    assert "publishNotReadyAddresses" not in body
    assert body["type"] == "ClusterIP"


def test_a_members_service_leads_to_it_before_it_is_ready() -> None:
    body = member_service(IDENTITY, MEMBER)["spec"]
    assert body["publishNotReadyAddresses"] is True
    assert body["type"] == "ClusterIP"
    assert "clusterIP" not in body
    assert {port["name"]: port["port"] for port in body["ports"]} == {"peer": 2380, "client": 2379}
    assert selects(body["selector"], pod()["metadata"]["labels"])
    assert not selects(body["selector"], member_labels(IDENTITY, "orders-bbbbb"))


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_the_budget_keeps_a_quorum_of_the_voters(voters: int, needed: int) -> None:
    assert quorum(voters) == needed
    assert disruption_budget(IDENTITY, voters=voters)["spec"]["minAvailable"] == needed


def test_a_secret_holds_its_data_encoded_and_in_order() -> None:
    body = secret(IDENTITY, MEMBER, {"b": b"2", "a": b"1"}, labels=member_labels(IDENTITY, MEMBER))
    assert list(body["data"].items()) == [
        ("a", base64.b64encode(b"1").decode()),
        ("b", base64.b64encode(b"2").decode()),
    ]
    assert body["type"] == "Opaque"
