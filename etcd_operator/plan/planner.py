"""The one decision: which concern acts now.

| priority | concern | why it stands here |
| --- | --- | --- |
| 1 | refuse | deleted, paused, or something that is not ours in the way: no step may be taken at all |
| 2 | name members | what later passes must know is recorded before anything that depends on it is made |
| 3 | take away the abandoned | a first start that was given up must not compete with the next for nodes and quota |
| 4 | record the formation | from the moment it is known, an empty volume must never start again |
| 5 | foundations | names resolve and certificates exist before the first process asks for them |
| 6 | credentials | permissions that are used up are withdrawn, certificates are renewed before they expire |
| 7 | claims' owner | what happens to the data on deletion follows the spec at once |
| 8 | admit | clients reach a member only after its permission to start empty is withdrawn |
| 9 | members | every member has its Pod |
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.plan import bootstrap, credentials, foundations, members, refusals
from etcd_operator.plan.model import Plan
from etcd_operator.plan.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.observation import Observation
    from etcd_operator.resources.pod import StartCheckImage

PRIORITY: tuple[Callable[[Situation], Plan | None], ...] = (
    refusals.refuse,
    bootstrap.name_members,
    bootstrap.take_away_abandoned,
    bootstrap.record_formation,
    foundations.lay,
    credentials.keep,
    foundations.own_claims,
    members.admit,
    members.run,
)

STABLE_WAKE = 5.0
"""Seconds between two looks at a cluster in which nothing is to be done: they notice a watch that went silent."""


def plan(seen: Observation, *, gate: StartCheckImage, entropy: bytes) -> Plan:
    """Decide the next thing to do for the cluster in `seen`.

    `gate` is the image of the start check; `entropy` (16 bytes or more, fresh for each call) is what new names are
    drawn from. Never plans a step from a read that failed.
    """
    situation = Situation(seen, gate, entropy)
    obstacles = refusals.obstacles(situation)
    for concern in PRIORITY:
        decision = concern(situation)
        if decision is not None:
            return replace(decision, blocked=decision.blocked + obstacles)
    if obstacles:
        return Plan("Blocked", obstacles[0].message, situation.record, blocked=obstacles, wake_after=STABLE_WAKE)
    return Plan("Stable", "everything is as specified", situation.record, wake_after=STABLE_WAKE)
