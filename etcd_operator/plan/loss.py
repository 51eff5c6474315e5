"""Which members are lost for good, and on what evidence: silence alone is never any.

A member's data is certainly gone when its claim is not there, when Kubernetes calls the claim's volume lost, or when
the start check or etcd itself says so. A member's node is lost when Kubernetes has not heard of it for
`recovery.replaceAfter`, and the member does not answer either. Everything else (out of memory, no image, a full disk, a
slow machine, a cordoned node) keeps its data and is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.observation import Cause, Departure, Unknown
from etcd_operator.plan.credentials import permitted

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.observation import Node, Pod
    from etcd_operator.plan.situation import Situation

_DATA = frozenset({Cause.DATA_LOST, Cause.DATA_DAMAGED})


@dataclass(frozen=True, slots=True)
class Loss:
    """That a member is lost, why, and from when on it may be replaced."""

    cause: Departure
    reason: str
    replaceable: datetime

    def due(self, now: datetime) -> bool:
        """Whether the wait is over."""
        return self.replaceable <= now


@dataclass(frozen=True, slots=True)
class Absence:
    """Since when a member's node is away, also in words."""

    words: str
    since: datetime


def loss(situation: Situation, member: str) -> Loss | None:
    """What shows that `member` is lost; None while it answers, or may come back by itself."""
    view = situation.seen.etcd.views.get(member)
    if view is not None and (view.healthy or view.takes_part) and not _another(situation, member):
        return None
    return _data_lost(situation, member) or _node_lost(situation, member)


def is_last_hold(situation: Situation, member: str) -> bool:
    """Whether the Pod of `member` is all that keeps its data: its claim is being deleted, and goes when that ends."""
    claim = situation.seen.claims.get(member)
    return claim is not None and claim.meta.deleting


def _data_lost(situation: Situation, member: str) -> Loss | None:
    seen = situation.seen
    pod, claim = seen.pods.get(member), seen.claims.get(member)
    if permitted(situation, member) and not _is_damaged_newcomer(situation, pod):
        return None
    if claim is None:
        words = f"the claim of {member} is gone, and with it its data"
    elif claim.lost:
        words = f"Kubernetes says that the volume of claim {member} is gone"
    elif pod is not None and pod.problem is not None and pod.problem.cause in _DATA:
        words = pod.problem.message
    else:
        words = _another(situation, member)
    return Loss(Departure.DATA_LOST, words, seen.at) if words else None


def _is_damaged_newcomer(situation: Situation, pod: Pod | None) -> bool:
    """Whether the data of a member is damaged that has never served: it starts neither with it nor without it."""
    damaged = pod is not None and pod.problem is not None and pod.problem.cause is Cause.DATA_DAMAGED
    return situation.record.formed and damaged


def _another(situation: Situation, member: str) -> str:
    """What shows that the process of `member` is another member: its volume has another member's data."""
    view, listed = situation.seen.etcd.views.get(member), situation.listed(member)
    if view is None or listed is None or isinstance(view.status, Unknown) or view.status.member_id == listed.id:
        return ""
    return f"the volume of {member} has the data of member {view.status.member_id:x}"


def _node_lost(situation: Situation, member: str) -> Loss | None:
    absence = node_away(situation, member)
    if absence is None:
        return None
    return Loss(Departure.NODE_LOST, absence.words, absence.since + situation.spec.recovery.replace_after)


def node_away(situation: Situation, member: str) -> Absence | None:
    """That the member's node is away, whether the member answers or not; None if it is not, or nobody knows."""
    node, pod = _node(situation, member), situation.seen.pods.get(member)
    if node is None or node.ready:
        return None
    since = node.since if situation.seen.deserted_node(member) else _away_since(node, pod)
    if since is None:
        return None
    words = f"node {node.name} is not ready" if node.exists else f"node {node.name} is gone"
    return Absence(f"{words} since {since:%H:%M:%S} UTC", since)


def node_is_back(situation: Situation, member: str) -> bool:
    """Whether the member's node is certainly there again; not to know of one proves nothing."""
    node = _node(situation, member)
    return node is not None and node.ready


def _node(situation: Situation, member: str) -> Node | None:
    """The node of the member's Pod, or of its last one that had any, or of its claim; None if none of them says."""
    seen = situation.seen
    pod, claim = seen.pods.get(member), seen.claims.get(member)
    ran = (pod.node if pod is not None else None) or seen.cluster.last_nodes.get(member)
    name = ran or (claim.node if claim is not None else None)
    return None if name is None or isinstance(seen.nodes, Unknown) else seen.nodes.get(name)


def _away_since(node: Node, pod: Pod | None) -> datetime | None:
    """Since when the member cannot come back because of its node; None if something else may be the cause.

    A Pod that has no node has been kept from starting only since no other node takes it: the claim's node may be any
    that the volume was once made for.
    """
    if pod is not None and pod.node is not None and node.exists:
        return node.since
    if pod is None or pod.pending_since is None:
        return None
    return pod.pending_since if node.since is None else max(node.since, pod.pending_since)
