"""One change of etcd's members at a time, and only one that leaves a quorum of healthy voters standing.

| first of | is done when |
| --- | --- |
| remove a learner that nobody wants | always: it has no vote |
| promote the learner | it runs and has caught up, and the disruption budget has room for one more voter |
| take out who leaves | dead: a newcomer stands ready, or none is needed; healthy: see `_retirement` |
| add a newcomer as a learner | it stands at the gate, there is no other learner, and enough voters are healthy |

A newcomer is never in the list before everything it needs is ready (docs/adr/0006-gate.md), so no change of the members
waits for a Pod, a volume or an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.quorum import (
    may_promote,
    may_remove_dead,
    may_remove_healthy,
    may_stop,
    needed_to_add,
    quorum,
)
from etcd_operator.observation import Cause, Departure, Unknown
from etcd_operator.plan.credentials import permission
from etcd_operator.plan.loss import loss
from etcd_operator.plan.model import AddLearner, Delete, Patch, Plan, Promote, Remove
from etcd_operator.plan.placement import has_image, on_cordoned_node, successor
from etcd_operator.plan.stopping import DISMISSAL, LONG_DISMISSAL, await_stop, dismissal, handover, take, wait
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN, peer_url
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from etcd_operator.observation import Removal
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation

LOOK_AGAIN = 5.0
"""Seconds between two looks while a node is away: whatever else happens is noticed as soon as ever."""


def change(situation: Situation) -> Plan | None:
    """The next change of etcd's members, or what it waits for; None if the members are those that are wanted."""
    listed = situation.membership
    if listed is None or listed.foreign:
        return None
    record = situation.record
    if listed.learners:
        return _learner(situation, listed)
    if record.removing is not None and record.removing.member in listed.voters:
        return _departure(situation, listed, record.removing)
    addition = _addition(situation, listed) if record.joining else None
    if addition is not None and addition.steps:
        return addition
    return _handover(situation, listed) or addition or _await_node(situation)


def promotable(situation: Situation, listed: Membership) -> str | None:
    """The learner that may vote as soon as the disruption budget has room for it.

    Its permission of a first start is withdrawn by then: no voter may ever start over.
    """
    return next((name for name in listed.learners if _is_promotable(situation, listed, name)), None)


def _is_promotable(situation: Situation, listed: Membership, name: str) -> bool:
    pod = situation.seen.pods.get(name)
    return (
        name in situation.record.joining
        and listed.learners[name].started
        and listed.caught_up(name)
        and pod is not None
        and not pod.meta.deleting
        and _is_withdrawn(situation, name)
        and may_promote(listed.size, len(listed.staying))
        and not listed.foreign
    )


def _learner(situation: Situation, listed: Membership) -> Plan:
    unwanted = [name for name in listed.learners if name not in situation.record.joining]
    if unwanted:
        why = f"learner {unwanted[0]} is not wanted"
        return take(situation, "RemoveLearner", Remove(unwanted[0], listed.learners[unwanted[0]].id, why))
    name = promotable(situation, listed)
    if name is None:
        first = next(iter(listed.learners))
        reason = f"waiting for learner {first} to catch up with the leader"
        return wait(situation, "PromoteLearner", reason, soon=_gets_on(situation, first))
    budget = situation.seen.budgets.get(situation.identity.disruption_budget)
    if budget is None or budget.min_available < quorum(listed.size + 1):
        return wait(situation, "PromoteLearner", f"{name} votes once the disruption budget counts it", soon=True)
    why = f"{name} has caught up: {listed.size + 1} members vote"
    return take(situation, "PromoteLearner", Promote(name, listed.learners[name].id, why))


def _is_withdrawn(situation: Situation, name: str) -> bool:
    secret = situation.seen.secrets.get(name)
    return secret is not None and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()


def _gets_on(situation: Situation, member: str) -> bool:
    pod = situation.seen.pods.get(member)
    return pod is not None and pod.problem is None


def _departure(situation: Situation, listed: Membership, leaving: Removal) -> Plan | None:
    if leaving.cause is not Departure.SCALE_IN:
        return _replacement(situation, listed, leaving)
    name = leaving.member
    removal = Remove(name, listed.voters[name].id, f"{name} leaves: {leaving.reason}")
    if name in listed.healthy:
        return _retirement(situation, listed, removal)
    return take(situation, "ScaleIn", removal) if may_remove_dead(listed.size, len(listed.healthy)) else None


def _retirement(situation: Situation, listed: Membership, removal: Remove) -> Plan | None:
    """Take out a healthy member: it leads no more, gets no new clients, stops, and only then leaves the list.

    So each client is told to go elsewhere, and goes to a member that stays.
    """
    name = removal.member
    if name == listed.leader:
        heir = successor(situation, listed)
        if heir is None:
            return wait(situation, "ScaleIn", f"{name} leads, and no other voter can take over", soon=True)
        return take(situation, "ScaleIn", handover(listed, heir, f"{name} leaves"))
    pod, staying = situation.seen.pods.get(name), len(listed.staying | {name})
    if pod is not None and pod.meta.deleting:
        return await_stop(situation, "ScaleIn", name, f"waiting for {name} to stop")
    if not may_remove_healthy(listed.size, staying):
        return None
    lasting = LONG_DISMISSAL if _changes_again(situation) else DISMISSAL
    if pod is not None and (dismissing := dismissal(situation, "ScaleIn", pod, lasting=lasting)):
        return dismissing
    step: Step = removal
    if pod is not None and may_stop(listed.size, staying):
        step = Delete(Kind.POD, pod.meta, removal.why)
    return take(situation, "ScaleIn", step)


