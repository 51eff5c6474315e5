"""`replicas: 0` stops every member and keeps all that they have: a cluster that sleeps costs its volumes and no more.

Nothing is decided about the members meanwhile: who joins and who leaves stands in the record, and goes on when they are
started again. They start as after a power cut, each on its own data or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.plan.bootstrap import record_formation
from etcd_operator.plan.foundations import own_claims
from etcd_operator.plan.model import Delete, Plan
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
    stopping = tuple(
        Delete(Kind.POD, pod.meta, f"replicas is 0: {pod.meta.name} stops") for pod in pods if not pod.meta.deleting
    )
    if stopping:
        return Plan("Hibernate", "replicas is 0: all members stop, and every volume is kept", record, stopping)
    if pods:
        return Plan("Hibernate", f"waiting for {', '.join(sorted(situation.seen.pods))} to stop", record)
    words = "replicas is 0: no member runs, and every volume is kept"
    return own_claims(situation) or Plan("Hibernated", words, record)
