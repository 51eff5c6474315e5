"""An application of the cluster, as anyone would write it: it knows a Secret and what is in it, and nothing else."""

from collections.abc import Sequence

from e2e.support.kube import Json, Kind, Kube
from e2e.support.waiting import eventually
from etcd_operator.resources.secret import CA_BUNDLE, CERTIFICATE, ENDPOINTS, KEY

NAME = "orders-application"
WRITE = ("etcdctl", "put", "greeting", "hello from a Pod with a client certificate")
READ = ("etcdctl", "get", "greeting")
FINISHES_WITHIN = 90.0

_FILES = "/etc/orders"


def manifest(*, secret: str, image: str) -> Json:
    """Return a Pod that writes a key and then reads it, over mutual TLS, with no more than `secret`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [_container("write", WRITE, secret, image)],
            "containers": [_container("read", READ, secret, image)],
            "volumes": [{"name": "client", "secret": {"secretName": secret, "defaultMode": 0o440}}],
        },
    }


def run(kube: Kube, namespace: str, pod: Json) -> dict[str, str]:
    """Run the Pod and return what each of its containers printed, by its command line; the Pod is gone afterwards.

    Raises AssertionError with the Pod's own words when it does not end well in time.
    """
    _remove(kube, namespace)
    kube.apply(pod, namespace=namespace)
    try:
        eventually(lambda: _finished(kube, namespace), within=FINISHES_WITHIN)
        return {
            " ".join(_quoted(container["command"])): _output(kube, namespace, container["name"])
            for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])
        }
    finally:
        _remove(kube, namespace)


def _container(name: str, command: Sequence[str], secret: str, image: str) -> Json:
    where = {"secretKeyRef": {"name": secret, "key": ENDPOINTS}}
    files = {"ETCDCTL_CACERT": CA_BUNDLE, "ETCDCTL_CERT": CERTIFICATE, "ETCDCTL_KEY": KEY}
    return {
        "name": name,
        "image": image,
        "command": list(command),
        "env": [
            {"name": "ETCDCTL_ENDPOINTS", "valueFrom": where},
            *({"name": variable, "value": f"{_FILES}/{file}"} for variable, file in files.items()),
        ],
        "volumeMounts": [{"name": "client", "mountPath": _FILES, "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _finished(kube: Kube, namespace: str) -> None:
    pod = kube.get(Kind.POD, namespace, NAME)
    phase = pod["status"]["phase"]
    assert phase == "Succeeded", f"Pod {NAME} is {phase}: {_words(pod)}"


def _words(pod: Json) -> str:
    """What Kubernetes says about containers that wait or failed."""
    status = pod["status"]
    states = [
        each["state"] for group in ("initContainerStatuses", "containerStatuses") for each in status.get(group, ())
    ]
    told = [
        f"{state[kind].get('reason', '')} {state[kind].get('message', '')}".strip()
        for state in states
        for kind in ("waiting", "terminated")
        if state.get(kind, {}).get("exitCode") != 0 and kind in state
    ]
    return "; ".join(told) or "no container has started yet"


def _output(kube: Kube, namespace: str, container: str) -> str:
    return kube.kubectl("logs", f"--namespace={namespace}", NAME, f"--container={container}").strip()


def _quoted(command: Sequence[str]) -> Sequence[str]:
    """The command as one types it in a shell."""
    return [f'"{word}"' if " " in word else word for word in command]


def _remove(kube: Kube, namespace: str) -> None:
    kube.kubectl("delete", "pod", f"--namespace={namespace}", NAME, "--ignore-not-found", "--grace-period=1")
