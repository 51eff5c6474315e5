"""What must be there before the first process asks for it: authorities, Services, the budget and the claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import OnDelete
from etcd_operator.etcd.quorum import quorum
from etcd_operator.plan.changes import promotable
from etcd_operator.plan.credentials import authorities, may_make_authority, permitted
from etcd_operator.plan.model import Create, CreateAuthority, Delete, Patch, Plan
from etcd_operator.resources.budget import budget_selector, disruption_budget
from etcd_operator.resources.claim import member_claim
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import cluster_labels, owner_reference
from etcd_operator.resources.services import client_service, member_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etcd_operator.api.cluster import Json
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation


def lay(situation: Situation) -> Plan | None:
    """Create what is missing of it, all at once, and put right what somebody edited.

    A Service exists before its member's Pod, so that no resolver ever learns that its name does not exist
    (etcd-rules.md §7). A claim is created only for a member that may start on an empty volume: for any other it would
    stand in for data that is lost. An authority is made only before the first process trusts one.
    """
    record = situation.record
    steps = (*_missing(situation), *_wrong_services(situation), *_wrong_budget(situation))
    return Plan("LayFoundations", f"writing {len(steps)} objects that members need", record, steps) if steps else None


def is_void(situation: Situation, member: str) -> bool:
    """Whether Kubernetes lost the volume of a member that never started: nothing was on it."""
    claim = situation.seen.claims.get(member)
    return claim is not None and claim.lost and permitted(situation, member)


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
        if name not in seen.secrets and may_make_authority(situation):
            yield CreateAuthority(name, name, cluster_labels(identity), "the cluster's own authority")
    if identity.client_service not in seen.services:
        yield Create(Kind.SERVICE, identity.client_service, client_service(identity), "what applications connect to")
    if identity.disruption_budget not in seen.budgets:
        budget = disruption_budget(identity, voters=_voters(situation) or len(situation.record.members))
        yield Create(Kind.BUDGET, identity.disruption_budget, budget, "no drain may take the quorum away")
    for member in situation.record.present:
        if member not in seen.services:
            yield Create(Kind.SERVICE, member, member_service(identity, member), f"the stable address of {member}")
        if member not in seen.claims and permitted(situation, member):
            yield Create(Kind.CLAIM, member, member_claim(identity, member, spec.storage), f"the data of {member}")
        claim = seen.claims.get(member)
        if claim is not None and is_void(situation, member) and member not in seen.pods and not claim.meta.deleting:
            yield Delete(Kind.CLAIM, claim.meta, f"the volume of {member} is gone, and nothing was on it yet")


def _wrong_services(situation: Situation) -> Iterator[Step]:
    """Each Service leads to whom it is for; its type and what else users add to it is theirs."""
    identity = situation.identity
    wanted = {identity.client_service: client_service(identity)}
    wanted |= {member: member_service(identity, member) for member in situation.record.present}
    for name, body in wanted.items():
        service = situation.seen.services.get(name)
        if service is not None and (patch := _redirected(service.spec, body["spec"])):
            yield Patch(Kind.SERVICE, service.meta, {"spec": patch}, f"it led elsewhere: wrong {', '.join(patch)}")


def _redirected(present: Json, wanted: Json) -> Json:
    """The merge patch that makes a Service lead to the Pods and ports that are wanted, and to no others' Pods."""
    patch: Json = {}
    if present.get("selector", {}) != wanted["selector"]:
        patch["selector"] = _instead(present.get("selector", {}), wanted["selector"])
    if not all(any(port.items() <= found.items() for found in present.get("ports", ())) for port in wanted["ports"]):
        patch["ports"] = _with_ports(present.get("ports", ()), wanted["ports"])
    unready = wanted.get("publishNotReadyAddresses", False)
    if present.get("publishNotReadyAddresses", False) != unready:
        patch["publishNotReadyAddresses"] = unready
    return patch


def _with_ports(present: Iterable[Json], wanted: Iterable[Json]) -> list[Json]:
    """The ports that are wanted with what users say of them besides, and the users' own that are not in the way."""
    named = {port.get("name"): port for port in present}
    ours = [{**named.get(port["name"], {}), **port} for port in wanted]
    names, taken = {port["name"] for port in ours}, {(port["port"], port["protocol"]) for port in ours}
    theirs = (port for name, port in named.items() if name not in names)
    return [*ours, *(port for port in theirs if (port["port"], port.get("protocol", "TCP")) not in taken)]


def _wrong_budget(situation: Situation) -> Iterator[Step]:
    """The budget counts etcd's own voters; the next one before it votes, and one that left only when it is gone."""
    identity, voters = situation.identity, _voters(situation)
    budget = situation.seen.budgets.get(identity.disruption_budget)
    if budget is None:
        return
    patch: Json = {}
    reasons: list[str] = []
    if voters is not None and budget.min_available != quorum(voters):
        patch |= {"minAvailable": quorum(voters), "maxUnavailable": None}
        reasons.append(f"the quorum of {voters} is {quorum(voters)}")
    selector = budget_selector(identity)
    if budget.selector != selector:
        patch["selector"] = _instead(budget.selector, selector)
        reasons.append("it counted other Pods")
    if patch:
        yield Patch(Kind.BUDGET, budget.meta, {"spec": patch}, ", ".join(reasons))


def _instead(present: Json, wanted: Json) -> Json:
    """The merge patch after which an object has what is wanted and nothing else."""
    patch: Json = dict.fromkeys(present.keys() - wanted.keys())
    for key, value in wanted.items():
        patch[key] = _instead(present.get(key) or {}, value) if isinstance(value, dict) else value
    return patch


def _voters(situation: Situation) -> int | None:
    """How many members vote, or will in a moment; None while etcd cannot be asked."""
    if not situation.record.formed:
        return len(situation.record.members)
    listed = situation.membership
    if listed is None:
        return None
    return listed.size + (1 if promotable(situation, listed) is not None else 0)
