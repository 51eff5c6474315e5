"""Takes away what members leave behind: those of a first start that was given up, and those that left etcd's list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.observation import Unknown
from etcd_operator.plan.model import Delete, Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import MEMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.observation import Leaver, Pod
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation


def take_away(situation: Situation) -> Plan | None:
    """Delete what the leavers have: each Pod first, the rest when no process is left that could write to its claim.

    Nothing is deleted of a member that etcd may still list: after the formation that needs its list, now, from a
    quorum. Objects of members that nobody names go as well: a call that came late made them.
    """
    record = situation.record
    steps = [step for leaver in record.left if _is_out(situation, leaver.member) for step in _taking(situation, leaver)]
    steps += [step for member in _unnamed(situation) for step in _taking_unnamed(situation, member)]
    if steps:
        return Plan("TakeAway", f"taking away what {_names(steps)} left", record, tuple(steps))
    remaining = tuple(leaver for leaver in record.left if _remains(situation, leaver))
    if remaining != record.left:
        gone = ", ".join(leaver.member for leaver in record.left if leaver not in remaining)
        return Plan("TakeAway", f"nothing is left of {gone}", replace(record, left=remaining), wake_after=0)
    if record.left:
        waiting = ", ".join(leaver.member for leaver in record.left)
        return Plan("TakeAway", f"waiting until nothing is left of {waiting}", record)
    return None


def _names(steps: list[Step]) -> str:
    return ", ".join(sorted({step.name for step in steps if isinstance(step, Delete)}))


def _is_out(situation: Situation, member: str) -> bool:
    """Whether etcd's own list is known not to have the member; nobody has a list before the cluster has formed."""
    if not situation.record.formed:
        return True
    listed = situation.membership
    return listed is not None and situation.listed(member) is None


def _unnamed(situation: Situation) -> list[str]:
    """Members with objects but without a name in the record; never one with data, which only a bound claim can have."""
    seen, record = situation.seen, situation.record
    labelled = {
        view.meta.labels[MEMBER]
        for objects in (seen.pods, seen.claims, seen.services, seen.secrets)
        for view in objects.values()
        if MEMBER in view.meta.labels
    }
    with_data = {claim.member for claim in seen.claims.values() if claim.bound or claim.lost}
    named = {*record.present, *(leaver.member for leaver in record.left)}
    return [name for name in sorted(labelled - with_data - named) if _is_out(situation, name)]


def _remains(situation: Situation, leaver: Leaver) -> bool:
    seen, member = situation.seen, leaver.member
    claimed = member in seen.claims and not leaver.keep_claim
    listed = situation.record.formed and (
        isinstance(seen.etcd.members, Unknown) or situation.listed(member) is not None
    )
    return claimed or listed or any(member in objects for objects in (seen.pods, seen.services, seen.secrets))


def _taking(situation: Situation, leaver: Leaver) -> Iterator[Step]:
    return _deletions(situation, leaver.member, f"{leaver.member} has left", keep_claim=leaver.keep_claim)


def _taking_unnamed(situation: Situation, member: str) -> Iterator[Step]:
    return _deletions(situation, member, f"nobody names {member}", keep_claim=False)


def _deletions(situation: Situation, member: str, why: str, *, keep_claim: bool) -> Iterator[Step]:
    seen = situation.seen
    if pod := seen.pods.get(member):
        away = _node_is_away(situation, pod)
        if not pod.meta.deleting or (away and not pod.meta.ending):
            yield Delete(Kind.POD, pod.meta, why, grace=0 if away else None)
        return
    claims = {} if keep_claim else seen.claims
    for kind, objects in ((Kind.CLAIM, claims), (Kind.SERVICE, seen.services), (Kind.SECRET, seen.secrets)):
        found = objects.get(member)
        if found is not None and not found.meta.deleting:
            yield Delete(kind, found.meta, why)


def _node_is_away(situation: Situation, pod: Pod) -> bool:
    """Whether nobody on the Pod's node can say that its processes have ended; its member has left, so none counts."""
    nodes = situation.seen.nodes
    if pod.node is None or isinstance(nodes, Unknown):
        return False
    node = nodes.get(pod.node)
    return node is not None and not node.ready
