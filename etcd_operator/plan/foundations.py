"""What must be there before the first process asks for it: authorities, Services, the budget and the claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import OnDelete
from etcd_operator.api.conditions import BlockReason
from etcd_operator.plan.credentials import authorities
from etcd_operator.plan.model import Blocked, Create, CreateAuthority, Patch, Plan
from etcd_operator.resources.budget import disruption_budget
from etcd_operator.resources.claim import member_claim
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import cluster_labels, owner_reference
from etcd_operator.resources.services import client_service, member_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation


def lay(situation: Situation) -> Plan | None:
    """Create what is missing of it, all at once.

    A Service exists before its member's Pod, so that no resolver ever learns that its name does not exist
    (etcd-rules.md §7). A claim is created only before the cluster has formed: afterwards it would be an empty volume
    for a member that has data to lose. An authority that is gone is never replaced by another while certificates of its
    own are in use: members would stop trusting each other one by one.
    """
    record, lost = situation.record, _lost_authorities(situation)
    if lost:
        return Plan("Blocked", lost[0].message, record, blocked=lost)
    steps = tuple(_missing(situation))
    return Plan("LayFoundations", f"creating {len(steps)} objects that members need", record, steps) if steps else None


def own_claims(situation: Situation) -> Plan | None:
    """Make the claims belong to the EtcdCluster, or to nobody, as `storage.onDelete` says: Kubernetes does the rest."""
    identity, policy = situation.identity, situation.spec.storage.on_delete
    owner = identity.uid if policy is OnDelete.DELETE else None
    references = [owner_reference(identity)] if policy is OnDelete.DELETE else []
    steps = tuple(
        Patch(Kind.CLAIM, claim.meta, {"metadata": {"ownerReferences": references}}, f"storage.onDelete is {policy}")
        for claim in situation.seen.claims.values()
        if claim.meta.owner != owner and claim.meta.owner in {None, identity.uid} and not claim.meta.deleting
    )
    return Plan("OwnClaims", f"storage.onDelete is {policy}", situation.record, steps) if steps else None


def _missing(situation: Situation) -> Iterator[Step]:
    seen, identity, spec = situation.seen, situation.identity, situation.spec
    for name in authorities(situation):
        if name not in seen.secrets:
            labels = cluster_labels(identity)
            yield CreateAuthority(name, f"{identity.namespace}/{name}", labels, "the cluster's own authority")
    if identity.client_service not in seen.services:
        yield Create(Kind.SERVICE, identity.client_service, client_service(identity), "what applications connect to")
    if identity.disruption_budget not in seen.budgets:
        budget = disruption_budget(identity, voters=len(situation.record.members))
        yield Create(Kind.BUDGET, identity.disruption_budget, budget, "no drain may take the quorum away")
    for member in situation.record.members:
        if member not in seen.services:
            yield Create(Kind.SERVICE, member, member_service(identity, member), f"the stable address of {member}")
        if member not in seen.claims and not situation.record.formed:
            yield Create(Kind.CLAIM, member, member_claim(identity, member, spec.storage), f"the data of {member}")


def _lost_authorities(situation: Situation) -> tuple[Blocked, ...]:
    secrets = situation.seen.secrets
    if not any(member in secrets for member in situation.record.members):
        return ()
    return tuple(
        Blocked(
            "renew certificates",
            BlockReason.AUTHORITY_LOST,
            f"Secret {name} is gone, and with it the key that signs certificates: put it back from a copy; "
            "members go on with the certificates they have",
        )
        for name in authorities(situation)
        if name not in secrets
    )
