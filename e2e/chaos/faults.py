"""Which faults there are, how a seed deals them, and when one may be done: pure, so that it can be tested."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from e2e.chaos.sight import Sight

REPLACE_AFTER = 30
"""Seconds: `recovery.replaceAfter` of the cluster that is broken."""

NODE_GRACE = 16
"""Seconds until Kubernetes notices a lost node (e2e/cluster/README.md)."""

BASE, WIDE = 3, 5
"""How many members the cluster has, and how many while it is scaled out."""


class Kind(StrEnum):
    """What can be done to the cluster, to the machines under it, and to the operator."""

    KILL = "etcd killed"
    DELETE_POD = "Pod deleted"
    LOSE_VOLUME = "Pod and claim deleted"
    POWER_CUT = "node off and on"
    LOSE_NODE = "node off for long"
    FREEZE = "node frozen"
    ISOLATE = "node cut off"
    SHATTER = "all nodes cut apart"
    SCALE = "scaled out and in"
    KILL_OPERATOR = "operator killed"
    CUT_OPERATOR = "operator cut off"
    SILENCE = "API server silent"


OF_THE_OPERATOR = frozenset({Kind.KILL_OPERATOR, Kind.CUT_OPERATOR})
OF_A_MEMBER = frozenset({Kind.KILL, Kind.DELETE_POD, Kind.LOSE_VOLUME})
OF_A_NODE = frozenset({Kind.POWER_CUT, Kind.LOSE_NODE, Kind.FREEZE, Kind.ISOLATE})
OF_THE_NETWORK = frozenset({Kind.ISOLATE, Kind.SHATTER, Kind.CUT_OPERATOR, Kind.SILENCE})

APART = frozenset({Kind.FREEZE, Kind.ISOLATE, Kind.SHATTER, Kind.SILENCE})
"""Faults in which whoever leads may not reach members that this machine reaches, or does not get on at all.

Cutting off the operator is none: the other one reaches everybody, and leads from when it holds the Lease.
"""

DEAL = (
    *(Kind.KILL,) * 3, *(Kind.DELETE_POD,) * 2, *(Kind.LOSE_VOLUME,) * 2, *(Kind.POWER_CUT,) * 2, Kind.LOSE_NODE,
    Kind.FREEZE, Kind.ISOLATE, Kind.SHATTER, Kind.SCALE, *(Kind.KILL_OPERATOR,) * 3, Kind.CUT_OPERATOR, Kind.SILENCE,
)  # fmt: skip
"""One round: each kind comes up in each, so that no long run misses one."""

SECONDS = {
    Kind.POWER_CUT: (2, 12),
    Kind.LOSE_NODE: (NODE_GRACE + REPLACE_AFTER + 20, NODE_GRACE + REPLACE_AFTER + 30),
    Kind.FREEZE: (2, 12),
    Kind.ISOLATE: (2, 20),
    Kind.SHATTER: (1, 5),
    Kind.SCALE: (1, 40),
    Kind.CUT_OPERATOR: (5, 25),
    Kind.SILENCE: (5, 25),
}
"""How long a fault lasts, at least and at most, before it is undone; the others are over at once.

