"""The baseline: three members as a StatefulSet that a person who knows etcd writes by hand. No TLS, no operator."""

from e2e.support.kube import Json
from etcd_operator.resources.names import CLIENT_PORT, METRICS_PORT, PEER_PORT

APP = "app.kubernetes.io/instance"


def stateful_set(name: str, *, image: str, replicas: int, storage: str, resources: Json) -> list[Json]:
    """Return the headless Service and the StatefulSet `name`; its claims go with it.

    All Pods are started at once, and their names are published before they are ready: nothing that can be had by hand
    is left out.
    """
    labels = {APP: name}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels,
            "ports": [{"name": "client", "port": CLIENT_PORT}, {"name": "peer", "port": PEER_PORT}],
        },
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
    }
    pods = {
        "metadata": {"labels": labels},
        "spec": {
            "affinity": _apart(labels),
            "containers": [_etcd(name, image, replicas, resources)],
        },
    }
    members = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
            "selector": {"matchLabels": labels},
            "template": pods,
            "volumeClaimTemplates": [claim],
        },
    }
    return [service, members]


def client_service(name: str) -> Json:
    """Return the Service through which applications reach the ready members of `stateful_set(name)`."""
    ports = [{"name": "client", "port": CLIENT_PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-client"},
        "spec": {"selector": {APP: name}, "ports": ports},
    }


def _apart(labels: dict[str, str]) -> Json:
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _etcd(name: str, image: str, replicas: int, resources: Json) -> Json:
    host = f"$(POD_NAME).{name}"
    first = ",".join(f"{name}-{number}=http://{name}-{number}.{name}:{PEER_PORT}" for number in range(replicas))
    return {
        "name": "etcd",
        "image": image,
        "resources": resources,
        "command": ["/usr/local/bin/etcd"],
        "args": [
            "--name=$(POD_NAME)",
            "--data-dir=/var/lib/etcd/data",
            f"--listen-peer-urls=http://0.0.0.0:{PEER_PORT}",
            f"--initial-advertise-peer-urls=http://{host}:{PEER_PORT}",
            f"--listen-client-urls=http://0.0.0.0:{CLIENT_PORT}",
            f"--advertise-client-urls=http://{host}:{CLIENT_PORT}",
            f"--listen-metrics-urls=http://0.0.0.0:{METRICS_PORT}",
            f"--initial-cluster={first}",
            f"--initial-cluster-token={name}",
            "--initial-cluster-state=new",
        ],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": port} for port in (CLIENT_PORT, PEER_PORT, METRICS_PORT)],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": METRICS_PORT}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/livez", "port": METRICS_PORT}, "initialDelaySeconds": 10},
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/etcd"}],
    }
