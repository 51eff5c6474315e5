"""The Pod of a member. Its command is a link on the data volume, so that an emptied volume has nothing to start."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from etcd_operator.api import GROUP
from etcd_operator.api.cluster import ClientTLS, PeerTLS
from etcd_operator.resources.flags import DATA_DIR, TLS_DIR, arguments
from etcd_operator.resources.names import CLIENT_PORT, METRICS_PORT, PEER_PORT, WITHDRAWN, peer_url
from etcd_operator.resources.ownership import CLUSTER_UID, member_labels, metadata
from etcd_operator.resources.secret import (
    CLIENT_CA,
    INITIAL_CLUSTER,
    PEER_CA,
    PEER_CERTIFICATE,
    PEER_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
)
from etcd_operator.resources.settings import MADE_FROM, made_from
from etcd_operator.resources.start import ClusterState, FirstStart, Restart
from etcd_operator.resources.tuning import tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.api.cluster import TLS, ClusterSpec, Json
    from etcd_operator.resources.names import Identity

__all__ = [
    "ETCD_CONTAINER",
    "PERMISSION_VARIABLE",
    "START_CHECK_CONTAINER",
    "START_COMMAND",
    "VERSION_CONTAINER",
    "ClusterState",
    "FirstStart",
    "Restart",
    "StartCheckImage",
    "image",
    "member_pod",
    "start_command",
    "tag",
]

ETCD_CONTAINER, VERSION_CONTAINER, START_CHECK_CONTAINER = "etcd", "etcd-version", "start-check"

START_COMMAND = f"{DATA_DIR}/member/start"
"""What the links to etcd begin with that only the start check makes, one for each member on its own volume.

A container that restarts in place does not run its init containers again, and a Pod that starts on data has none, for
each costs a second. If the volume was emptied meanwhile, or is another member's, the link is not there, and the kernel
itself refuses to start etcd.
"""

_ETCD = "/usr/local/bin/etcd"
_VOLUME_MOUNT = {"name": "data", "mountPath": "/var/lib/etcd"}
_PEER_FILES = "peer-tls"
_USER = 65532
_SHORT_PANICS = {"name": "GOTRACEBACK", "value": "none"}
"""Kubernetes keeps 2 KiB of what a container said last: without the stacks, the cause is among it."""
PERMISSION_VARIABLE = "ETCD_INITIAL_CLUSTER"
"""In the environment of a first start: the permission to start on an empty volume."""


@dataclass(frozen=True, slots=True)
class StartCheckImage:
    """Where the start check comes from: the operator's own image. It never counts as a change of a Pod."""

    reference: str
    pull_policy: str
    pull_secrets: tuple[str, ...]


def start_command(member: str) -> str:
    """The link on the volume through which `member` starts."""
    return f"{START_COMMAND}-{member}"


def image(spec: ClusterSpec) -> str:
    """The image of etcd in the version that is asked for."""
    return f"{spec.image.repository}:v{spec.version}"


def tag(reference: str) -> str:
    """The tag of an image; empty for one without, such as one that is named by its digest only."""
    return reference.rpartition("/")[2].partition("@")[0].partition(":")[2]


def member_pod(
    identity: Identity, spec: ClusterSpec, member: str, *, start: FirstStart | Restart, gate: StartCheckImage
) -> Json:
    """The Pod of `member`, on the claim of the same name. Never has the label that lets clients in (ownership.ROLE)."""
    body = _body(identity, spec, member, start, gate)
    body["metadata"]["annotations"][MADE_FROM] = made_from(spec)
    return body


