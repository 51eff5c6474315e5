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
    from etcd_operator.etcd.client import Endpoint, MemberList, Status


@dataclass(frozen=True, slots=True)
class Unknown:
    """A read that failed: the thing may be there, or not, in any state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Meta:
    """The identity of a Kubernetes object. `owner` is the UID of its controller, None without one.

    `ending` is whether it is being deleted without waiting for anybody but finalizers.
    """

    name: str
    uid: str
    resource_version: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: str | None
    deleting: bool
    ending: bool = False


class Cause(StrEnum):
    """Why a Pod or a claim does not get on, as a word; the sentence beside it is Kubernetes' own."""

    UNSCHEDULABLE = "Unschedulable"
    IMAGE = "ImageUnavailable"
    DATA_LOST = "DataLost"
    DATA_DAMAGED = "DataDamaged"
    START_REFUSED = "StartRefused"
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
    """A member's Pod. `running` is whether Kubernetes says that its etcd container runs.

    `at_gate` is whether its start check runs, which for a newcomer means that everything is ready and it waits for etcd
    to list it. `asks` are the peer URLs that it asks there. `first_start` is whether it may start on an empty volume,
    `pulled` whether it gets etcd's image before its start check runs, `looks` whether it has one, `lived` whether its
    etcd has ever run, `just_ended` whether it does not at this moment and the kubelet has not said how long it waits
    before it starts it again, `restarts` how often it did. `image` is etcd's, `edited` whether somebody has changed the
    Pod's spec since it was made, as Kubernetes tells from 1.33 on. `pending_since` is since when no node has taken it,
    `dismissed` since when clients are sent elsewhere because its member is about to leave.
    """

    meta: Meta
    member: str
    node: str | None
    ip: str | None
    running: bool
    ready: bool
    finished: bool
    problem: Problem | None
    at_gate: bool = False
    asks: tuple[str, ...] = ()
    first_start: bool = False
    pulled: bool = False
    looks: bool = False
    lived: bool = False
    just_ended: bool = False
    restarts: int = 0
    image: str = ""
    edited: bool = False
    pending_since: datetime | None = None
    dismissed: datetime | None = None

    @property
    def serving(self) -> bool:
        """Whether the Services and the budget select it."""
        return self.meta.labels.get("etcd-operator.dev/role") == "voter"


@dataclass(frozen=True, slots=True)
class Claim:
    """A member's claim.

    `bound` is whether it has a volume, or is about to, which may hold data. `lost` is whether Kubernetes says that
    its volume is gone for good. `node` is the node for which its volume was first made, which for a volume that every
    node can reach means little; None where nobody has said. `size` are the bytes that it asks for, `capacity` those
    that it has, None before it has any, and `growth` is what Kubernetes says while the one becomes the other.
    """

    meta: Meta
    member: str
    bound: bool
    problem: Problem | None
    lost: bool = False
    node: str | None = None
    class_name: str | None = None
    size: int = 0
    capacity: int | None = None
    growth: str = ""

    @property
    def holds(self) -> int:
        """How many bytes it has or is about to have: a volume may be larger than its claim asks for."""
        return max(self.size, self.capacity or 0)

    @property
    def grows(self) -> bool:
        """Whether Kubernetes was asked to expand its volume, and has not done so."""
        return self.capacity is not None and self.capacity < self.size


@dataclass(frozen=True, slots=True)
class Node:
    """A node that runs a member, or to which a member's volume belongs.

    `ready` is what Kubernetes says of its kubelet, `since` for how long it has said so; a node that is not there is
    neither ready nor since any time. A cordoned node takes no new Pods and is otherwise as good as any. `images` are
    names of images that it has, by no means of all.
    """

    name: str
    exists: bool
    ready: bool
    since: datetime | None
    cordoned: bool
    zone: str
    images: frozenset[str] = frozenset()


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
    """The PodDisruptionBudget; its `min_available` is 0 if it counts in another way."""

    meta: Meta
    min_available: int
    selector: Json


@dataclass(frozen=True, slots=True, order=True)
class Stranger:
    """An object that carries the cluster's name but is not the cluster's: an earlier one's, or somebody's own.

    `cluster_uid` is the UID in its label, empty without one.
    """

    kind: str
    name: str
    cluster_uid: str


class Departure(StrEnum):
    """Why a member leaves etcd's list."""

    SCALE_IN = "ScaleIn"
    DATA_LOST = "DataLost"
    NODE_LOST = "NodeLost"
    VOLUME = "Volume"


