"""When no step may be taken at all, and what keeps a member from getting on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause
from etcd_operator.plan.model import Blocked, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.plan.situation import Situation

_REASON = {
    Cause.UNSCHEDULABLE: BlockReason.UNSCHEDULABLE,
    Cause.IMAGE: BlockReason.IMAGE,
    Cause.DATA_LOST: BlockReason.DATA_LOST,
    Cause.CRASHING: BlockReason.CRASHING,
    Cause.CONTAINER_CONFIG: BlockReason.CONTAINER_CONFIG,
    Cause.STORAGE: BlockReason.STORAGE,
    Cause.NODE: BlockReason.NODE,
}


def refuse(situation: Situation) -> Plan | None:
    """The plan to do nothing, with its reason, when every step would be wrong."""
    cluster = situation.seen.cluster
    if cluster.meta.deleting:
        return Plan("Deleting", "the EtcdCluster is being deleted; its owner references clean up", situation.record)
    if situation.spec.paused:
        message = "spec.paused is true: no step is taken until it is false"
        return _refusal(situation, "Paused", Blocked("any step", BlockReason.PAUSED, message))
    in_the_way = [stranger for stranger in situation.seen.strangers if stranger.name in _own_names(situation)]
    if in_the_way:
        return _refusal(
            situation,
            "Blocked",
            *(_stranger(stranger.kind, stranger.name, stranger.cluster_uid) for stranger in in_the_way),
        )
    remains = _remains(situation)
    if not situation.record.members and remains:
        message = (
            f"status.bootstrap is gone, but {remains} of this cluster exists: "
            "put status.bootstrap.members and status.clusterID back; nothing is started over them"
        )
        return _refusal(situation, "Blocked", Blocked("name the members", BlockReason.RECORD_LOST, message))
    return None


def obstacles(situation: Situation) -> tuple[Blocked, ...]:
    """What keeps each member from getting on, in Kubernetes' own words."""
    return tuple(_obstacles(situation))


def _obstacles(situation: Situation) -> Iterator[Blocked]:
    seen = situation.seen
    for member in situation.record.members:
        pod, claim = seen.pods.get(member), seen.claims.get(member)
        action = f"start {member}"
        if situation.record.formed and claim is None:
            message = f"claim {member} is gone, and with it this member's data; it stays out of the cluster"
            yield Blocked(action, BlockReason.DATA_LOST, message)
        elif pod is not None and pod.problem is not None:
            message = pod.problem.message
            if pod.problem.cause is Cause.DATA_LOST:
                message = f"{message}; it stays out of the cluster, for it would forget what it acknowledged"
            yield Blocked(action, _REASON[pod.problem.cause], message)
        elif claim is not None and claim.problem is not None:
            yield Blocked(action, _REASON[claim.problem.cause], f"claim {member}: {claim.problem.message}")


def _refusal(situation: Situation, action: str, *blocked: Blocked) -> Plan:
    return Plan(action, blocked[0].message, situation.record, blocked=blocked)


def _own_names(situation: Situation) -> frozenset[str]:
    identity = situation.identity
    fixed = (
        identity.client_service,
        identity.disruption_budget,
        identity.client_secret,
        identity.operator_secret,
        identity.peer_ca_secret,
        identity.client_ca_secret,
    )
    return frozenset({*fixed, *situation.record.members})


def _stranger(kind: str, name: str, cluster_uid: str) -> Blocked:
    action = f"create {kind} {name}"
    if cluster_uid:
        message = (
            f"{kind} {name} is of an earlier cluster of this name (UID {cluster_uid}): delete it, or wait for its end"
        )
        return Blocked(action, BlockReason.EARLIER_CLUSTER, message)
    message = f"{kind} {name} carries this cluster's labels but is not its own: rename it, or delete it"
    return Blocked(action, BlockReason.FOREIGN_OBJECT, message)


def _remains(situation: Situation) -> str:
    seen = situation.seen
    for kind, objects in (("claim", seen.claims), ("Pod", seen.pods), ("Secret", seen.secrets)):
        if objects:
            return f"{kind} {min(objects)}"
    return ""
