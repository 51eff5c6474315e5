"""Why something is not done: what keeps a member from getting on, and what the quorum forbids, with the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import Resize
from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.errors import hex_id
from etcd_operator.etcd.quorum import may_remove_dead, needed_to_add, quorum
from etcd_operator.observation import Cause, Unknown
from etcd_operator.plan.bootstrap import record_formation
from etcd_operator.plan.credentials import lost_authorities, permitted
from etcd_operator.plan.loss import loss
from etcd_operator.plan.model import Blocked
from etcd_operator.plan.placement import cheapest_to_lose, may_leave
from etcd_operator.plan.rollout import too_large_database
from etcd_operator.plan.upgrade import refusal
from etcd_operator.plan.volumes import unfit
from etcd_operator.resources.names import peer_url
from etcd_operator.resources.quantity import quantity, whole_number
from etcd_operator.resources.tuning import too_small_for_quota, tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.etcd.client import MemberList
    from etcd_operator.observation import Claim
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.situation import Situation

_REASON = {
    Cause.UNSCHEDULABLE: BlockReason.UNSCHEDULABLE,
    Cause.IMAGE: BlockReason.IMAGE,
    Cause.DATA_LOST: BlockReason.DATA_LOST,
    Cause.DATA_DAMAGED: BlockReason.DATA_DAMAGED,
    Cause.START_REFUSED: BlockReason.START_REFUSED,
    Cause.CRASHING: BlockReason.CRASHING,
    Cause.CONTAINER_CONFIG: BlockReason.CONTAINER_CONFIG,
    Cause.STORAGE: BlockReason.STORAGE,
    Cause.NODE: BlockReason.NODE,
}


def obstacles(situation: Situation) -> tuple[Blocked, ...]:
    """All that stands against what is asked for, the cluster's own first, then each member's in Kubernetes' words."""
    return (*_of_authorities(situation), *_of_membership(situation), *_of_members(situation))


def _of_authorities(situation: Situation) -> Iterator[Blocked]:
    for name, problem in lost_authorities(situation).items():
        message = f"Secret {name}: {problem}; put it back from a copy. Members go on with the certificates they have"
        yield Blocked("renew certificates", BlockReason.AUTHORITY_LOST, message)


def _of_membership(situation: Situation) -> Iterator[Blocked]:
    if not situation.record.members or not situation.spec.replicas:
        return
    if not situation.record.formed:
        yield from _of_formation(situation)
        return
    listed = situation.membership
    if listed is None:
        message = "no quorum of the members can be asked: none is added, removed or replaced, and no data is touched"
        yield Blocked("change the members", BlockReason.NO_QUORUM, message)
        yield from _of_version(situation, None)
        return
    if listed.foreign:
        yield _foreign(listed)
        return
    yield from _of_quorum(situation, listed)
    yield from _of_version(situation, listed)
    yield from _of_volumes(situation)
    yield from _of_quota(situation, listed)
    if isinstance(situation.seen.nodes, Unknown):
        yield from _of_nodes(situation, listed, situation.seen.nodes)


def _of_formation(situation: Situation) -> Iterator[Blocked]:
    agreed = situation.seen.etcd.members
    if isinstance(agreed, Unknown) or record_formation(situation) is not None or _is_given_up(situation, agreed):
        return
    names = ", ".join(entry.name or hex_id(entry.id) for entry in agreed.members)
    message = f"etcd lists {names}, which are not the first members: take the others out with etcdctl member remove"
    yield Blocked("record the formation", BlockReason.FOREIGN_MEMBER, message)


def _is_given_up(situation: Situation, agreed: MemberList) -> bool:
    """Whether those that answer belong to a first start that was given up: they run until they are taken away."""
    given_up = {peer_url(situation.identity, leaver.member, situation.spec.tls) for leaver in situation.record.left}
    return any(url in given_up for entry in agreed.members for url in entry.peer_urls)


def _foreign(listed: Membership) -> Blocked:
    names = ", ".join(f"{entry.name or hex_id(entry.id)} at {' '.join(entry.peer_urls)}" for entry in listed.foreign)
    first = hex_id(listed.foreign[0].id)
    message = (
        f"etcd lists a member that is not the operator's: {names}; take it out with etcdctl member remove {first}, or "
        f"put the former address of one that is ours back with etcdctl member update {first}"
    )
    return Blocked("change the members", BlockReason.FOREIGN_MEMBER, message)


def _of_quorum(situation: Situation, listed: Membership) -> Iterator[Blocked]:
    """The changes that would be made if more voters were healthy."""
    record, healthy = situation.record, len(listed.healthy)
    numbers = f"{healthy} of {listed.size} voters healthy, quorum is {quorum(listed.size)}"
    waiting = f"waiting for {', '.join(name for name in listed.voters if name not in listed.healthy) or 'others'}"
    leaver = _leaver(situation, listed)
    if leaver is not None and not may_leave(listed, leaver):
        yield Blocked(f"remove {leaver}", BlockReason.QUORUM, f"would remove {leaver}: {numbers}; {waiting}")
    elif (
        record.joining
        and not listed.learners
        and record.removing is None
        and len(listed.staying) < needed_to_add(listed.size)
    ):
        message = f"would add {record.joining[0]}: {numbers}, and adding takes {needed_to_add(listed.size)}; {waiting}"
        yield Blocked(f"add {record.joining[0]}", BlockReason.QUORUM, message)


