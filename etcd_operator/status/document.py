"""The whole status of one moment.

It holds no number that moves by itself (revisions, sizes): those are metrics. A stable cluster has a stable status,
which is therefore never written again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import OnDelete
from etcd_operator.api.conditions import Phase
from etcd_operator.etcd.errors import hex_id
from etcd_operator.observation import Unknown
from etcd_operator.resources.names import Identity, cluster_endpoint
from etcd_operator.resources.ownership import CLUSTER_UID, ROLE, VOTER
from etcd_operator.resources.quantity import quantity
from etcd_operator.resources.tuning import choices, warning
from etcd_operator.status.conditions import conditions, shortcoming
from etcd_operator.status.health import health, is_asleep, member_phase, members
from etcd_operator.status.memory import of_all, of_member
from etcd_operator.status.moment import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.api.cluster import Json
    from etcd_operator.etcd.client import Member
    from etcd_operator.observation import Observation, Record
    from etcd_operator.plan.model import Blocked, Plan
    from etcd_operator.status.health import Health
    from etcd_operator.status.memory import Memory


def build(seen: Observation, plan: Plan, *, blocked: tuple[Blocked, ...], memory: Memory) -> Json:
    """The whole status for this moment; equal to the one that stands if nothing has changed.

    `blocked` are the refusals of this pass: the plan's own, and the steps that were refused. `memory` is what members
    last said, which is told while no quorum serves.
    """
    cluster, record, state = seen.cluster, plan.record, health(seen)
    identity = Identity(cluster.meta.name, cluster.namespace, cluster.meta.uid)
    told = "lastSeen" in cluster.status and state.quorate is None
    lost = record.formed and not is_asleep(seen, state) and (state.quorate is False or told)
    entries = [_member(seen, name, listed) for name, listed in members(seen)]
    if lost:
        entries = [_with_last_sight(entry, cluster.status, memory) for entry in entries]
    leader = next((entry["name"] for entry in entries if entry.get("leader")), None)
    phase = _phase(seen, state)
    status: Json = {
        "observedGeneration": cluster.generation,
        "replicas": sum(1 for entry in entries if "role" in entry or entry["name"] not in record.joining),
        "readyReplicas": state.healthy,
        "ready": f"{state.healthy}/{cluster.spec.replicas}",
        "selector": f"{CLUSTER_UID}={cluster.meta.uid},{ROLE}={VOTER}",
        "version": _version(seen),
        "clusterID": hex_id(record.cluster_id) if record.cluster_id is not None else None,
        "leader": leader,
        "endpoints": cluster_endpoint(identity, cluster.spec.tls),
        "clientService": identity.client_service,
        "clientSecret": identity.client_secret,
        "onDelete": _on_delete(seen),
        "storage": quantity(max(volumes)) if (volumes := _volumes(seen, record)) else None,
        "tuning": _tuning(seen, record),
        "warning": warning(cluster.spec),
        "lastSeen": of_all(memory, cluster.status) if lost else None,
        "membership": _membership(record),
        "members": entries,
        "phase": phase,
        "plan": _plan(cluster.status.get("plan", {}), plan, blocked, at=seen.at),
        "conditions": conditions(seen, plan, state, blocked),
    }
    return {key: value for key, value in status.items() if value is not None}


def _membership(record: Record) -> Json:
    said: Json = {"members": list(record.members)}
    if record.version is not None:
        said["version"] = record.version
    if record.former is not None:
        said["formerVersion"] = record.former
    if record.oldest_log is not None:
        said["oldestLog"] = record.oldest_log
    if record.snapshots:
        said["snapshots"] = True
    if record.joining:
        said["joining"] = list(record.joining)
    if (leaving := record.removing) is not None:
        said["removing"] = {"member": leaving.member, "cause": str(leaving.cause), "reason": leaving.reason}
    if record.suspects:
        said["suspects"] = [{"member": suspect.member, "podUID": suspect.pod_uid} for suspect in record.suspects]
    if record.left:
        said["left"] = [{"member": leaver.member, "keepClaim": leaver.keep_claim} for leaver in record.left]
    return said


def _with_last_sight(entry: Json, told: Json, memory: Memory) -> Json:
    before: Json = next((old for old in told.get("members", ()) if old["name"] == entry["name"]), {})
    sight = of_member(memory, entry["name"], before)
    return entry if sight is None else {**entry, "lastSeen": sight}


def patch(old: Json, new: Json) -> Json:
    """The merge patch (RFC 7396) that turns `old` into `new`, at every depth; empty when nothing has changed."""
    changes: Json = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if deeper := patch(before, value):
                changes[key] = deeper
        elif value != before or key not in old:
            changes[key] = value
    return changes


def _member(seen: Observation, name: str, listed: Member | None) -> Json:
    view = seen.etcd.views.get(name)
    status = None if view is None or isinstance(view.status, Unknown) else view.status
    phase, reason = member_phase(seen, name)
    member: Json = {"name": name, "phase": phase}
    if listed is not None:
        member |= {"id": hex_id(listed.id), "role": "Learner" if listed.is_learner else "Voter"}
    if status is not None:
        member |= {"version": status.version, "leader": status.leader_id == status.member_id}
    if node := _node_of(seen, name):
        member["node"] = node
    if reason:
        member["reason"] = reason
    return member


def _node_of(seen: Observation, name: str) -> str | None:
    """The node of the member's Pod, or of its last one that had any, unless all members were told to stop."""
    pod = seen.pods.get(name)
    last = seen.cluster.last_nodes.get(name) if seen.cluster.spec.replicas else None
    return (pod.node if pod is not None else None) or last


