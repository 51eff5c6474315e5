"""When no step may be taken at all, and what keeps a member from getting on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Cause
from etcd_operator.plan.credentials import lost_authorities, permitted
from etcd_operator.plan.model import Blocked, Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.observation import Stranger
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
    in_the_way = [
        stranger for stranger in situation.seen.strangers if (stranger.kind, stranger.name) in _own(situation)
    ]
    if in_the_way:
        blocked = (_stranger(situation, stranger) for stranger in in_the_way)
        return _refusal(situation, "Blocked", *blocked)
    remains = _remains(situation)
    if not situation.record.members and remains:
        message = (
            f"status.bootstrap is gone, but {remains} of this cluster exists: "
            "put status.bootstrap.members and status.clusterID back; nothing is started over them"
        )
        return _refusal(situation, "Blocked", Blocked("name the members", BlockReason.RECORD_LOST, message))
    proof = _formed_once(situation)
    if proof and not situation.record.formed:
        message = f"status.clusterID is gone, but {proof} shows that the cluster has formed: put it back"
        return _refusal(situation, "Blocked", Blocked("start the members", BlockReason.RECORD_LOST, message))
    return None


def obstacles(situation: Situation) -> tuple[Blocked, ...]:
    """What keeps each member from getting on, in Kubernetes' own words."""
    return tuple(_obstacles(situation))


def _obstacles(situation: Situation) -> Iterator[Blocked]:
    for name, problem in lost_authorities(situation).items():
        message = f"Secret {name}: {problem}; put it back from a copy. Members go on with the certificates they have"
        yield Blocked("renew certificates", BlockReason.AUTHORITY_LOST, message)
    for member in situation.record.members:
        yield from _obstacles_of(situation, member)


def _obstacles_of(situation: Situation, member: str) -> Iterator[Blocked]:
    pod, claim = situation.seen.pods.get(member), situation.seen.claims.get(member)
    action, out = f"start {member}", "it stays out of the cluster, for it would forget what it acknowledged"
    if claim is None and not permitted(situation, member):
        yield Blocked(action, BlockReason.DATA_LOST, f"claim {member} is gone, and with it this member's data; {out}")
    elif pod is not None and pod.problem is not None and pod.problem.cause is Cause.DATA_LOST:
        yield Blocked(action, BlockReason.DATA_LOST, f"{pod.problem.message}; {out}")
    elif claim is not None and claim.problem is not None:
        # What keeps a claim from being bound also keeps the Pod from being scheduled; the claim has the cause.
        yield Blocked(action, _REASON[claim.problem.cause], f"claim {member}: {claim.problem.message}")
    elif pod is not None and pod.problem is not None:
        yield Blocked(action, _REASON[pod.problem.cause], pod.problem.message)
    if claim is not None and claim.meta.deleting and situation.record.formed:
        message = f"claim {member} is being deleted; its data goes when the Pod ends: copy it now, if it is needed"
        yield Blocked(f"keep {member}", BlockReason.DATA_LOST, message)


def _refusal(situation: Situation, action: str, *blocked: Blocked) -> Plan:
    return Plan(action, blocked[0].message, situation.record, blocked=blocked)


def _own(situation: Situation) -> frozenset[tuple[str, str]]:
    """Kind and name of each object that the cluster must have for itself."""
    identity, members = situation.identity, situation.record.members
    secrets = (
        identity.client_secret,
        identity.operator_secret,
        identity.peer_ca_secret,
        identity.client_ca_secret,
        *members,
    )
    names = {
        Kind.SERVICE: (identity.client_service, *members),
        Kind.BUDGET: (identity.disruption_budget,),
        Kind.SECRET: secrets,
        Kind.CLAIM: members,
        Kind.POD: members,
    }
    return frozenset((kind.value.kind, name) for kind, of_kind in names.items() for name in of_kind)


def _stranger(situation: Situation, stranger: Stranger) -> Blocked:
    what = f"{stranger.kind} {stranger.name}"
    if stranger.cluster_uid and stranger.cluster_uid != situation.identity.uid:
        message = (
            f"{what} is of an earlier cluster of this name (UID {stranger.cluster_uid}): delete it, or wait for its end"
        )
        return Blocked(f"create {what}", BlockReason.EARLIER_CLUSTER, message)
    message = f"{what} carries this cluster's labels but is not owned by it: rename it, or delete it"
    return Blocked(f"create {what}", BlockReason.FOREIGN_OBJECT, message)


def _formed_once(situation: Situation) -> str:
    """What exists only in a cluster that has formed: a used-up permission, or a member that clients may reach."""
    seen = situation.seen
    for name, secret in seen.secrets.items():
        if secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode():
            return f"Secret {name}"
    return next((f"Pod {pod.meta.name}" for pod in seen.pods.values() if pod.serving), "")


def _remains(situation: Situation) -> str:
    seen = situation.seen
    found = (
        ("claim", seen.claims),
        ("Pod", seen.pods),
        ("Secret", seen.secrets),
        ("Service", seen.services),
        ("budget", seen.budgets),
    )
    return next((f"{kind} {min(objects)}" for kind, objects in found if objects), "")