@dataclass(frozen=True, slots=True)
class Removal:
    """The member that is being taken out of etcd's list, and why, in words for a person."""

    member: str
    cause: Departure
    reason: str


@dataclass(frozen=True, slots=True)
class Leaver:
    """A name of which nothing is to be left, but its claim where `keep_claim` is true."""

    member: str
    keep_claim: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """A member whose Pod, the one with this UID, did not start on its volume: the next one looks at it first."""

    member: str
    pod_uid: str


@dataclass(frozen=True, slots=True)
class Record:
    """What an earlier pass wrote into the status for later ones: intentions, and what is known for ever.

    `members` vote, as far as it is up to us: the first members, and each newcomer once etcd lists it as a voter.
    `joining` are newcomers, in the order in which they were named, until they vote. `removing` is the one member that
    is on its way out of etcd's list. `left` are those whose objects are being taken away. No name is in two of these.
    `suspects` are members whose volume must be looked at. `version` is the one that Pods are made with, `former` the
    one before it; None before one was accepted. `oldest_log` is the lowest whose entries the members' logs may have,
    None if nobody knows; `snapshots` is whether they are made to write a snapshot, so that they have none of these any
    more. `cluster_id` is latched when the cluster has formed.
    """

    members: tuple[str, ...] = ()
    joining: tuple[str, ...] = ()
    removing: Removal | None = None
    left: tuple[Leaver, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    version: str | None = None
    former: str | None = None
    oldest_log: str | None = None
    snapshots: bool = False
    cluster_id: int | None = None

    @property
    def present(self) -> tuple[str, ...]:
        """Every member that is meant to have objects: those that vote and those that join."""
        return (*self.members, *self.joining)

    def suspect(self, member: str) -> Suspect | None:
        """What stands against the volume of `member`, if anything does."""
        return next((suspect for suspect in self.suspects if suspect.member == member), None)

    @property
    def formed(self) -> bool:
        """Whether a linearizable member list has ever succeeded."""
        return self.cluster_id is not None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The custom resource: what is asked for, and what was recorded.

    `last_nodes` are the nodes on which the status last saw the Pods of members, by member.
    """

    meta: Meta
    namespace: str
    generation: int
    spec: ClusterSpec
    record: Record
    status: Json
    last_nodes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemberView:
    """What one member's etcd answers: of itself, and the member list as a quorum agrees on it through this member.

    `takes_part` is whether it says on its metrics port that it reads with a quorum's consent; asked only of those that
    take no clients yet.
    """

    status: Status | Unknown
    agreed: MemberList | Unknown
    takes_part: bool = False

    @property
    def healthy(self) -> bool:
        """Whether the member serves linearizable reads: it could get a quorum's consent (etcd-rules.md §2)."""
        return not isinstance(self.agreed, Unknown) and not isinstance(self.status, Unknown)


@dataclass(frozen=True, slots=True)
class Etcd:
    """etcd as it answers now: each running Pod's own answers by member name, and the member list of a quorum.

    `endpoints` are where they were asked, for the steps that change what they answered.
    """

    views: Mapping[str, MemberView]
    members: MemberList | Unknown
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """One cluster at one moment. Objects are keyed by name; `strangers` carry its name but are not its own.

    `nodes` are those that its Pods and claims name; `Unknown` where the operator may not read nodes. `classes` are the
    StorageClasses of claims that are smaller than asked for, and whether they allow expansion.
    """

    cluster: Cluster
    pods: Mapping[str, Pod]
    claims: Mapping[str, Claim]
    secrets: Mapping[str, Secret]
    services: Mapping[str, Service]
    budgets: Mapping[str, Budget]
    strangers: tuple[Stranger, ...]
    etcd: Etcd
    at: datetime
    nodes: Mapping[str, Node] | Unknown = field(default_factory=dict)
    classes: Mapping[str, bool] | Unknown = field(default_factory=dict)

    def deserted_node(self, member: str) -> Node | None:
        """The node that is away on which `member` ran last, although it has no Pod any more; None if there is none.

        Somebody deleted that Pod by force, so nobody knows whether its process has ended. A node that Kubernetes does
        not have any more is no such: to take it out is to say that nothing runs there.
        """
        last = self.cluster.last_nodes.get(member)
        if last is None or member in self.pods or isinstance(self.nodes, Unknown):
            return None
        node = self.nodes.get(last)
        return node if node is not None and node.exists and not node.ready else None
