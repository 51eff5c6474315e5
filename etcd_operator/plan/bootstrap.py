"""From nothing to a formed cluster: names first, all members at once, and a way back until the cluster has formed.

*Formed* means that a linearizable member list has succeeded: a quorum of the first members agreed on something. Until
then no client could reach the cluster (the client Service selects members that were admitted, members.py), so a first
start that went wrong may be given up with everything it made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.observation import Record, Unknown
from etcd_operator.plan.model import Delete, Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import peer_url
from etcd_operator.resources.ownership import MEMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation


def name_members(situation: Situation) -> Plan | None:
    """Record the names of the first members; anew while the cluster has not formed and another size is asked for."""
    record, size = situation.record, situation.spec.replicas
    if record.formed or len(record.members) == size:
        return None
    names = situation.fresh_names(size)
    fresh = Record(members=names, abandoned=(*record.abandoned, *record.members))
    why = f"the first members are {', '.join(names)}"
    if record.members:
        why = f"{size} members are asked for before the cluster of {len(record.members)} formed: starting over; {why}"
    return Plan("NameMembers", why, fresh, wake_after=0)


def take_away(situation: Situation) -> Plan | None:
    """Delete what a given-up first start has made: each Pod first, its claim when no process can write to it.

    That includes what a call made that came late, of members that nobody names any more.
    """
    record = situation.record
    given_up = (*record.abandoned, *_unnamed(situation))
    steps = tuple(step for member in given_up for step in _taking_away(situation, member))
    if steps:
        return Plan("StartOver", "taking away the members of the first start that was given up", record, steps)
    left = tuple(member for member in record.abandoned if _remains(situation, member))
    if left != record.abandoned:
        return Plan("StartOver", "the given-up members are gone", replace(record, abandoned=left), wake_after=0)
    return None


def _unnamed(situation: Situation) -> list[str]:
    """Members with objects but without a name in the record; never one with data, which only a bound claim can have."""
    seen, record = situation.seen, situation.record
    labelled = {
        view.meta.labels[MEMBER]
        for objects in (seen.pods, seen.claims, seen.services, seen.secrets)
        for view in objects.values()
        if MEMBER in view.meta.labels
    }
    with_data = {claim.member for claim in seen.claims.values() if claim.bound}
    return sorted(labelled - with_data - {*record.members, *record.abandoned})


def _remains(situation: Situation, member: str) -> bool:
    seen = situation.seen
    return any(member in objects for objects in (seen.pods, seen.claims, seen.services, seen.secrets))


def _taking_away(situation: Situation, member: str) -> Iterator[Step]:
    seen, why = situation.seen, f"{member} was given up before the cluster formed"
    if pod := seen.pods.get(member):
        if not pod.meta.deleting:
            yield Delete(Kind.POD, pod.meta, why)
        return
    for kind, objects in ((Kind.CLAIM, seen.claims), (Kind.SERVICE, seen.services), (Kind.SECRET, seen.secrets)):
        found = objects.get(member)
        if found is not None and not found.meta.deleting:
            yield Delete(kind, found.meta, why)


def record_formation(situation: Situation) -> Plan | None:
    """Latch the cluster ID, once and for ever, when a quorum answers with exactly the members that were named."""
    record, agreed = situation.record, situation.seen.etcd.members
    if record.formed or isinstance(agreed, Unknown):
        return None
    named = {peer_url(situation.identity, member, situation.spec.tls) for member in record.members}
    if {url for member in agreed.members for url in member.peer_urls} != named:
        return None
    why = f"the members agree on cluster {agreed.cluster_id:x}"
    return Plan("RecordFormation", why, replace(record, cluster_id=agreed.cluster_id), wake_after=0)
