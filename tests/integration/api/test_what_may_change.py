"""Which changes of an EtcdCluster are taken before and after it formed, and what the refusal of the others says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.objects import COLLECTION, cluster
from tests.integration.apiserver import RefusedError

if TYPE_CHECKING:
    from tests.integration.api.objects import Clusters

CHANGES_AT_NO_TIME: list[tuple[dict[str, Any], str]] = [
    ({"tls": {"client": "Server"}}, "spec.tls: Invalid value: the encryption of a cluster cannot be changed"),
    ({"tls": {"peer": "Off"}}, "spec.tls: Invalid value: the encryption of a cluster cannot be changed"),
]

CHANGES_THAT_ROLL: list[dict[str, Any]] = [
    {"version": "3.6.15"},
    {"version": "3.7.3"},
    {"version": "3.5.35"},
    {"image": {"repository": "quay.io/coreos/etcd"}},
    {"image": {"pullSecrets": [{"name": "a"}]}},
    {"resources": {"requests": {"cpu": "1"}}},
    {"resources": {"limits": {"memory": "4Gi"}}},
    {"pod": {"labels": {"team": "a"}}},
    {"pod": {"tolerations": [{"operator": "Exists"}]}},
    {"etcd": {"quota": "1Gi"}},
    {"etcd": {"autoCompaction": {"retention": "2h"}}},
    {"etcd": {"extraArgs": {"max-txn-ops": "9"}}},
]

CHANGES_AT_ANY_TIME: list[dict[str, Any]] = [
    *CHANGES_THAT_ROLL,
    *({"replicas": number} for number in (0, 1, 5, 7)),
    {"recovery": {"replaceAfter": "90s"}},
    {"storage": {"onScaleIn": "Retain"}},
    {"paused": True},
    {"storage": {"onDelete": "Delete"}},
    {"storage": {"size": "8192Mi"}},
    {"storage": {"size": "16Gi"}},
    {"storage": {"size": "4Gi"}},
    {"storage": {"className": "fast"}},
    {"storage": {"resize": "Replace"}},
    {"storage": {"size": 8589934592}},
]


@pytest.mark.parametrize(("change", "sentence"), [pytest.param(*row, id=str(row[0])) for row in CHANGES_AT_NO_TIME])
def test_a_formed_cluster_refuses_what_nothing_implements(
    clusters: Clusters, change: dict[str, Any], sentence: str
) -> None:
    name = clusters.formed()
    with pytest.raises(RefusedError) as refusal:
        clusters.patch(name, {"spec": change})
    assert sentence in refusal.value.message


@pytest.mark.parametrize("change", CHANGES_THAT_ROLL, ids=str)
def test_a_cluster_that_has_not_formed_can_be_corrected(clusters: Clusters, change: dict[str, Any]) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    clusters.patch(name, {"status": {"phase": "Forming"}}, subresource="status")
    before = clusters.get(name)["metadata"]["generation"]
    assert clusters.patch(name, {"spec": change})["metadata"]["generation"] == before + 1


@pytest.mark.parametrize(("change", "sentence"), [pytest.param(*row, id=str(row[0])) for row in CHANGES_AT_NO_TIME])
def test_encryption_never_changes(clusters: Clusters, change: dict[str, Any], sentence: str) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    with pytest.raises(RefusedError) as refusal:
        clusters.patch(name, {"spec": change})
    assert sentence in refusal.value.message


def test_a_volume_does_not_shrink_below_what_a_member_has(clusters: Clusters) -> None:
    name = clusters.formed()
    clusters.patch(name, {"status": {"storage": "8Gi"}}, subresource="status")
    clusters.patch(name, {"spec": {"storage": {"size": "900Gi"}}})
    with pytest.raises(RefusedError, match="a volume cannot shrink: write the former size or a larger one"):
        clusters.patch(name, {"spec": {"storage": {"size": "7Gi"}}})
    clusters.patch(name, {"spec": {"storage": {"size": "9Gi"}}})
    clusters.patch(name, {"spec": {"storage": {"size": "8192Mi"}}})


def test_a_volume_that_somebody_expanded_by_hand_keeps_no_status_from_being_written(clusters: Clusters) -> None:
    name = clusters.formed()
    clusters.patch(name, {"status": {"storage": "900Gi"}}, subresource="status")
    clusters.patch(name, {"status": {"phase": "Running"}}, subresource="status")
    clusters.patch(name, {"spec": {"paused": True}})


def test_a_storage_class_can_be_left_to_kubernetes_again(clusters: Clusters) -> None:
    name = clusters.name_of(clusters.create(cluster({"storage": {"className": "fast"}})))
    assert "className" not in clusters.patch(name, {"spec": {"storage": {"className": None}}})["spec"]["storage"]


@pytest.mark.parametrize("change", CHANGES_AT_ANY_TIME, ids=str)
def test_a_formed_cluster_takes_what_the_operator_can_do(clusters: Clusters, change: dict[str, Any]) -> None:
    name = clusters.formed()
    clusters.patch(name, {"spec": change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        *(({"replicas": number}, "keep their volumes: an even number adds risk") for number in (2, 4, 8)),
        ({"recovery": {"replaceAfter": "soon"}}, "write hours, minutes and seconds, such as 5m or 1h30m"),
        ({"storage": {"onScaleIn": "Keep"}}, 'Unsupported value: "Keep"'),
    ],
    ids=str,
)
def test_a_change_is_judged_like_a_creation(clusters: Clusters, change: dict[str, Any], sentence: str) -> None:
    name = clusters.formed()
    with pytest.raises(RefusedError) as refusal:
        clusters.patch(name, {"spec": change})
    assert sentence in refusal.value.message


def test_an_allowed_change_does_not_carry_a_refused_one_along(clusters: Clusters) -> None:
    name = clusters.formed()
    with pytest.raises(RefusedError, match="the encryption of a cluster cannot be changed"):
        clusters.patch(name, {"spec": {"paused": True, "tls": {"client": "Off"}}})


def test_leaving_out_what_was_a_default_is_no_change(clusters: Clusters) -> None:
    name = clusters.formed()
    before = clusters.get(name)["metadata"]["resourceVersion"]
    after = clusters.patch(name, {"spec": {"etcd": None, "tls": None, "storage": None, "pod": None, "image": None}})
    assert after["metadata"]["resourceVersion"] == before


def test_a_formed_cluster_takes_kubectl_scale(clusters: Clusters) -> None:
    name = clusters.formed()
    clusters.patch(name, {"spec": {"replicas": 5}}, subresource="scale")
    assert clusters.get(name)["spec"]["replicas"] == 5


def test_a_cluster_that_has_not_formed_can_be_scaled_to_odd_sizes_only(clusters: Clusters) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    with pytest.raises(RefusedError, match="an even number adds risk and no tolerance"):
        clusters.patch(name, {"spec": {"replicas": 4}}, subresource="scale")
    clusters.patch(name, {"spec": {"replicas": 5}}, subresource="scale")
    assert clusters.get(name)["spec"]["replicas"] == 5


def test_a_wrong_value_is_refused_in_an_update_too(clusters: Clusters) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    with pytest.raises(RefusedError, match="write etcd's version in full and without v"):
        clusters.patch(name, {"spec": {"version": "v3.6.16"}})


@pytest.mark.parametrize(
    "change",
    [{"clusterID": "1"}, {"clusterID": None}, None],
    ids=["another ID", "no ID", "no status"],
)
def test_the_cluster_id_is_written_once(clusters: Clusters, change: dict[str, Any] | None) -> None:
    name = clusters.formed()
    with pytest.raises(RefusedError, match=r"status\.clusterID is written once, when the cluster forms"):
        clusters.patch(name, {"status": change}, subresource="status")


def test_the_rest_of_the_status_of_a_formed_cluster_changes_freely(clusters: Clusters) -> None:
    name = clusters.formed()
    clusters.patch(name, {"status": {"phase": "Degraded"}}, subresource="status")
    clusters.patch(name, {"status": {"phase": None, "leader": "orders-x7k2p"}}, subresource="status")
    assert clusters.get(name)["status"] == {"clusterID": "3a57933972cb5131", "leader": "orders-x7k2p"}


def test_replacing_the_object_without_its_status_does_not_unlock_it(clusters: Clusters) -> None:
    name = clusters.formed()
    stored = clusters.get(name)
    del stored["status"]
    stored["spec"]["tls"]["client"] = "Off"
    with pytest.raises(RefusedError, match="the encryption of a cluster cannot be changed"):
        clusters.server.request("PUT", f"{COLLECTION}/{name}", stored)


def test_a_formed_cluster_takes_labels_and_annotations(clusters: Clusters) -> None:
    name = clusters.formed()
    changed = clusters.patch(name, {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}})
    assert changed["metadata"]["labels"] == {"team": "a"}