A scaling is undone in the middle as often as after its end.
"""

PAUSE = (0.5, 4.0)
"""Seconds between a fault and the next, at least and at most; that next one may have to wait for longer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was dealt: `seconds` until it is undone, `pause` before the next, `pick` in [0, 1) its victim."""

    number: int
    kind: Kind
    seconds: float
    pause: float
    pick: float


def deal(seed: str, kinds: Collection[Kind] = tuple(Kind)) -> Iterator[Fault]:
    """Yield faults without end, always the same for the same seed and kinds.

    All of `DEAL` come in random order, then all of them again, and so on; those not in `kinds` are left out.
    """
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    number = 0
    while True:
        hand = [kind for kind in DEAL if kind in kinds]
        chance.shuffle(hand)
        for kind in hand:
            number += 1
            least, most = SECONDS.get(kind, (0, 0))
            yield Fault(number, kind, chance.uniform(least, most), chance.uniform(*PAUSE), chance.random())


@dataclass(frozen=True, slots=True)
class Aim:
    """A fault with its victim: a member or the operator's Pod, a node, neither, or both."""

    fault: Fault
    pod: str = ""
    node: str = ""
    members: frozenset[str] = frozenset()

    @property
    def victim(self) -> str:
        """Whom it hits, in words."""
        if self.pod or not self.node:
            return self.pod
        return f"{self.node} ({', '.join(sorted(self.members))})"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a fault cannot be done now."""

    reason: str


def aim(fault: Fault, sight: Sight, under_way: Sequence[Aim], nodes: Sequence[str]) -> Aim | Wait:
    """Choose the victim of a fault, or say why it has to wait.

    `under_way` are the faults that are not undone yet, or of which the cluster has not recovered; `nodes` are all
    nodes, the control plane first. What is promised:
    - the voters that are healthy and hit by nothing remain a quorum, except while all nodes are cut apart for seconds;
    - data is taken away only while the cluster is whole, and only the operator may be in trouble then;
    - one fault of machines and networks at a time: undoing one must not undo another.
    """
    kinds = {each.fault.kind for each in under_way}
    match fault.kind:
        case Kind.KILL | Kind.DELETE_POD | Kind.LOSE_VOLUME:
            return _aim_at_member(fault, sight, under_way)
        case Kind.POWER_CUT | Kind.LOSE_NODE | Kind.FREEZE | Kind.ISOLATE:
            return _aim_at_node(fault, sight, under_way, nodes)
        case Kind.SHATTER:
            return _no_machine(kinds) or _quiet(sight, kinds) or Aim(fault, members=sight.voters)
        case Kind.SCALE:
            return Wait("the cluster is being scaled") if Kind.SCALE in kinds else Aim(fault)
        case Kind.SILENCE:
            return _no_machine(kinds) or Aim(fault)
        case Kind.KILL_OPERATOR | Kind.CUT_OPERATOR:
            return _aim_at_operator(fault, sight, under_way)


def _aim_at_member(fault: Fault, sight: Sight, under_way: Sequence[Aim]) -> Aim | Wait:
    kinds = {each.fault.kind for each in under_way}
    if fault.kind is Kind.LOSE_VOLUME and (loud := _quiet(sight, kinds)):
        return loud
    hit = _hit(under_way)
    up = sorted((sight.healthy & sight.voters & sight.pods.keys()) - hit)
    fit = [member for member in up if sight.endures(hit | {member}) and not sight.pods[member].ending]
    if fault.kind is Kind.KILL and fit:
        # The kubelet lets a container wait up to 5 min that ended often: its rule, which would measure nothing of ours.
        fewest = min(sight.pods[member].restarts for member in fit)
        fit = [member for member in fit if sight.pods[member].restarts == fewest]
    if not fit:
        return Wait("too few healthy voters")
    victim = _picked(fit, fault)
    return Aim(fault, pod=victim, members=frozenset({victim}))


def _aim_at_node(fault: Fault, sight: Sight, under_way: Sequence[Aim], nodes: Sequence[str]) -> Aim | Wait:
    kinds = {each.fault.kind for each in under_way}
    if loud := _no_machine(kinds):
        return loud
    if Kind.SCALE in kinds or (fault.kind is Kind.LOSE_NODE and _quiet(sight, kinds)):
        return Wait("the cluster is not whole")
    # Without its control plane Kubernetes replaces nothing.
    possible = nodes[1:] if fault.kind is Kind.LOSE_NODE else nodes
    fit = [node for node in possible if sight.on(node) and sight.endures(_hit(under_way) | sight.on(node))]
    if not fit:
        return Wait("no node has few enough of the healthy voters")
    victim = _picked(fit, fault)
    return Aim(fault, node=victim, members=sight.on(victim))


def _aim_at_operator(fault: Fault, sight: Sight, under_way: Sequence[Aim]) -> Aim | Wait:
    kinds = {each.fault.kind for each in under_way}
    if kinds & OF_THE_OPERATOR:
        return Wait("the operator has not recovered")
    if fault.kind is Kind.CUT_OPERATOR and (loud := _no_machine(kinds)):
        return loud
    if not sight.leader:
        return Wait("no operator leads")
    node = sight.operators[sight.leader]
    if node in {each.node for each in under_way}:
        return Wait("the node of the operator that leads is hit")
    return Aim(fault, pod=sight.leader, node=node)


def _quiet(sight: Sight, kinds: Collection[Kind]) -> Wait | None:
    if sight.whole and OF_THE_OPERATOR.issuperset(kinds):
        return None
    return Wait("the cluster is not whole")


def _no_machine(kinds: Collection[Kind]) -> Wait | None:
    busy = (OF_A_NODE | OF_THE_NETWORK) & set(kinds)
    return Wait(f"under way: {', '.join(sorted(busy))}") if busy else None


def _hit(under_way: Sequence[Aim]) -> frozenset[str]:
    return frozenset().union(*(each.members for each in under_way))


def _picked(fit: Sequence[str], fault: Fault) -> str:
    return fit[int(fault.pick * len(fit))]
