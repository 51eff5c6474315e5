"""Which member the cluster can best do without, and where leadership should go."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import may_remove_dead, may_remove_healthy
from etcd_operator.observation import Unknown
from etcd_operator.plan.loss import is_last_hold, loss
from etcd_operator.plan.volumes import replaceable
from etcd_operator.resources.pod import image

if TYPE_CHECKING:
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.situation import Situation


def cheapest_to_lose(situation: Situation, listed: Membership) -> str | None:
    """The member that leaves first when there are too many; None if none of those that were recorded votes.

    One that is lost before any other, then one whose claim is being deleted, an unhealthy one before a healthy one, one
    that is to have another volume before one that is not, and of those the leader last; then the one whose zone, then
    whose node, has most of the others; a follower before the leader; then by name, so that two passes choose alike.
    """
    members = [name for name in situation.record.members if name in listed.voters]
    places = {name: _place(situation, name) for name in members}
    zones = Counter(zone for zone, _ in places.values())
    nodes = Counter(places.values())

    def cost(name: str) -> tuple[bool, bool, bool, bool, bool, int, int, bool, str]:
        place, leads = places[name], name == listed.leader
        lost, fit = loss(situation, name) is not None, replaceable(situation, name) is None
        lasts, last = not is_last_hold(situation, name), leads and not fit
        return not lost, lasts, name in listed.healthy, fit, last, -zones[place[0]], -nodes[place], leads, name

    return min(members, key=cost, default=None)


def may_leave(listed: Membership, member: str) -> bool:
    """Whether a quorum of healthy voters stands without `member`."""
    if member not in listed.healthy:
        return may_remove_dead(listed.size, len(listed.healthy))
    return may_remove_healthy(listed.size, len(listed.staying | {member}))


def successor(situation: Situation, listed: Membership) -> str | None:
    """The voter to which leadership goes: it serves, knows that it votes, has caught up, does not leave.

    One that has not applied its own promotion ignores the call, and the leader takes no write until it gives up waiting
    for it, after an election timeout. Best not one on a cordoned node, nor one that is to leave later because of its
    volume: so leadership moves once.
    """
    leaving = situation.record.removing
    able = [
        name
        for name in sorted(listed.staying)
        if name in listed.statuses
        and not listed.statuses[name].is_learner
        and name != listed.leader
        and listed.caught_up(name)
        and (leaving is None or name != leaving.member)
    ]

    def worth(name: str) -> tuple[bool, bool, int]:
        return not on_cordoned_node(situation, name), replaceable(situation, name) is None, listed.applied(name)

    return max(able, key=worth, default=None)


def on_cordoned_node(situation: Situation, member: str) -> bool:
    """Whether the member's node is cordoned, as before a drain; False where nodes may not be read."""
    pod, nodes = situation.seen.pods.get(member), situation.seen.nodes
    if pod is None or pod.node is None or isinstance(nodes, Unknown):
        return False
    node = nodes.get(pod.node)
    return node is not None and node.cordoned


def has_image(situation: Situation, newcomer: str) -> bool:
    """Whether etcd's image is certainly on the newcomer's node, or as long as it has none, on those of all members.

    Then nothing need be pulled before etcd is told of the newcomer, which takes a second. A node names only some of the
    images that it has.
    """
    seen, spec = situation.seen, situation.spec
    if isinstance(seen.nodes, Unknown) or spec.image.pull_policy == "Always":
        return False
    pod, claim = seen.pods.get(newcomer), seen.claims.get(newcomer)
    name = (pod.node if pod is not None else None) or (claim.node if claim is not None else None)
    if name is None and claim is not None and claim.bound:
        return False
    likely = tuple(seen.nodes.values()) if name is None else tuple(filter(None, (seen.nodes.get(name),)))
    return bool(likely) and all(image(spec) in node.images for node in likely)


def _place(situation: Situation, member: str) -> tuple[str, str]:
    """Zone and node of the member; empty where they are not known."""
    pod, nodes = situation.seen.pods.get(member), situation.seen.nodes
    if pod is None or pod.node is None:
        return "", ""
    known = None if isinstance(nodes, Unknown) else nodes.get(pod.node)
    return ("" if known is None else known.zone), pod.node