def _body(
    identity: Identity, spec: ClusterSpec, member: str, start: FirstStart | Restart, gate: StartCheckImage
) -> Json:
    labels = {**_users(spec.pod.labels), **member_labels(identity, member)}
    about = {**metadata(identity, member, labels), "annotations": _users(spec.pod.annotations)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": _spec(identity, spec, member, start, gate)}


def _users(entries: dict[str, str]) -> dict[str, str]:
    """The user's labels or annotations, without our own domain: one of them lets clients in."""
    return {key: value for key, value in entries.items() if not key.startswith(f"{GROUP}/")}


def _spec(
    identity: Identity, spec: ClusterSpec, member: str, start: FirstStart | Restart, gate: StartCheckImage
) -> Json:
    looks = isinstance(start, FirstStart) or start.inspect
    checks = [_start_check(identity, spec, member, start, gate)] if looks else []
    secrets = (*spec.image.pull_secrets, *gate.pull_secrets)
    return {
        "hostname": member,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a Service called "etcd" would put ETCD_* variables into etcd's environment
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": name} for name in dict.fromkeys(secrets)],
        "initContainers": [*_versions(spec, start), *checks],
        "containers": [_etcd(identity, spec, member, start)],
        "volumes": _volumes(spec.tls, member, start),
        **_placement(identity, spec),
    }


def _placement(identity: Identity, spec: ClusterSpec) -> Json:
    """Where the Pod may run. What the user says replaces our wish to spread, which never keeps a Pod from starting."""
    user, members = spec.pod, {"matchLabels": {CLUSTER_UID: identity.uid}}
    apart = {"labelSelector": members, "topologyKey": "kubernetes.io/hostname"}
    affinity = {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": apart}]
        }
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": members,
    }
    constraints = user.topology_spread_constraints
    placement: Json = {
        "affinity": affinity if user.affinity is None else user.affinity,
        "topologySpreadConstraints": [spread] if constraints is None else list(constraints),
        "nodeSelector": user.node_selector,
        "tolerations": list(user.tolerations),
    }
    if user.priority_class_name is not None:
        placement["priorityClassName"] = user.priority_class_name
    return placement


