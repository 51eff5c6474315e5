"""Every change of the spec reaches every member: one at a time, and the next only when all of them serve again.

| first of | is made anew when |
| --- | --- |
| an outdated member that does not serve | a quorum serves without it: the change may be what heals it |
| an outdated follower | every other member serves and has caught up, and a quorum stands without it |
| the outdated leader | it has handed leadership over; a single member simply restarts |

So a change with which a member does not serve stops at the first, with the quorum intact, and the next change mends it.
Clients of the next one are sent elsewhere as soon as etcd has the others back, so that the proxies have learned it by
the time that clients are back with them as well.
Members are neither added nor removed meanwhile. Pods whose etcd does not run are made anew without a turn (members.py).
Nobody is made anew whose claim is being deleted, or with a quota that the database has outgrown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import may_stop, quorum
from etcd_operator.plan.changes import change
from etcd_operator.plan.loss import is_last_hold, loss
from etcd_operator.plan.model import Delete, Patch
from etcd_operator.plan.placement import successor
from etcd_operator.plan.stopping import LONG_DISMISSAL, await_stop, dismissal, handover, take, wait
from etcd_operator.plan.upgrade import prepare_data
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.tuning import tuning

if TYPE_CHECKING:
    from etcd_operator.observation import Pod
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.model import Plan
    from etcd_operator.plan.situation import Situation

_ACTION = "RollMembers"

IMPATIENCE = timedelta(seconds=10)
"""For how long a member takes no clients because the one before is back in etcd, and not ready: that takes two seconds,
or for ever where nobody asks its probe."""


HOPELESS = 3
"""After so many starts a member does not come up with what it has: what is asked for now can only be better."""


@dataclass(frozen=True, slots=True)
class Roll:
    """The member whose Pod is made anew next, and why.

    `awaited` is who has to serve before, `dismissible` whether clients may be sent elsewhere already.
    """

    member: str
    reason: str
    awaited: tuple[str, ...]
    dismissible: bool


def needs_no_turn(situation: Situation, pod: Pod) -> bool:
    """Whether an outdated Pod may be made as specified at once: its etcd never ran, or does not come up as it is.

    What has just ended is started again in a moment. One that waits for that may well come up with what it has, where
    another that is as specified does not: then it is not given what may be bad, unless it has failed often.
    """
    if not pod.lived:
        return True
    if pod.problem is None or pod.just_ended or is_last_hold(situation, pod.member):
        return False
    return pod.restarts >= HOPELESS or not _is_doubtful(situation, pod.member)


def _is_doubtful(situation: Situation, member: str) -> bool:
    """Whether another member has what is asked for now, and is not ready with it."""
    others = (pod for name in situation.record.members if name != member and (pod := situation.seen.pods.get(name)))
    return any(not pod.ready and not situation.outdated(pod) for pod in others)


def too_large_database(situation: Situation, listed: Membership, member: str) -> int | None:
    """The bytes of the largest database of a member, if the quota with which `member` is made anew is not larger.

    etcd would take no more writes from anybody as soon as the first member has that quota.
    """
    largest = max((status.db_size for status in listed.statuses.values()), default=0)
    return largest if tuning(situation.spec_of(member)).quota <= largest else None


def next_roll(situation: Situation, listed: Membership) -> Roll | None:
    """Who is next; None if every member is as specified, or while the members themselves change."""
    if listed.foreign or listed.learners or situation.record.removing is not None:
        return None
    changed = {
        name: names
        for name in situation.record.members
        if name in listed.voters
        and (pod := situation.seen.pods.get(name)) is not None
        and (names := situation.outdated(pod))
        and not needs_no_turn(situation, pod)
        and not is_last_hold(situation, name)
        and too_large_database(situation, listed, name) is None
        # A lost node is waited for: nothing on it stops because somebody asks it to.
        and loss(situation, name) is None
    }
    if not changed:
        return None
    member = min(changed, key=lambda name: _turn(situation, listed, name))
    others = [name for name in situation.record.members if name != member]
    serving = {name for name in others if _serves(situation, listed, name)}
    awaited = tuple(name for name in others if name not in serving and member in listed.healthy)
    dismissible = not awaited or (
        bool(serving) and all(_is_back(listed, name) for name in awaited) and not _waited_long(situation, member)
    )
    return Roll(member, _reason(situation, changed[member]), awaited, dismissible)


def _waited_long(situation: Situation, member: str) -> bool:
    """Whether clients were sent away from `member` so long ago that it had better take them meanwhile."""
    dismissed = situation.seen.pods[member].dismissed
    return dismissed is not None and situation.seen.at - dismissed > IMPATIENCE


def _reason(situation: Situation, changed: tuple[str, ...]) -> str:
    """Why a member is made anew, in words; what only prepares for another version is no change of the user's."""
    if situation.record.snapshots:
        return f"it writes a snapshot before etcd {situation.seen.cluster.spec.version}"
    return f"{', '.join(changed)} changed"