def _changes_again(situation: Situation) -> bool:
    """Whether the client Service has just changed: another member has left before this one, or come.

    Sizes are odd, so that is so wherever the number of members is even.
    """
    return len(situation.record.members) % 2 == 0 or bool(situation.record.left)


def _replacement(situation: Situation, listed: Membership, leaving: Removal) -> Plan | None:
    """Take a dead member out when its place can be filled at once, or can be filled only then."""
    name, record = leaving.member, situation.record
    if name in listed.healthy or not may_remove_dead(listed.size, len(listed.healthy)):
        return None
    removal = Remove(
        name, listed.voters[name].id, f"{leaving.reason}; {len(listed.healthy)} of {listed.size} voters stay"
    )
    if not record.joining or any(_stands_at_gate(situation, newcomer) for newcomer in record.joining):
        return take(situation, "ReplaceMember", removal)
    waiting = ", ".join(record.joining)
    if leaving.cause is Departure.DATA_LOST and all(
        _finds_no_place(situation, newcomer) for newcomer in record.joining
    ):
        pod = situation.seen.pods.get(name)
        if pod is None:
            return take(situation, "ReplaceMember", removal)
        if not pod.meta.deleting:
            why = f"{waiting} finds no place while the Pod of {name} is there: {leaving.reason}"
            return take(situation, "ReplaceMember", Delete(Kind.POD, pod.meta, why))
    return wait(situation, "ReplaceMember", f"waiting for {waiting} to be ready in place of {name}: {leaving.reason}")


def _addition(situation: Situation, listed: Membership) -> Plan | None:
    ready = [name for name in situation.record.joining if _stands_at_gate(situation, name)]
    if not ready:
        return wait(situation, "AddMember", f"waiting for {', '.join(situation.record.joining)} to be ready")
    if len(listed.staying) < needed_to_add(listed.size):
        return None
    name = ready[0]
    secret = situation.seen.secrets.get(name)
    if secret is None or secret.data.get(INITIAL_CLUSTER) != permission(situation, name).encode():
        return wait(situation, "AddMember", f"waiting until {name} knows the others", soon=True)
    url = peer_url(situation.identity, name, situation.spec.tls)
    return take(situation, "AddMember", AddLearner(name, url, f"{name} stands ready"))


def _handover(situation: Situation, listed: Membership) -> Plan | None:
    """Move leadership away from a cordoned node, so that the drain that follows costs no election."""
    if listed.leader is None or not on_cordoned_node(situation, listed.leader):
        return None
    heir = successor(situation, listed)
    if heir is None or on_cordoned_node(situation, heir):
        return None
    return take(situation, "MoveLeader", handover(listed, heir, f"the node of {listed.leader} is cordoned"))


def _await_node(situation: Situation) -> Plan | None:
    """Say for how long a lost node is still waited for."""
    now = situation.seen.at
    for name in situation.record.members:
        lost = loss(situation, name)
        if lost is not None and not lost.due(now):
            reason = f"{lost.reason}; {name} is replaced at {lost.replaceable:%H:%M:%S} UTC if it has not come back"
            left = (lost.replaceable - now).total_seconds()
            return Plan("AwaitNode", reason, situation.record, wake_after=min(left, LOOK_AGAIN))
    return None


def _stands_at_gate(situation: Situation, newcomer: str) -> bool:
    """Whether the newcomer is ready for everything but etcd's list, and asks somebody who can tell it of that.

    A node that is away leaves its Pods as they were last seen, an evicted Pod keeps the state of its containers, and a
    claim that is being deleted goes with its Pod. A Pod that is not as specified is about to be made anew.
    """
    seen, listed = situation.seen, situation.membership
    pod, claim = seen.pods.get(newcomer), seen.claims.get(newcomer)
    if pod is None or not pod.at_gate or pod.problem is not None or pod.meta.deleting:
        return False
    if claim is None or claim.meta.deleting or claim.lost or listed is None:
        return False
    if not (pod.pulled or has_image(situation, newcomer)) or situation.outdated(pod):
        return False
    node = None if isinstance(seen.nodes, Unknown) else seen.nodes.get(pod.node or "")
    alive = {url for name in listed.healthy for url in listed.voters[name].peer_urls}
    return not alive.isdisjoint(pod.asks) and (node is None or node.ready)


def _finds_no_place(situation: Situation, newcomer: str) -> bool:
    """Whether Kubernetes has no node or volume for the newcomer, or does not even take its objects, as over a quota."""
    pod, claim = situation.seen.pods.get(newcomer), situation.seen.claims.get(newcomer)
    problems = (thing.problem for thing in (pod, claim) if thing is not None)
    refused = any(
        block["reason"] == BlockReason.REFUSED
        and block["action"].endswith(f" {newcomer}")
        and not block["action"].startswith(f"{Patch.__name__} ")
        for block in situation.seen.cluster.status.get("plan", {}).get("blocked", ())
    )
    return refused or any(
        problem is not None and problem.cause in {Cause.UNSCHEDULABLE, Cause.STORAGE} for problem in problems
    )
