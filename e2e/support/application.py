"""An application: a Pod that knows nothing of an etcd cluster but its Service and its Secret `<name>-client`."""

from e2e.support.kube import Json, Kind, Kube
from e2e.support.waiting import eventually
from etcd_operator.api.cluster import ClientTLS

REPOSITORY = "gcr.io/etcd-development/etcd"
"""etcd's image, which every node has that runs a member; it brings etcdctl, and no shell."""

_FILES = "/etc/etcd-client"
_VARIABLES = {
    ClientTLS.MUTUAL: {"ETCDCTL_CACERT": "ca.crt", "ETCDCTL_CERT": "tls.crt", "ETCDCTL_KEY": "tls.key"},
    ClientTLS.SERVER: {"ETCDCTL_CACERT": "ca.crt"},
    ClientTLS.OFF: {},
}


def application(
    cluster: str, *, name: str, version: str, key: str, value: str, tls: ClientTLS = ClientTLS.MUTUAL
) -> Json:
    """Return a Pod that writes `key`, then reads it and prints the value, and ends; allowed by restricted security."""
    secret = f"{cluster}-client"
    environment: list[Json] = [
        {"name": variable, "value": f"{_FILES}/{file}"} for variable, file in _VARIABLES[tls].items()
    ]
    endpoints = {"secretKeyRef": {"name": secret, "key": "endpoints"}}
    environment.append({"name": "ETCDCTL_ENDPOINTS", "valueFrom": endpoints})
    common: Json = {
        "image": f"{REPOSITORY}:v{version}",
        "env": environment,
        "volumeMounts": [{"name": "client", "mountPath": _FILES, "readOnly": True}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [{"name": "write", "command": ["/usr/local/bin/etcdctl", "put", key, value], **common}],
            "containers": [
                {"name": "read", "command": ["/usr/local/bin/etcdctl", "get", "--print-value-only", key], **common}
            ],
            "volumes": [{"name": "client", "secret": {"secretName": secret, "defaultMode": 0o440}}],
        },
    }


def printed(kube: Kube, namespace: str, pod: str, *, within: float = 60) -> str:
    """Return what the Pod of an application printed, once it has ended well; a failed one is reported at once."""

    def check() -> None:
        phase = kube.get(Kind.POD, namespace, pod)["status"]["phase"]
        assert phase in {"Succeeded", "Failed"}, f"Pod {pod} is {phase}"

    eventually(check, within=within)
    found = kube.get(Kind.POD, namespace, pod)["status"]
    assert found["phase"] == "Succeeded", f"Pod {pod} failed: {found}"
    return kube.log(namespace, pod).strip()
