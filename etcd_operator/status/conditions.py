"""The conditions, with standard Kubernetes semantics: `Unknown` when the operator could not ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import duration_text
from etcd_operator.api.conditions import ConditionType, Reason
from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Unknown
from etcd_operator.status.health import NO_SPACE, alarms, is_asleep, member_phase, members
from etcd_operator.status.moment import timestamp

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation
    from etcd_operator.plan.model import Blocked, Plan
    from etcd_operator.status.health import Health

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
RESTING = frozenset({"Stable", "Blocked", "Paused", "Deleting", "Hibernated", "AwaitMembers", "AwaitNode"})
"""Plans that wait for nothing that goes on by itself."""

NOT_FORMED = "the first members have not formed a cluster yet"
CANNOT_ASK = "no member answers the operator"
HIBERNATED = "spec.replicas is 0: no member runs, and every volume is kept"


@dataclass(frozen=True, slots=True)
class _Finding:
    """A condition before it has a time."""

    type: ConditionType
    status: str
    reason: str
    message: str


def conditions(seen: Observation, plan: Plan, state: Health, blocked: tuple[Blocked, ...]) -> list[Json]:
    """Every condition of this moment; a transition time moves only with the status of its condition."""
    old = {condition["type"]: condition for condition in seen.cluster.status.get("conditions", ())}
    findings = (
        _available(seen, plan, state),
        _quorate(seen, plan, state),
        _progressing(plan),
        _degraded(seen, state),
        _blocked(seen, blocked),
        _node_repair(seen),
    )
    return [_condition(finding, old.get(finding.type, {}), seen) for finding in findings]


def _condition(finding: _Finding, old: Json, seen: Observation) -> Json:
    return {
        "type": str(finding.type),
        "status": finding.status,
        "reason": str(finding.reason),
        "message": finding.message,
        "observedGeneration": seen.cluster.generation,
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == finding.status else timestamp(seen.at),
    }


def _available(seen: Observation, plan: Plan, state: Health) -> _Finding:
    kind = ConditionType.AVAILABLE
    if is_asleep(seen, state):
        return _Finding(kind, FALSE, Reason.HIBERNATED, HIBERNATED)
    if not plan.record.formed:
        return _Finding(kind, FALSE, Reason.NOT_FORMED, NOT_FORMED)
    if state.quorate is None:
        return _Finding(kind, UNKNOWN, Reason.CANNOT_ASK, CANNOT_ASK)
    return _Finding(kind, *_served(seen, state))


def _served(seen: Observation, state: Health) -> tuple[str, Reason, str]:
    """Whether applications are served by a cluster that can be asked."""
    if not state.quorate:
        return FALSE, Reason.QUORUM_LOST, _counted(state)
    if not any(pod.serving and pod.ready for pod in seen.pods.values()):
        return FALSE, Reason.NO_READY_MEMBER, "no voter stands behind the client Service yet"
    if NO_SPACE in alarms(seen):
        return FALSE, Reason.ALARM, f"{_raised(NO_SPACE)}: it takes no writes but deletions"
    return TRUE, Reason.SERVING, "the client Service has a quorum behind it"


def _raised(*raised: str) -> str:
    return f"etcd has raised the alarm {', '.join(raised)}"


def _quorate(seen: Observation, plan: Plan, state: Health) -> _Finding:
    kind = ConditionType.QUORATE
    if is_asleep(seen, state):
        return _Finding(kind, FALSE, Reason.HIBERNATED, HIBERNATED)
    if not plan.record.formed:
        return _Finding(kind, FALSE, Reason.NOT_FORMED, NOT_FORMED)
    if state.quorate is None:
        return _Finding(kind, UNKNOWN, Reason.CANNOT_ASK, CANNOT_ASK)
    reason = Reason.QUORUM_HEALTHY if state.quorate else Reason.QUORUM_LOST
    return _Finding(kind, TRUE if state.quorate else FALSE, reason, _counted(state))


def _counted(state: Health) -> str:
    return f"{state.healthy} of {state.voters} voters healthy, quorum is {quorum(state.voters)}"


def _progressing(plan: Plan) -> _Finding:
    kind = ConditionType.PROGRESSING
    if plan.steps or plan.wake_after == 0:
        return _Finding(kind, TRUE, Reason.WORKING, plan.reason)
    if plan.action not in RESTING:
        return _Finding(kind, TRUE, Reason.WAITING, plan.reason)
    return _Finding(kind, FALSE, Reason.STABLE, "nothing is being changed")


def _degraded(seen: Observation, state: Health) -> _Finding:
    kind = ConditionType.DEGRADED
    if is_asleep(seen, state):
        return _Finding(kind, FALSE, Reason.HIBERNATED, HIBERNATED)
    if not seen.cluster.record.formed:
        return _Finding(kind, FALSE, Reason.NOT_FORMED, NOT_FORMED)
    if state.quorate is None:
        return _Finding(kind, UNKNOWN, Reason.CANNOT_ASK, CANNOT_ASK)
    found = shortcoming(seen, state)
    if found is None:
        return _Finding(kind, FALSE, Reason.ALL_HEALTHY, "every member is healthy")
    return _Finding(kind, TRUE, *found)


def shortcoming(seen: Observation, state: Health) -> tuple[Reason, str] | None:
    """What a cluster with a quorum lacks to be as it should, and in words; None if it lacks nothing."""
    joining, asked = seen.cluster.record.joining, seen.cluster.spec.replicas
    unhealthy = [name for name, _ in members(seen) if name not in joining and member_phase(seen, name)[0] != "Healthy"]
    if unhealthy:
        return Reason.SOME_UNHEALTHY, f"not healthy: {', '.join(sorted(unhealthy))}"
    if raised := alarms(seen):
        return Reason.ALARM, _raised(*raised)
    if state.voters < asked and state.margin == 0:
        return Reason.TOO_FEW, f"{state.voters} of {asked} members vote, and none of them may fail"
    return None


def _blocked(seen: Observation, blocked: tuple[Blocked, ...]) -> _Finding:
    kind = ConditionType.BLOCKED
    if blocked:
        first, more = blocked[0], len(blocked) - 1
        message = f"{first.action}: {first.message}" + (f" (and {more} more, see status.plan.blocked)" if more else "")
        return _Finding(kind, TRUE, first.reason, message)
    left_alone = "".join(
        f"; left alone, {whose}: {', '.join(kept)}" for whose, kept in _strangers(seen).items() if kept
    )
    return _Finding(kind, FALSE, Reason.NOT_BLOCKED, f"nothing is blocked{left_alone}")


def _strangers(seen: Observation) -> dict[str, list[str]]:
    """What carries the cluster's name and is not its own, by whose it is."""
    earlier, foreign = list[str](), list[str]()
    for stranger in seen.strangers:
        ours = stranger.cluster_uid in {"", seen.cluster.meta.uid}
        (foreign if ours else earlier).append(f"{stranger.kind} {stranger.name}")
    return {"of an earlier cluster": earlier, "not owned by this one": foreign}


def _node_repair(seen: Observation) -> _Finding:
    kind = ConditionType.NODE_REPAIR
    if isinstance(seen.nodes, Unknown):
        message = f"the operator may not read nodes, so no member of a lost node is replaced: {seen.nodes.reason}"
        return _Finding(kind, FALSE, Reason.NODES_FORBIDDEN, message)
    patience = duration_text(seen.cluster.spec.recovery.replace_after)
    message = f"the member of a node that is away for {patience} is replaced"
    return _Finding(kind, TRUE, Reason.NODES_WATCHED, message)