def _of_version(situation: Situation, listed: Membership | None) -> Iterator[Blocked]:
    asked, accepted = situation.seen.cluster.spec.version, situation.record.version
    if accepted is None or accepted == asked:
        return
    if why := refusal(situation, listed):
        yield Blocked(f"run etcd {asked}", BlockReason.VERSION, f"etcd {accepted} stays: {why}")


def _of_volumes(situation: Situation) -> Iterator[Blocked]:
    if situation.spec.storage.resize is Resize.REPLACE:
        return
    for member in situation.record.members:
        if why := unfit(situation, member):
            way = "write storage.resize: Replace to have such members replaced one by one, or the former value"
            keeps = f"{member} keeps its volume"
            if too_small_for_quota(situation.spec_of(member)):
                keeps += f" and its quota, for {situation.spec.etcd.quota} has no room there"
            yield Blocked(f"resize {member}", BlockReason.RESIZE, f"{keeps}: {why}; {way}")


def _of_quota(situation: Situation, listed: Membership) -> Iterator[Blocked]:
    """Whom the spec would give a quota that the database has outgrown."""
    for member in situation.record.members:
        pod, size = situation.seen.pods.get(member), too_large_database(situation, listed, member)
        if size is not None and pod is not None and situation.outdated(pod):
            asked = quantity(tuning(situation.spec_of(member)).quota)
            why = f"its quota would be {asked}, and the database has {quantity(size)}: no member would take writes"
            way = "write a larger etcd.quota, or a larger memory limit or volume where it follows from these"
            yield Blocked(f"make {member} anew", BlockReason.QUOTA, f"{why}; {way}")


def _leaver(situation: Situation, listed: Membership) -> str | None:
    """The member that is to leave, or would be if a quorum allowed it."""
    record = situation.record
    if record.removing is not None:
        return record.removing.member
    if len(record.members) > situation.spec.replicas:
        return cheapest_to_lose(situation, listed)
    if may_remove_dead(listed.size, len(listed.healthy)):
        return None
    return next((name for name in record.members if _is_due(situation, name)), None)


def _is_due(situation: Situation, member: str) -> bool:
    lost = loss(situation, member)
    return lost is not None and lost.due(situation.seen.at)


def _of_nodes(situation: Situation, listed: Membership, nodes: Unknown) -> Iterator[Blocked]:
    silent = [name for name in situation.record.members if name not in listed.healthy and _runs(situation, name)]
    if silent:
        message = f"{', '.join(silent)} may be on a lost node, and the operator may not read nodes: {nodes.reason}"
        yield Blocked(f"replace {silent[0]}", BlockReason.NODES_FORBIDDEN, message)


def _runs(situation: Situation, member: str) -> bool:
    pod = situation.seen.pods.get(member)
    return pod is not None and pod.running and pod.problem is None


def _of_members(situation: Situation) -> Iterator[Blocked]:
    leaving = situation.record.removing
    for member in situation.record.present:
        if leaving is None or member != leaving.member:
            yield from _of_member(situation, member)


def _suffices(situation: Situation, claim: Claim) -> bool:
    """Whether a volume that does not grow has as much as is asked for by now."""
    return claim.grows and (claim.capacity or 0) >= whole_number(situation.spec.storage.size)


def _of_member(situation: Situation, member: str) -> Iterator[Blocked]:
    pod, claim = situation.seen.pods.get(member), situation.seen.claims.get(member)
    newcomer = member in situation.record.joining
    action, out = f"start {member}", "it stays out of the cluster, for it would forget what it acknowledged"
    if claim is None and not newcomer and not permitted(situation, member):
        yield Blocked(action, BlockReason.DATA_LOST, f"claim {member} is gone, and with it this member's data; {out}")
    elif pod is not None and pod.problem is not None and pod.problem.cause in {Cause.DATA_LOST, Cause.DATA_DAMAGED}:
        yield Blocked(action, _REASON[pod.problem.cause], f"{pod.problem.message}; {out}")
    elif claim is not None and claim.problem is not None and not _suffices(situation, claim):
        # What keeps a claim from being bound also keeps the Pod from being scheduled; the claim has the cause.
        what = f"expand {member}" if claim.grows else action
        yield Blocked(what, _REASON[claim.problem.cause], f"claim {member}: {claim.problem.message}")
    elif pod is not None and pod.problem is not None:
        yield Blocked(action, _REASON[pod.problem.cause], pod.problem.message)
    if claim is not None and claim.meta.deleting and situation.record.formed:
        message = f"claim {member} is being deleted; its data goes when the Pod ends: copy it now, if it is needed"
        yield Blocked(f"keep {member}", BlockReason.DATA_LOST, message)
