"""What the API takes, and what it makes of it: defaults, subresources, columns."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.api.cluster import (
    TLS,
    ClientTLS,
    ClusterSpec,
    EtcdSettings,
    Image,
    OnDelete,
    OnScaleIn,
    PeerTLS,
    Recovery,
    Resize,
    Storage,
)
from tests.integration.api.objects import API_VERSION, COLLECTION, cluster

if TYPE_CHECKING:
    from tests.integration.api.objects import Clusters
    from tests.integration.apiserver import ApiServer

SELECTOR = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a"]}]}
AFFINITY_TERM = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": SELECTOR,
    "namespaceSelector": SELECTOR,
    "namespaces": ["shop"],
    "matchLabelKeys": ["pod-template-hash"],
    "mismatchLabelKeys": ["tenant"],
}
NODE_TERM = {
    "matchExpressions": [{"key": "disk", "operator": "Gt", "values": ["1"]}],
    "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["node-1"]}],
}
POD_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": [AFFINITY_TERM],
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "podAffinityTerm": AFFINITY_TERM}],
}
EVERY_POD_SETTING: dict[str, Any] = {
    "labels": {"team": "storage", "example.com/cost-centre": "4711", "empty": ""},
    "annotations": {"example.com/note": "any text, really: {}"},
    "nodeSelector": {"disk": "nvme"},
    "priorityClassName": "system-cluster-critical",
    "tolerations": [
        {"key": "etcd", "operator": "Equal", "value": "only", "effect": "NoExecute", "tolerationSeconds": 60},
        {"operator": "Exists"},
    ],
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": SELECTOR,
            "matchLabelKeys": ["pod-template-hash"],
            "minDomains": 3,
            "nodeAffinityPolicy": "Honor",
            "nodeTaintsPolicy": "Ignore",
        }
    ],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [NODE_TERM]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": NODE_TERM}],
        },
        "podAffinity": POD_AFFINITY,
        "podAntiAffinity": POD_AFFINITY,
    },
}

ACCEPTED = [
    *({"replicas": number} for number in (0, 1, 3, 5, 7)),
    *({"version": version} for version in ("3.5.11", "3.5.35", "3.6.0", "3.6.16", "3.7.3", "3.7.10")),
    *({"image": {"repository": text}} for text in (
        "etcd", "coreos/etcd", "localhost:5000/etcd", "quay.io/coreos/etcd", "10.0.0.1:5000/a/b_c/d-e.f",
    )),
    {"image": {"pullPolicy": "Always", "pullSecrets": [{"name": "registry"}, {"name": "mirror"}]}},
    {"storage": {"size": 8589934592, "className": "fast", "onDelete": "Delete"}},
    {"storage": {"size": "2049Mi"}, "etcd": {"quota": "2Gi"}},
    {"storage": {"size": "32Mi"}},
    *({"storage": {"resize": way}} for way in Resize),
    {"etcd": {"quota": "auto"}},
    {"etcd": {"autoCompaction": {"mode": "Revision"}}},
    *({"etcd": {"heartbeatMs": number}} for number in (10, 200)),
    *({"etcd": {"electionMs": number}} for number in (500, 50000)),
    {"etcd": {"extraArgs": {"experimental-warning-apply-duration": "1s"}}, "version": "3.5.35"},
    {"etcd": {"extraArgs": {"warning-apply-duration": "1s"}}, "version": "3.7.3"},
    *({"storage": {"onScaleIn": policy}} for policy in OnScaleIn),
    {"resources": {"requests": {"cpu": 2, "memory": "4Gi"}, "limits": {"cpu": "2", "memory": 4294967296}}},
    {"resources": {"requests": {"cpu": 0, "memory": "0"}}},
    {"etcd": {"quota": "16Mi", "snapshotCount": 100, "heartbeatMs": 500, "electionMs": 2500}},
    *({"etcd": {"autoCompaction": {"mode": "Periodic", "retention": text}}} for text in ("1h", "30m", "1h30m", "90s")),
    {"etcd": {"autoCompaction": {"mode": "Revision", "retention": "10000"}}},
    *({"etcd": {"extraArgs": {flag: "1"}}} for flag in (
        "max-request-bytes", "max-txn-ops", "log-level", "metrics", "tls-min-version", "tls-max-version",
        "cipher-suites", "enable-pprof", "grpc-keepalive-min-time", "backend-batch-interval", "max-wals",
        "experimental-warning-apply-duration", "corrupt-check-time", "compact-hash-check-time", "auth-token-ttl",
    )),
    *({"tls": {"client": client, "peer": peer}} for client in ClientTLS for peer in PeerTLS),
    *({"recovery": {"replaceAfter": text}} for text in ("5m", "90s", "1h30m", "2h", "1h0m30s", "0h1s", "9999h59m59s")),
    {"paused": True},
    {"pod": EVERY_POD_SETTING},
]  # fmt: skip


@pytest.mark.parametrize("change", ACCEPTED, ids=str)
def test_a_right_cluster_is_accepted_and_kept_as_written(clusters: Clusters, change: dict[str, Any]) -> None:
    spec = clusters.create(cluster(change))["spec"]
    assert _contains(spec, change)
    assert ClusterSpec.parse(spec).replicas == spec["replicas"]


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and _contains(whole[key], value) for key, value in part.items())
    return bool(whole == part)


def test_four_lines_make_a_cluster_and_show_every_default(clusters: Clusters) -> None:
    spec = clusters.create(cluster())["spec"]
    assert spec == {
        "replicas": 3,
        "version": "3.6.16",
        "image": {"repository": "gcr.io/etcd-development/etcd", "pullPolicy": "IfNotPresent"},
        "storage": {"size": "8Gi", "resize": "Expand", "onDelete": "Retain", "onScaleIn": "Delete"},
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}},
        "pod": {},
        "etcd": {"quota": "auto", "autoCompaction": {"mode": "Periodic"}},
        "tls": {"client": "Mutual", "peer": "Mutual"},
        "recovery": {"replaceAfter": "5m"},
        "allowUnsafeVersion": False,
        "paused": False,
    }


def test_a_half_written_object_gets_the_defaults_of_its_other_fields(clusters: Clusters) -> None:
    change = {"etcd": {"quota": "1Gi"}, "tls": {"client": "Server"}, "resources": {"requests": {"cpu": "1"}}}
    spec = clusters.create(cluster(change))["spec"]
    assert spec["etcd"]["autoCompaction"] == {"mode": "Periodic"}
    assert spec["tls"] == {"client": "Server", "peer": "Mutual"}
    assert spec["resources"]["requests"] == {"cpu": "1", "memory": "512Mi"}


def test_the_typed_view_reads_what_the_definition_fills_in(clusters: Clusters) -> None:
    spec = ClusterSpec.parse(clusters.create(cluster())["spec"])
    assert (spec.replicas, spec.version, spec.paused) == (3, "3.6.16", False)
    assert spec.image == Image("gcr.io/etcd-development/etcd", "IfNotPresent", ())
    assert spec.storage == Storage("8Gi", None, Resize.EXPAND, OnDelete.RETAIN, OnScaleIn.DELETE)
    assert spec.etcd == EtcdSettings("auto", "Periodic", None, None, None, None, {})
    assert spec.tls == TLS(ClientTLS.MUTUAL, PeerTLS.MUTUAL)
    assert spec.recovery == Recovery(timedelta(minutes=5))


def test_the_typed_view_has_every_pod_setting_of_the_definition(clusters: Clusters) -> None:
    pod = ClusterSpec.parse(clusters.create(cluster({"pod": EVERY_POD_SETTING}))["spec"]).pod
    assert pod.labels == EVERY_POD_SETTING["labels"]
    assert pod.annotations == EVERY_POD_SETTING["annotations"]
    assert pod.node_selector == EVERY_POD_SETTING["nodeSelector"]
    assert pod.affinity == EVERY_POD_SETTING["affinity"]
    assert pod.tolerations == tuple(EVERY_POD_SETTING["tolerations"])
    assert pod.topology_spread_constraints == tuple(EVERY_POD_SETTING["topologySpreadConstraints"])
    assert pod.priority_class_name == EVERY_POD_SETTING["priorityClassName"]


def test_a_generated_name_is_judged_with_its_suffix(clusters: Clusters) -> None:
    manifest = cluster()
    manifest["metadata"] = {"generateName": "orders-"}
    assert clusters.name_of(clusters.create(manifest)).startswith("orders-")


def test_a_name_of_52_characters_is_accepted(clusters: Clusters) -> None:
    assert clusters.create(cluster(name="a" * 52))


def test_a_status_written_at_creation_is_dropped(clusters: Clusters) -> None:
    assert "status" not in clusters.create(cluster() | {"status": {"clusterID": "1"}})


@pytest.mark.usefixtures("clusters")
def test_server_side_apply_is_idempotent(apiserver: ApiServer) -> None:
    manifest = cluster()

    def apply() -> Any:
        path = f"{COLLECTION}/{manifest['metadata']['name']}?fieldManager=gitops&fieldValidation=Strict"
        return apiserver.request("PATCH", path, manifest, content_type="application/apply-patch+yaml")

    first, second = apply(), apply()
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "phase": "Running",
    "ready": "3/3",
    "replicas": 3,
    "readyReplicas": 3,
    "selector": "etcd-operator.dev/cluster=orders",
    "version": "3.6.16",
    "clusterID": "3a57933972cb5131",
    "leader": "orders-x7k2p",
    "endpoints": "https://orders.default.svc:2379",
    "clientService": "orders",
    "clientSecret": "orders-client",
    "onDelete": "Retain",
    "storage": "8Gi",
    "tuning": [{"setting": "etcd.quota", "value": "4Gi", "reason": "half of the volume of 8Gi"}],
    "warning": "the memory limit is below the quota",
    "lastSeen": {"revision": 4711, "member": "orders-x7k2p", "at": "2026-11-22T12:00:00Z"},
    "membership": {
        "members": ["orders-x7k2p", "orders-b81qd"],
        "joining": ["orders-c92wf"],
        "removing": {"member": "orders-b81qd", "cause": "NodeLost", "reason": "node-2 is not ready"},
        "left": [{"member": "orders-d7gq4", "keepClaim": True}],
    },
    "members": [
        {
            "name": "orders-x7k2p",
            "id": "8e9e05c52164694d",
            "role": "Voter",
            "phase": "Healthy",
            "version": "3.6.16",
            "node": "node-1",
            "leader": True,
            "reason": "",
            "lastSeen": {"revision": 4700, "at": "2026-11-22T12:00:00Z"},
        }
    ],
    "plan": {
        "action": "Nothing",
        "reason": "as specified",
        "since": "2026-11-22T12:00:00Z",
        "blocked": [{"action": "Pod orders-x7k2p", "reason": "Unschedulable", "message": "0/3 nodes are available"}],
    },
    "conditions": [
        {
            "type": "Available",
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-22T12:00:00Z",
            "reason": "Healthy",
            "message": "3 of 3 voters healthy",
        }
    ],
}


def test_the_whole_status_is_kept_as_the_operator_writes_it(clusters: Clusters) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    assert clusters.patch(name, {"status": STATUS}, subresource="status")["status"] == STATUS


def test_kubectl_get_shows_the_columns_that_matter(clusters: Clusters, apiserver: ApiServer) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    clusters.patch(name, {"status": STATUS}, subresource="status")
    table = apiserver.request(
        "GET", f"{COLLECTION}/{name}", accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    )
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name", "Ready", "Version", "Leader", "Phase", "Plan", "Age",
    ]  # fmt: skip
    assert table["rows"][0]["cells"][:6] == [name, "3/3", "3.6.16", "orders-x7k2p", "Running", "Nothing"]


def test_the_scale_subresource_speaks_of_members(clusters: Clusters) -> None:
    name = clusters.name_of(clusters.create(cluster()))
    clusters.patch(name, {"status": STATUS}, subresource="status")
    scale = clusters.get(name, subresource="scale")
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 3, "selector": "etcd-operator.dev/cluster=orders"}


def test_kubectl_finds_clusters_by_their_short_name_and_category(clusters: Clusters) -> None:
    resources = clusters.server.request("GET", f"/apis/{API_VERSION}")["resources"]
    kind = next(resource for resource in resources if resource["name"] == "etcdclusters")
    assert (kind["shortNames"], kind["categories"]) == (["etcd"], ["etcd-operator"])
