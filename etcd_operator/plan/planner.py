"""The one decision: what is done now.

| priority | concern | why it stands here |
| --- | --- | --- |
| 1 | refuse | deleted, paused, or something that is not ours in the way: no step may be taken at all |
| 2 | hibernate | no members are asked for: all stop, and nothing else is decided of them |
| 3 | name members | what later passes must know is recorded before anything that depends on it is made |
| 4 | record the formation | from the moment it is known, an empty volume must never start again |
| 5 | suspect volumes | on which a Pod did not start: the next Pod looks before the member is given up or waited for |
| 6 | settle the members | what etcd's own list says is taken over before anything is decided from the record |
| 7 | choose the members | who joins and who leaves is recorded before the first step for it |
| 8 | accept the version | which version Pods are made of is recorded before the first of them is |

The first of these that has something to do decides alone. If none has, the following act together, because a step
that Kubernetes refuses to one of them must not keep another from keeping members alive. None relies on a step of
another in the same plan: each looks only at what was observed, and no step takes a member away that serves.

| priority | concern | what it waits for |
| --- | --- | --- |
| 9 | take away what is left | etcd's list without the member: what left must not compete for nodes and quota |
| 10 | foundations | nothing: names resolve and authorities exist before the first process asks for them |
| 11 | credentials | their authority; permissions that are used up are withdrawn, certificates renewed in time |
| 12 | claims' owner | nothing; what happens to the data on deletion follows the spec at once |
| 13 | grow volumes | nothing; one after the other, as far as Kubernetes can expand them |
| 14 | admit | the withdrawn permission: clients reach no member that could start over from nothing |
| 15 | members | Service, Secret and claim: every member has its Pod |
| 16 | change the members | a quorum of healthy voters, before and after; one change at a time |
| 17 | prepare the data | all in order: a lower minor version opens no data that was not stored for it |
| 18 | roll the members | every other member serves, and the members do not change |
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.plan import (
    bootstrap,
    changes,
    credentials,
    foundations,
    hibernation,
    intentions,
    leftovers,
    members,
    obstacles,
    refusals,
    rollout,
    upgrade,
    volumes,
)
from etcd_operator.plan.model import Plan
from etcd_operator.plan.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.observation import Observation, Record
    from etcd_operator.resources.pod import StartCheckImage

ALONE: tuple[Callable[[Situation], Plan | None], ...] = (
    refusals.refuse,
    hibernation.hibernate,
    bootstrap.name_members,
    bootstrap.record_formation,
    members.suspect,
    intentions.settle,
    intentions.intend,
    upgrade.accept_version,
)

TOGETHER: tuple[Callable[[Situation], Plan | None], ...] = (
    leftovers.take_away,
    foundations.lay,
    credentials.keep,
    foundations.own_claims,
    volumes.grow,
    members.admit,
    members.run,
    changes.change,
    upgrade.prepare_data,
    rollout.roll,
)

STABLE_WAKE = 5.0
"""Seconds between two looks at a cluster in which nothing is to be done: they notice a watch that went silent."""


def plan(seen: Observation, *, gate: StartCheckImage, entropy: bytes) -> Plan:
    """Decide the next thing to do for the cluster in `seen`.

    `gate` is the image of the start check; `entropy` (16 bytes or more, fresh for each call) is what new names are
    drawn from. Never plans a step from a read that failed.
    """
    situation = Situation(seen, gate, entropy)
    for concern in ALONE:
        decision = concern(situation)
        if decision is not None:
            # What the decision takes care of is no obstacle any more.
            against = obstacles.obstacles(situation.with_record(decision.record))
            return replace(decision, blocked=decision.blocked + against)
    against = obstacles.obstacles(situation)
    decisions = [decision for concern in TOGETHER if (decision := concern(situation)) is not None]
    if decisions:
        return replace(_joined(decisions, situation.record), blocked=against)
    if against:
        return Plan("Blocked", against[0].message, situation.record, blocked=against, wake_after=STABLE_WAKE)
    return members.await_all(situation) or Plan(
        "Stable", "everything is as specified", situation.record, wake_after=STABLE_WAKE
    )


def _joined(decisions: list[Plan], recorded: Record) -> Plan:
    """One plan of several, named after the first; only `take_away` among them may change the record."""
    return Plan(
        decisions[0].action,
        "; ".join(decision.reason for decision in decisions),
        next((decision.record for decision in decisions if decision.record != recorded), recorded),
        tuple(step for decision in decisions for step in decision.steps),
        wake_after=min(decision.wake_after for decision in decisions),
    )
