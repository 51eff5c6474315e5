"""The snapshot that the planner decides from.

Every read that failed is present as `Unknown` with its reason: "could not ask" is never "not there". Kubernetes objects
are reduced to what a decision may depend on; each keeps its UID and resourceVersion, for the preconditions of a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from etcd_operator.api.cluster import ClusterSpec, Json
    from etcd_operator.etcd.client import MemberList, Status


@dataclass(frozen=True, slots=True)
class Unknown:
    """A read that failed: the thing may be there, or not, in any state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Meta:
    """The identity of a Kubernetes object. `owner` is the UID of its controller, None without one."""

    name: str
    uid: str
    resource_version: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: str | None
    deleting: bool


class Cause(StrEnum):
    """Why a Pod or a claim does not get on, as a word; the sentence beside it is Kubernetes' own."""

    UNSCHEDULABLE = "Unschedulable"
    IMAGE = "ImageUnavailable"
    DATA_LOST = "DataLost"
    CRASHING = "Crashing"
    CONTAINER_CONFIG = "ContainerConfig"
    STORAGE = "StorageUnavailable"
    NODE = "NodeUnavailable"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something does not get on, in Kubernetes' own words."""

    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A member's Pod. `running` is whether Kubernetes says that its etcd container runs."""

    meta: Meta
    member: str
    node: str | None
    ip: str | None
    running: bool
    ready: bool
    finished: bool
    problem: Problem | None

    @property
    def serving(self) -> bool:
        """Whether the Services and the budget select it."""
        return self.meta.labels.get("etcd-operator.dev/role") == "voter"


@dataclass(frozen=True, slots=True)
class Claim:
    """A member's claim."""

    meta: Meta
    member: str
    bound: bool
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret with its decoded data, which never shows in a log."""

    meta: Meta
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Service:
    """A Service."""

    meta: Meta
    spec: Json


@dataclass(frozen=True, slots=True)
class Budget:
    """The PodDisruptionBudget."""

    meta: Meta
    min_available: int


@dataclass(frozen=True, slots=True, order=True)
class Stranger:
    """An object that carries the cluster's name but is not the cluster's: an earlier one's, or somebody's own.

    `cluster_uid` is the UID in its label, empty without one.
    """

    kind: str
    name: str
    cluster_uid: str


@dataclass(frozen=True, slots=True)
class Record:
    """What an earlier pass wrote into the status for later ones: intentions, and what is known for ever.

    `members` are the first members, `cluster_id` is latched when the cluster has formed, `abandoned` are names of a
    first start that was given up before the cluster formed, whose objects are still being taken away.
    """

    members: tuple[str, ...] = ()
    cluster_id: int | None = None
    abandoned: tuple[str, ...] = ()

    @property
    def formed(self) -> bool:
        """Whether a linearizable member list has ever succeeded."""
        return self.cluster_id is not None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The custom resource: what is asked for, and what was recorded."""

    meta: Meta
    namespace: str
    generation: int
    spec: ClusterSpec
    record: Record
    status: Json


@dataclass(frozen=True, slots=True)
class MemberView:
    """What one member's etcd answers: of itself, and the member list as a quorum agrees on it through this member."""

    status: Status | Unknown
    agreed: MemberList | Unknown

    @property
    def healthy(self) -> bool:
        """Whether the member serves linearizable reads: it could get a quorum's consent (etcd-rules.md §2)."""
        return not isinstance(self.agreed, Unknown) and not isinstance(self.status, Unknown)


@dataclass(frozen=True, slots=True)
class Etcd:
    """etcd as it answers now: each running Pod's own answers by member name, and the member list of a quorum."""

    views: Mapping[str, MemberView]
    members: MemberList | Unknown


@dataclass(frozen=True, slots=True)
class Observation:
    """One cluster at one moment. Objects are keyed by name; `strangers` carry its name but are not its own."""

    cluster: Cluster
    pods: Mapping[str, Pod]
    claims: Mapping[str, Claim]
    secrets: Mapping[str, Secret]
    services: Mapping[str, Service]
    budgets: Mapping[str, Budget]
    strangers: tuple[Stranger, ...]
    etcd: Etcd
    at: datetime
