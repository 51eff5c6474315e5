"""The words of the status: condition types, phases and reasons. Each `BlockReason` has a runbook in docs/runbooks/."""

from __future__ import annotations

from enum import StrEnum


class ConditionType(StrEnum):
    """What the status says about a cluster; `Unknown` when the operator could not ask."""

    AVAILABLE = "Available"
    QUORATE = "Quorate"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    BLOCKED = "Blocked"
    NODE_REPAIR = "NodeRepair"


class Phase(StrEnum):
    """One word for a person; machines read the conditions."""

    CREATING = "Creating"
    RUNNING = "Running"
    DEGRADED = "Degraded"
    NO_QUORUM = "NoQuorum"
    UNKNOWN = "Unknown"
    PAUSED = "Paused"
    DELETING = "Deleting"
    HIBERNATED = "Hibernated"


class Reason(StrEnum):
    """Why a condition holds which says something about the cluster as a whole."""

    SERVING = "Serving"
    NOT_FORMED = "NotFormed"
    QUORUM_HEALTHY = "QuorumHealthy"
    QUORUM_LOST = "QuorumLost"
    NO_READY_MEMBER = "NoReadyMember"
    CANNOT_ASK = "CannotAsk"
    HIBERNATED = "Hibernated"
    ALL_HEALTHY = "AllMembersHealthy"
    SOME_UNHEALTHY = "MembersUnhealthy"
    TOO_FEW = "TooFewMembers"
    ALARM = "AlarmRaised"
    STABLE = "Stable"
    WORKING = "Working"
    WAITING = "Waiting"
    NOT_BLOCKED = "NotBlocked"
    NODES_WATCHED = "NodesWatched"
    NODES_FORBIDDEN = "NodesForbidden"


class BlockReason(StrEnum):
    """Why the operator does not do what it would do."""

    PAUSED = "Paused"
    EARLIER_CLUSTER = "EarlierCluster"
    FOREIGN_OBJECT = "ForeignObject"
    RECORD_LOST = "RecordLost"
    AUTHORITY_LOST = "AuthorityLost"
    DATA_LOST = "DataLost"
    DATA_DAMAGED = "DataDamaged"
    START_REFUSED = "StartRefused"
    VERSION = "VersionRefused"
    QUORUM = "QuorumAtRisk"
    NO_QUORUM = "NoQuorum"
    FOREIGN_MEMBER = "ForeignMember"
    NODES_FORBIDDEN = "NodesForbidden"
    REFUSED_BY_ETCD = "RefusedByEtcd"
    REFUSED = "RefusedByKubernetes"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE = "ImageUnavailable"
    STORAGE = "StorageUnavailable"
    RESIZE = "ResizeRefused"
    QUOTA = "QuotaTooSmall"
    CRASHING = "Crashing"
    CONTAINER_CONFIG = "ContainerConfig"
    NODE = "NodeUnavailable"