def is_next(situation: Situation, member: str) -> bool:
    """Whether the member is about to be stopped for a moment, so that clients are better off elsewhere."""
    listed = situation.membership
    roll = None if listed is None else next_roll(situation, listed)
    if listed is None or roll is None or roll.member != member:
        return False
    return roll.dismissible and _quorum_stands(listed, member)


def dismisses(situation: Situation) -> bool:
    """Whether clients of the next one are sent elsewhere in this pass."""
    plan = roll(situation)
    return plan is not None and any(isinstance(step, Patch) for step in plan.steps)


def roll(situation: Situation) -> Plan | None:
    """Make the next outdated Pod anew, or wait until that may be; None if all are as specified."""
    listed = situation.membership
    following = None if listed is None else next_roll(situation, listed)
    # No member starts with another version while etcd is told for which one to store its data.
    if listed is None or following is None or _changes(situation) or prepare_data(situation) is not None:
        return None
    member = following.member
    if situation.seen.pods[member].meta.deleting:
        return await_stop(situation, _ACTION, member, f"waiting for {member} to stop: {following.reason}")
    if not following.dismissible:
        return _awaiting(situation, following)
    if not _quorum_stands(listed, member):
        return wait(situation, _ACTION, f"{member} is not made anew ({following.reason}): {_numbers(listed)}")
    return _in_turn(situation, listed, following)


def _in_turn(situation: Situation, listed: Membership, following: Roll) -> Plan | None:
    """Send clients elsewhere, wait for the others, and make the Pod anew."""
    member, pod = following.member, situation.seen.pods[following.member]
    others_serve = member in listed.healthy and listed.size > 1
    # Clients may be sent to one that does not answer the operator.
    if (others_serve or pod.ready) and pod.serving and listed.size > 1:
        return dismissal(situation, _ACTION, pod, lasting=LONG_DISMISSAL)
    if following.awaited:
        return _awaiting(situation, following)
    before = _before(situation, listed, pod) if others_serve else None
    why = f"{member} is made anew: {following.reason}"
    return before or take(situation, _ACTION, Delete(Kind.POD, pod.meta, why))


def _quorum_stands(listed: Membership, member: str) -> bool:
    """Whether a quorum of healthy voters stands while `member` is made anew; a single one simply restarts."""
    if member not in listed.healthy:
        return len(listed.healthy) >= quorum(listed.size)
    return listed.size == 1 or may_stop(listed.size, len(listed.staying | {member}))


def _turn(situation: Situation, listed: Membership, name: str) -> tuple[bool, bool, bool, str]:
    """When it is a member's turn: the least comes first. One of which clients were sent away already goes on."""
    return name in listed.healthy, name == listed.leader, situation.seen.pods[name].serving, name


def _serves(situation: Situation, listed: Membership, name: str) -> bool:
    pod = situation.seen.pods.get(name)
    return pod is not None and pod.ready and pod.serving and _is_back(listed, name)


def _is_back(listed: Membership, name: str) -> bool:
    """Whether etcd has the member back, whatever clients know of it."""
    return name in listed.staying and listed.caught_up(name)


def _awaiting(situation: Situation, following: Roll) -> Plan | None:
    """Wait for the others; where one of them cannot get on, that is an obstacle, which is told instead."""
    pods = [pod for name in following.awaited if (pod := situation.seen.pods.get(name)) is not None]
    if any(pod.problem is not None for pod in pods):
        return None
    awaited = ", ".join(following.awaited)
    reason = f"{following.member} is made anew as soon as {awaited} serves: {following.reason}"
    return wait(situation, _ACTION, reason, soon=any(pod.running and not pod.serving for pod in pods))


def _changes(situation: Situation) -> bool:
    plan = change(situation)
    return plan is not None and bool(plan.steps)


def _before(situation: Situation, listed: Membership, pod: Pod) -> Plan | None:
    """What comes before a member stops that takes no new clients any more; None if it may."""
    heir = successor(situation, listed) if pod.member == listed.leader else None
    if heir is not None:
        return take(situation, _ACTION, handover(listed, heir, f"{pod.member} is made anew"))
    return dismissal(situation, _ACTION, pod, lasting=LONG_DISMISSAL)


def _numbers(listed: Membership) -> str:
    return f"{len(listed.healthy)} of {listed.size} voters healthy, quorum is {quorum(listed.size)}"
