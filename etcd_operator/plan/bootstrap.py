"""From nothing to a formed cluster: names first, all members at once, and a way back until the cluster has formed.

*Formed* means that a linearizable member list has succeeded: a quorum of the first members agreed on something. Until
then no client could reach the cluster (the client Service selects members that were admitted, members.py), so a first
start that went wrong may be given up with everything it made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import running_version
from etcd_operator.observation import Leaver, Record, Unknown
from etcd_operator.plan.model import Plan
from etcd_operator.plan.volumes import waits_in_vain
from etcd_operator.resources.names import peer_url

if TYPE_CHECKING:
    from etcd_operator.plan.situation import Situation


def name_members(situation: Situation) -> Plan | None:
    """Record the names of the first members; anew while the cluster has not formed and other ones are asked for."""
    record, size = situation.record, situation.spec.replicas
    in_vain = any(waits_in_vain(situation, name) for name in record.members)
    if record.formed or (len(record.members) == size and not in_vain):
        return None
    names = situation.fresh_names(size)
    given_up = tuple(Leaver(member, keep_claim=False) for member in record.members)
    version = situation.seen.cluster.spec.version
    fresh = Record(members=names, left=(*record.left, *given_up), version=version, oldest_log=version)
    why = f"the first members are {', '.join(names)}"
    if record.members:
        others = "other volumes" if in_vain else f"{size} members"
        why = f"{others} are asked for before the cluster of {len(record.members)} formed: starting over; {why}"
    return Plan("NameMembers", why, fresh, wake_after=0)


def record_formation(situation: Situation) -> Plan | None:
    """Latch the cluster ID, once and for ever, when a quorum answers with exactly the members that were named."""
    record, agreed = situation.record, situation.seen.etcd.members
    if record.formed or isinstance(agreed, Unknown):
        return None
    named = {peer_url(situation.identity, member, situation.spec.tls) for member in record.members}
    if {url for member in agreed.members for url in member.peer_urls} != named:
        return None
    why = f"the members agree on cluster {agreed.cluster_id:x}"
    formed = replace(record, cluster_id=agreed.cluster_id, version=_formed_with(situation), former=None)
    return Plan("RecordFormation", why, formed, wake_after=0)


def _formed_with(situation: Situation) -> str | None:
    """The version with which the members formed: where another one was accepted meanwhile, a way must lead to that."""
    views = situation.seen.etcd.views.values()
    running = [running_version(view.status.version) for view in views if not isinstance(view.status, Unknown)]
    return str(min(running)) if running else situation.record.version
