"""When no step may be taken at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.plan.model import Blocked, Plan
from etcd_operator.plan.upgrade import doubtful
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from etcd_operator.observation import Stranger
    from etcd_operator.plan.situation import Situation


def refuse(situation: Situation) -> Plan | None:
    """The plan to do nothing, with its reason, when every step would be wrong."""
    cluster = situation.seen.cluster
    if cluster.meta.deleting:
        return Plan("Deleting", "the EtcdCluster is being deleted; its owner references clean up", situation.record)
    if situation.spec.paused:
        message = "spec.paused is true: no step is taken until it is false"
        return _refusal(situation, "Paused", Blocked("any step", BlockReason.PAUSED, message))
    asked, record = cluster.spec.version, situation.record
    if not record.formed and record.version != asked and (why := doubtful(situation)):
        return _refusal(situation, "Blocked", Blocked(f"run etcd {asked}", BlockReason.VERSION, why))
    in_the_way = [
        stranger for stranger in situation.seen.strangers if (stranger.kind, stranger.name) in _own(situation)
    ]
    if in_the_way:
        blocked = (_stranger(situation, stranger) for stranger in in_the_way)
        return _refusal(situation, "Blocked", *blocked)
    lost = _record_lost(situation)
    return None if lost is None else _refusal(situation, "Blocked", lost)


def _record_lost(situation: Situation) -> Blocked | None:
    """What shows that the record is not what it was; None if nothing does."""
    remains = _remains(situation)
    if not situation.record.members and remains:
        message = (
            f"status.membership is gone, but {remains} of this cluster exists: "
            "put status.membership.members and status.clusterID back; nothing is started over them"
        )
        return Blocked("name the members", BlockReason.RECORD_LOST, message)
    proof = _formed_once(situation)
    if proof and not situation.record.formed:
        message = f"status.clusterID is gone, but {proof} shows that the cluster has formed: put it back"
        return Blocked("start the members", BlockReason.RECORD_LOST, message)
    return None


def _refusal(situation: Situation, action: str, *blocked: Blocked) -> Plan:
    return Plan(action, blocked[0].message, situation.record, blocked=blocked)


def _own(situation: Situation) -> frozenset[tuple[str, str]]:
    """Kind and name of each object that the cluster must have for itself."""
    identity, members = situation.identity, situation.record.present
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
