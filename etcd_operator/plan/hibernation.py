"""`replicas: 0` stops every member and keeps all that they have: a cluster that sleeps costs its volumes and no more.

Nothing is decided about the members meanwhile: who joins and who leaves stands in the record, and goes on when they are
started again. They start as after a power cut, each on its own data or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.plan.bootstrap import record_formation
from etcd_operator.plan.foundations import own_claims
from etcd_operator.plan.loss import is_last_hold, node_away
from etcd_operator.plan.model import Blocked, Delete, Plan
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from etcd_operator.plan.situation import Situation


def hibernate(situation: Situation) -> Plan | None:
    """Stop all members if none are asked for; None otherwise. That the cluster has formed is recorded before."""
    if situation.seen.cluster.spec.replicas > 0:
        return None
    if formation := record_formation(situation):
        return formation
    record, pods = situation.record, situation.seen.pods.values()
    doomed = [pod.member for pod in pods if pod.lived and not pod.meta.deleting and is_last_hold(situation, pod.member)]
    if doomed:
        return _refusal(situation, doomed)
    stopping = tuple(
        Delete(Kind.POD, pod.meta, f"replicas is 0: {pod.meta.name} stops") for pod in pods if not pod.meta.deleting
    )
    if stopping:
        return Plan("Hibernate", "replicas is 0: all members stop, and every volume is kept", record, stopping)
    return own_claims(situation) or _rest(situation)


def _refusal(situation: Situation, doomed: list[str]) -> Plan:
    """Stop nobody while the end of a Pod would be that of a volume."""
    names = ", ".join(sorted(doomed))
    why = (
        f"the claim of {names} is being deleted, and its data goes when the Pod ends; copy it, or end that Pod by hand"
    )
    message = f"replicas is 0, and no member is stopped: {why}"
    return Plan(
        "Blocked", message, situation.record, blocked=(Blocked("stop all members", BlockReason.DATA_LOST, message),)
    )


def _rest(situation: Situation) -> Plan:
    """Wait for all Pods to end, and then for another wish; those on a node that is away end when it is back."""
    names = sorted(situation.seen.pods)
    if not names:
        return Plan("Hibernated", "replicas is 0: no member runs, and every volume is kept", situation.record)
    away = {name: absence.words for name in names if (absence := node_away(situation, name))}
    blocked = tuple(
        Blocked(f"stop {name}", BlockReason.NODE, f"its Pod cannot end: {words}") for name, words in away.items()
    )
    return Plan("Hibernate", f"waiting for {', '.join(names)} to stop", situation.record, blocked=blocked)