def _version(seen: Observation) -> str | None:
    """The lowest version that a member runs, which decides what the cluster can do; else the last known."""
    running = [view.status.version for view in seen.etcd.views.values() if not isinstance(view.status, Unknown)]
    last: str | None = seen.cluster.status.get("version")
    return min(running, key=_numbers, default=last)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _on_delete(seen: Observation) -> OnDelete | None:
    """The policy in force: what Kubernetes will do with the claims as they are now."""
    if not seen.claims:
        return None
    owned = all(claim.meta.owner == seen.cluster.meta.uid for claim in seen.claims.values())
    return OnDelete.DELETE if owned else OnDelete.RETAIN


def _volumes(seen: Observation, record: Record) -> list[int]:
    """What the members' volumes hold, in bytes."""
    claims = (seen.claims.get(name) for name in record.members)
    return [claim.capacity for claim in claims if claim is not None and claim.capacity is not None]


def _tuning(seen: Observation, record: Record) -> list[Json]:
    """What the operator chose, for the version in force and the smallest volume of a member."""
    spec = seen.cluster.spec
    storage = replace(spec.storage, holds=min(_volumes(seen, record), default=None))
    in_force = replace(spec, version=record.version or spec.version, storage=storage)
    return [{"setting": choice.setting, "value": choice.value, "reason": choice.reason} for choice in choices(in_force)]


def _phase(seen: Observation, state: Health) -> Phase:
    cluster = seen.cluster
    if cluster.meta.deleting:
        return Phase.DELETING
    if cluster.spec.paused:
        return Phase.PAUSED
    if is_asleep(seen, state):
        return Phase.HIBERNATED
    return _by_quorum(seen, state) if cluster.record.formed else Phase.CREATING


def _by_quorum(seen: Observation, state: Health) -> Phase:
    if state.quorate is None:
        return Phase.UNKNOWN
    if not state.quorate:
        return Phase.NO_QUORUM
    return Phase.RUNNING if shortcoming(seen, state) is None else Phase.DEGRADED


def _plan(old: Json, plan: Plan, blocked: tuple[Blocked, ...], *, at: datetime) -> Json:
    same = old.get("action") == plan.action
    return {
        "action": plan.action,
        "reason": plan.reason,
        "since": old["since"] if same and "since" in old else timestamp(at),
        "blocked": [
            {"action": block.action, "reason": str(block.reason), "message": block.message} for block in blocked
        ],
    }
