"""The typed view of an EtcdCluster's spec.

The CustomResourceDefinition (crds/etcdcluster.yaml) is the source of truth: it fills in every default and refuses what
is wrong, so nothing is defaulted or validated a second time here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

Json = dict[str, Any]
"""A Kubernetes object, or a part of one, as decoded JSON."""


_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")


class ClientTLS(StrEnum):
    """How applications talk to etcd."""

    MUTUAL = "Mutual"
    SERVER = "Server"
    OFF = "Off"


class PeerTLS(StrEnum):
    """How members talk to each other."""

    MUTUAL = "Mutual"
    OFF = "Off"


class OnDelete(StrEnum):
    """What becomes of the claims when the EtcdCluster is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class OnScaleIn(StrEnum):
    """What becomes of the claim of a member that leaves the cluster."""

    DELETE = "Delete"
    RETAIN = "Retain"


@dataclass(frozen=True, slots=True)
class Image:
    """Where etcd's image comes from; its tag is always `v<spec.version>`."""

    repository: str
    pull_policy: str
    pull_secrets: tuple[str, ...]


class Resize(StrEnum):
    """What is done with a volume that is not as asked for, and that Kubernetes cannot expand."""

    EXPAND = "Expand"
    REPLACE = "Replace"


@dataclass(frozen=True, slots=True)
class Storage:
    """The claim of each member. `holds` is filled in for one of them: the bytes of its volume, once they are known."""

    size: str
    class_name: str | None
    resize: Resize
    on_delete: OnDelete
    on_scale_in: OnScaleIn
    holds: int | None = None


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What a user may say about the member Pods."""

    labels: dict[str, str]
    annotations: dict[str, str]
    node_selector: dict[str, str]
    affinity: Json | None
    tolerations: tuple[Json, ...]
    topology_spread_constraints: tuple[Json, ...] | None
    priority_class_name: str | None


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """etcd's own settings. Sizes in bytes as Kubernetes quantities, times in milliseconds.

    A quota of "auto", and None elsewhere, leave the choice to the operator (resources/tuning.py).
    """

    quota: str
    auto_compaction_mode: str
    auto_compaction_retention: str | None
    snapshot_count: int | None
    heartbeat_ms: int | None
    election_ms: int | None
    extra_args: dict[str, str]


@dataclass(frozen=True, slots=True)
class TLS:
    """Which of etcd's two ports are encrypted, and how."""

    client: ClientTLS
    peer: PeerTLS


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the operator heals. `replace_after` is for how long a node may be away before its member is replaced."""

    replace_after: timedelta


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """What the user asks for."""

    replicas: int
    version: str
    image: Image
    storage: Storage
    resources: Json
    pod: PodSettings
    etcd: EtcdSettings
    tls: TLS
    recovery: Recovery
    allow_unsafe_version: bool
    paused: bool

    @classmethod
    def parse(cls, spec: Json) -> Self:
        """Read `spec` as the API server hands it out, with the CRD's defaults filled in.

        Raises KeyError or ValueError when it is not what the CRD promises, which means that an older CRD is installed.
        """
        image, storage, pod, etcd, tls = (spec[key] for key in ("image", "storage", "pod", "etcd", "tls"))
        spread = pod.get("topologySpreadConstraints")
        return cls(
            replicas=spec["replicas"],
            version=spec["version"],
            image=Image(
                repository=image["repository"],
                pull_policy=image["pullPolicy"],
                pull_secrets=tuple(reference["name"] for reference in image.get("pullSecrets", ())),
            ),
            storage=Storage(
                size=str(storage["size"]),
                class_name=storage.get("className"),
                resize=Resize(storage["resize"]),
                on_delete=OnDelete(storage["onDelete"]),
                on_scale_in=OnScaleIn(storage["onScaleIn"]),
            ),
            resources=spec["resources"],
            pod=PodSettings(
                labels=pod.get("labels", {}),
                annotations=pod.get("annotations", {}),
                node_selector=pod.get("nodeSelector", {}),
                affinity=pod.get("affinity"),
                tolerations=tuple(pod.get("tolerations", ())),
                topology_spread_constraints=None if spread is None else tuple(spread),
                priority_class_name=pod.get("priorityClassName"),
            ),
            etcd=EtcdSettings(
                quota=str(etcd["quota"]),
                auto_compaction_mode=etcd["autoCompaction"]["mode"],
                auto_compaction_retention=etcd["autoCompaction"].get("retention"),
                snapshot_count=etcd.get("snapshotCount"),
                heartbeat_ms=etcd.get("heartbeatMs"),
                election_ms=etcd.get("electionMs"),
                extra_args=etcd.get("extraArgs", {}),
            ),
            tls=TLS(client=ClientTLS(tls["client"]), peer=PeerTLS(tls["peer"])),
            recovery=Recovery(replace_after=duration(spec["recovery"]["replaceAfter"])),
            allow_unsafe_version=spec["allowUnsafeVersion"],
            paused=spec["paused"],
        )


def duration(text: str) -> timedelta:
    """The time that `1h30m`, `5m` or `90s` stands for. Raises ValueError, in words for its author, if it is none."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f'"{text}" is not a time: write hours, minutes and seconds, for example 1h30m or 90s')
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def duration_text(time: timedelta) -> str:
    """`time` in whole seconds as people write it: the opposite of `duration`."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number)