def _container(spec: ClusterSpec, name: str, reference: str, pull_policy: str) -> Json:
    """What all three have in common.

    Init containers have etcd's own resources: a Pod's request is the larger of the two, so they cost nothing, and the
    Pod keeps the quality of service that the user chose. Where a container leaves no message, the end of its log is
    one: etcd's own words, for the status.
    """
    return {
        "name": name,
        "image": reference,
        "imagePullPolicy": pull_policy,
        "resources": spec.resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _versions(spec: ClusterSpec, start: FirstStart | Restart) -> Iterator[Json]:
    """Pulls etcd's image before the cluster is told of a newcomer, and shows that its tag has an etcd.

    Nobody else waits for that: another image that cannot be pulled is told by etcd's own container as well. Nor does a
    newcomer on whose node the image is already.
    """
    if isinstance(start, FirstStart) and start.state is ClusterState.EXISTING and start.pull:
        common = _container(spec, VERSION_CONTAINER, image(spec), spec.image.pull_policy)
        yield {**common, "command": [_ETCD, "--version"]}


def _start_check(
    identity: Identity, spec: ClusterSpec, member: str, start: FirstStart | Restart, gate: StartCheckImage
) -> Json:
    """The start check. It reads the same permission as etcd from the same place, so that the two never disagree."""
    permission = f"$({PERMISSION_VARIABLE})" if isinstance(start, FirstStart) else WITHDRAWN
    args = [f"--name={member}", f"--data-dir={DATA_DIR}", f"--initial-cluster={permission}", f"--etcd={_ETCD}"]
    files = {"name": _PEER_FILES, "mountPath": TLS_DIR, "readOnly": True}
    return {
        **_container(spec, START_CHECK_CONTAINER, gate.reference, gate.pull_policy),
        "command": ["python3", "-I", "-m", "etcd_operator.startcheck"],
        "args": [*args, *_question(identity, spec.tls, member, start)],
        "env": _permission(member, start),
        "volumeMounts": [_VOLUME_MOUNT, files] if _asks_with_tls(spec.tls, start) else [_VOLUME_MOUNT],
    }


def _question(identity: Identity, tls: TLS, member: str, start: FirstStart | Restart) -> Iterator[str]:
    """What a first start asks the other members; a later one asks nobody."""
    if isinstance(start, Restart):
        return
    if start.state is ClusterState.EXISTING:
        yield "--wait"
    if start.ask:
        yield f"--ask={','.join(peer_url(identity, other, tls) for other in start.ask)}"
        yield f"--peer-url={peer_url(identity, member, tls)}"
    if start.cluster_id is not None:
        yield f"--cluster-id={start.cluster_id:x}"
    if _asks_with_tls(tls, start):
        yield f"--peer-cert-file={TLS_DIR}/{PEER_CERTIFICATE}"
        yield f"--peer-key-file={TLS_DIR}/{PEER_KEY}"
        yield f"--peer-trusted-ca-file={TLS_DIR}/{PEER_CA}"


def _asks_with_tls(tls: TLS, start: FirstStart | Restart) -> bool:
    """Whether the start check needs the member's peer certificate."""
    return isinstance(start, FirstStart) and bool(start.ask) and tls.peer is not PeerTLS.OFF


def _etcd(identity: Identity, spec: ClusterSpec, member: str, start: FirstStart | Restart) -> Json:
    files = {"name": "tls", "mountPath": TLS_DIR, "readOnly": True}
    return {
        **_container(spec, ETCD_CONTAINER, image(spec), spec.image.pull_policy),
        "command": [start_command(member)],
        "args": list(arguments(identity, spec, member, start=start)),
        "env": [*_permission(member, start), _SHORT_PANICS],
        "ports": [
            {"name": "client", "containerPort": CLIENT_PORT, "protocol": "TCP"},
            {"name": "peer", "containerPort": PEER_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": [_VOLUME_MOUNT, files] if _files(spec.tls) else [_VOLUME_MOUNT],
        # A large database may take minutes to open; nothing is gained by starting over.
        "startupProbe": _probe("/livez", every=1, timeout=5, failures=1800),
        # Never depends on quorum, else a lost quorum would become restarts as well (etcd-rules.md §2).
        "livenessProbe": _probe("/livez", every=10, timeout=5, failures=6),
        # Without a leader etcd's answer waits for one: an election, which may take two timeouts, is not even noticed.
        "readinessProbe": _probe("/readyz", every=2, timeout=1 + ceil(2 * tuning(spec).election_ms / 1000), failures=3),
    }


def _permission(member: str, start: FirstStart | Restart) -> list[Json]:
    """The permission of a first start, which the kubelet reads anew for each start of the container.

    So a withdrawal also reaches the container that restarts in place, and sooner than a mounted file would tell.
    """
    if isinstance(start, Restart):
        return []
    source = {"secretKeyRef": {"name": member, "key": INITIAL_CLUSTER}}
    return [{"name": PERMISSION_VARIABLE, "valueFrom": source}]


def _probe(path: str, *, every: int, timeout: int, failures: int) -> Json:
    """A probe of etcd's own judgement; `every` and `timeout` in seconds."""
    return {
        "httpGet": {"path": path, "port": METRICS_PORT, "scheme": "HTTP"},
        "periodSeconds": every,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _volumes(tls: TLS, member: str, start: FirstStart | Restart) -> list[Json]:
    volumes: list[Json] = [{"name": "data", "persistentVolumeClaim": {"claimName": member}}]
    if files := _files(tls):
        volumes.append(_secret_volume("tls", member, files))
    if _asks_with_tls(tls, start):
        volumes.append(_secret_volume(_PEER_FILES, member, _peer_files(tls)))
    return volumes


def _secret_volume(name: str, member: str, files: tuple[str, ...]) -> Json:
    items = [{"key": file, "path": file} for file in files]
    return {"name": name, "secret": {"secretName": member, "defaultMode": 0o440, "items": items}}


def _files(tls: TLS) -> tuple[str, ...]:
    """The files that etcd needs from the member's Secret, and the authority for who runs etcdctl in the Pod."""
    client = (SERVER_CERTIFICATE, SERVER_KEY, CLIENT_CA) if tls.client is not ClientTLS.OFF else ()
    return (*_peer_files(tls), *client)


def _peer_files(tls: TLS) -> tuple[str, ...]:
    return (PEER_CERTIFICATE, PEER_KEY, PEER_CA) if tls.peer is not PeerTLS.OFF else ()
