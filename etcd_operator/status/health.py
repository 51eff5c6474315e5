"""How a cluster is, as etcd itself answers: never from the phase of a Pod."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import hex_id
from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Unknown
from etcd_operator.resources.names import Identity, member_of

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Member
    from etcd_operator.observation import Observation


@dataclass(frozen=True, slots=True)
class Health:
    """How many voters there are, and how many of them serve linearizable reads now.

    `agreed` is whether a quorum agreed on something just now, which needs only one member that can be asked. `asked` is
    whether the opposite may be concluded otherwise: somebody answered, or Kubernetes itself says that too few run.
    """

    voters: int
    healthy: int
    agreed: bool
    asked: bool

    @property
    def quorate(self) -> bool | None:
        """Whether a quorum serves; None when that could not be asked."""
        if self.agreed:
            return True
        return False if self.asked else None

    @property
    def margin(self) -> int:
        """How many more voters may fail before the quorum is lost; negative when it is."""
        return self.healthy - quorum(self.voters)


def health(seen: Observation) -> Health:
    """The cluster's health as etcd answers it, over the voters of its own list, or of the record without a list."""
    joining = seen.cluster.record.joining
    voters = [
        name
        for name, listed in members(seen)
        if (listed is None and name not in joining) or (listed is not None and not listed.is_learner)
    ]
    views = seen.etcd.views
    healthy = sum(1 for name in voters if _serves(seen, name))
    answered = any(not isinstance(view.status, Unknown) for view in views.values())
    running = sum(1 for name in voters if (pod := seen.pods.get(name)) is not None and pod.running)
    agreed = not isinstance(seen.etcd.members, Unknown)
    return Health(len(voters), healthy, agreed=agreed, asked=answered or running < quorum(len(voters)))


NO_SPACE = "NOSPACE"

_ALARM = re.compile(r"alarm:(\w+)")
"""How etcd names one in the errors of its status (api/etcdserverpb, AlarmMember)."""


def alarms(seen: Observation) -> tuple[str, ...]:
    """The alarms that members say are raised, such as "NOSPACE"."""
    statuses = [view.status for view in seen.etcd.views.values() if not isinstance(view.status, Unknown)]
    return tuple(sorted({name for status in statuses for error in status.errors for name in _ALARM.findall(error)}))


def is_asleep(seen: Observation, state: Health) -> bool:
    """Whether no quorum serves because no members are asked for."""
    stops = all(pod.meta.deleting for pod in seen.pods.values())
    return not seen.cluster.spec.replicas and (state.quorate is False or (stops and not state.quorate))


def members(seen: Observation) -> list[tuple[str, Member | None]]:
    """Each member by name, with etcd's own entry, and newcomers without one; without a list all that were recorded."""
    cluster = seen.cluster
    identity = Identity(cluster.meta.name, cluster.namespace, cluster.meta.uid)
    if isinstance(seen.etcd.members, Unknown):
        return [(name, None) for name in cluster.record.present]
    entries: dict[str, Member | None] = {
        member_of(identity, entry.peer_urls, cluster.spec.tls) or entry.name or hex_id(entry.id): entry
        for entry in seen.etcd.members.members
    }
    return [*entries.items(), *((name, None) for name in cluster.record.joining if name not in entries)]


def member_phase(seen: Observation, name: str) -> tuple[str, str]:
    """What a member does, and why it does not serve."""
    pod, view = seen.pods.get(name), seen.etcd.views.get(name)
    if _serves(seen, name):
        return "Healthy", ""
    if name in seen.cluster.record.joining:
        return _newcomer_phase(seen, name)
    if pod is None or not pod.running or pod.problem is not None:
        return _without_process(seen, name)
    if view is None:
        return "Unknown", "not asked: the operator has no client certificate yet"
    if view.takes_part and isinstance(view.status, Unknown):
        return "Starting", "it takes part, and serves no clients yet"
    answer = view.status if isinstance(view.status, Unknown) else view.agreed
    return "Unhealthy", answer.reason if isinstance(answer, Unknown) else "it answers as another member"


def _serves(seen: Observation, name: str) -> bool:
    """Whether the member serves linearizable reads, as the member that etcd lists under this name."""
    view = seen.etcd.views.get(name)
    if view is None or not view.healthy or isinstance(view.status, Unknown):
        return False
    listed = next((entry for member, entry in members(seen) if member == name), None)
    return listed is None or listed.id == view.status.member_id


def _without_process(seen: Observation, name: str) -> tuple[str, str]:
    pod, deserted = seen.pods.get(name), seen.deserted_node(name)
    if pod is None and not seen.cluster.spec.replicas:
        return "Stopped", ""
    if deserted is not None:
        return "Missing", f"no Pod while node {deserted.name} is away, where its etcd may still run"
    if pod is None:
        return "Missing", "no Pod"
    return ("Starting", "") if pod.problem is None else ("Blocked", f"{pod.problem.cause}: {pod.problem.message}")


def _newcomer_phase(seen: Observation, name: str) -> tuple[str, str]:
    """How far a newcomer has come that does not vote yet: a learner serves no linearizable reads."""
    pod = seen.pods.get(name)
    if pod is not None and pod.problem is not None:
        return "Blocked", f"{pod.problem.cause}: {pod.problem.message}"
    listed = () if isinstance(seen.etcd.members, Unknown) else seen.etcd.members.members
    identity = Identity(seen.cluster.meta.name, seen.cluster.namespace, seen.cluster.meta.uid)
    if any(member_of(identity, entry.peer_urls, seen.cluster.spec.tls) == name for entry in listed):
        return "Learning", ""
    return ("AtGate", "") if pod is not None and pod.at_gate else ("Preparing", "")


def leader_id(seen: Observation) -> int:
    """The leader that a quorum of members names; 0 while they name none or different ones."""
    named = [view.status.leader_id for view in seen.etcd.views.values() if not isinstance(view.status, Unknown)]
    best = max(set(named), key=named.count, default=0)
    return best if named.count(best) >= quorum(health(seen).voters) else 0
