"""How a voter that serves is brought to a stop: it leads no more, and clients go elsewhere before its process ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.plan.loss import node_away
from etcd_operator.plan.model import MoveLeader, Patch, Plan
from etcd_operator.resources import ownership
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from etcd_operator.observation import Pod
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation

SOON = 0.25
"""Seconds between two looks while etcd changes: Kubernetes does not tell when a learner has caught up."""

DISMISSAL = timedelta(seconds=0.3)
"""For how long new clients are sent elsewhere before a member stops: the proxies of all nodes know after half of it.

A client that is told to go elsewhere dials again at once. If a proxy sends it to the same member, which is closed by
then, it waits for a second: long enough for a write to fail.
"""

LONG_DISMISSAL = timedelta(seconds=1.25)
"""The same where a Service may just have changed: kube-proxy writes its rules once a second at most, and was seen to
have written the next ones 1.10 to 1.21 s after it was told (0.09 to 0.20 s where nothing had changed before)."""


def handover(listed: Membership, heir: str, reason: str) -> MoveLeader:
    """Move leadership to the voter `heir`."""
    return MoveLeader(heir, listed.voters[heir].id, f"{reason}: {heir} is to lead in place of {listed.leader}")


def dismissal(situation: Situation, action: str, pod: Pod, *, lasting: timedelta = DISMISSAL) -> Plan | None:
    """Send new clients of `pod` to the others, until every node's proxy does so; None when that is done."""
    if pod.serving:
        why = f"{pod.member} is about to stop: clients go elsewhere"
        dismissed = {"metadata": ownership.dismissal(situation.seen.at)}
        return take(situation, action, Patch(Kind.POD, pod.meta, dismissed, why))
    passed = situation.seen.at - pod.dismissed if pod.dismissed is not None else lasting
    if not timedelta(0) <= passed < lasting:
        return None
    reason = f"waiting until clients of {pod.member} go elsewhere"
    return Plan(action, reason, situation.record, wake_after=(lasting - passed).total_seconds())


def await_stop(situation: Situation, action: str, member: str, reason: str) -> Plan:
    """Wait until a Pod has stopped that was told to; while its node is away nobody can say so, and that is told."""
    absence = node_away(situation, member)
    return wait(situation, action, reason if absence is None else f"{reason}; {absence.words}", soon=True)


def take(situation: Situation, action: str, step: Step) -> Plan:
    """The plan to take one step, and to look again soon."""
    return Plan(action, step.why, situation.record, (step,), wake_after=SOON)


def wait(situation: Situation, action: str, reason: str, *, soon: bool = False) -> Plan:
    """The plan to wait; `soon` where nobody tells when it is over."""
    return Plan(action, reason, situation.record, wake_after=SOON if soon else 1.0)
