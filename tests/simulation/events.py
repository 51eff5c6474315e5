"""What comes from outside: what users ask for, what machines do, and what people delete by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from tests.simulation.controllers import FULL
from tests.simulation.etcd import NoLeader
from tests.simulation.invariants import expelled
from tests.simulation.process import Exit
from tests.simulation.reconfiguration import Refused
from tests.simulation.scenario import NAME, NAMESPACE, Event
from tests.simulation.truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.changes import Add, Remove
    from tests.simulation.nodes import Nodes
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Name:
    """The name that an object has in a world."""

    says: str
    of: Callable[[World], str]


def change(says: str, part: Json, *, when: Callable[[World], bool]) -> Event:
    """The user changes the spec."""
    return Event(says, when, lambda world: world.server.patch(Kind.CLUSTER, NAMESPACE, NAME, {"spec": part}))


def delete_cluster(*, when: Callable[[World], bool]) -> Event:
    """The user deletes the EtcdCluster."""
    return Event("the EtcdCluster is deleted", when, lambda world: world.server.delete(Kind.CLUSTER, NAMESPACE, NAME))


def create_again(*, when: Callable[[World], bool]) -> Event:
    """The user applies the same manifest again."""
    return Event("the EtcdCluster is created again", when, lambda world: world.create_cluster())


def delete(kind: Kind, what: Name, *, when: Callable[[World], bool]) -> Event:
    """Somebody deletes an object by hand, if it is there."""

    def do(world: World) -> None:
        name = what.of(world)
        if world.server.find(kind, NAMESPACE, name) is not None:
            world.server.delete(kind, NAMESPACE, name)

    return Event(f"the {kind.value.kind} {what.says} is deleted by hand", when, do)


def edit(kind: Kind, what: Name, part: Json, *, when: Callable[[World], bool]) -> Event:
    """Somebody edits the spec of an object by hand."""
    return Event(
        f"the {kind.value.kind} {what.says} is edited by hand",
        when,
        lambda world: world.server.patch(kind, NAMESPACE, what.of(world), {"spec": part}),
    )


def unlabel(number: int, *labels: str, when: Callable[[World], bool]) -> Event:
    """Somebody takes labels off the Pod of a member."""

    def do(world: World) -> None:
        bare = {"metadata": {"labels": dict.fromkeys(labels)}}
        world.server.patch(Kind.POD, NAMESPACE, world.record.present[number], bare)

    return Event(f"the Pod of member {number} loses {len(labels)} labels", when, do)


def create_foreign(kind: Kind, name: str, labels: dict[str, str], *, when: Callable[[World], bool]) -> Event:
    """Somebody makes an object of their own."""
    body = {"metadata": {"name": name, "labels": labels}, "spec": {"selector": {"app": "theirs"}}}
    return Event(
        f"somebody makes a {kind.value.kind} {name}", when, lambda world: world.server.create(kind, NAMESPACE, body)
    )


def member(number: int) -> Name:
    """The name of a member, by its place in the record."""
    return Name(f"of member {number}", lambda world: world.record.present[number])


def fixed(name: str) -> Name:
    """A name that is always the same."""
    return Name(name, lambda _: name)


def wipe_status(*parts: str, when: Callable[[World], bool]) -> Event:
    """Somebody removes parts of the status by hand."""

    def do(world: World) -> None:
        wiped = {"status": dict.fromkeys(parts)}
        world.server.patch(Kind.CLUSTER, NAMESPACE, NAME, wiped, status=True)

    return Event(f"{', '.join(parts)} of the status is removed by hand", when, do)


def restore_record(*, when: Callable[[World], bool]) -> Event:
    """Somebody puts the recorded names back, as the condition asks."""

    def do(world: World) -> None:
        members = [name for name in world.history.named if name not in world.history.retired]
        record = {"membership": {"members": members}}
        world.server.patch(Kind.CLUSTER, NAMESPACE, NAME, {"status": record}, status=True)

    return Event("the record is put back by hand", when, do)


def operator_stops(*, when: Callable[[World], bool]) -> Event:
    """The operator is down from now on."""

    def do(world: World) -> None:
        world.operator_down = True
        world.restart_operator()

    return Event("the operator goes down", when, do)


def operator_starts(*, when: Callable[[World], bool]) -> Event:
    """The operator is up again."""

    def do(world: World) -> None:
        world.operator_down = False

    return Event("the operator comes up", when, do)


def machines(says: str, do: Callable[[Nodes], object], *, when: Callable[[World], bool]) -> Event:
    """Something happens to nodes, images or quota."""
    return Event(says, when, lambda world: do(world.nodes))


def quota(limits: dict[Kind, int], *, when: Callable[[World], bool]) -> Event:
    """The administrator sets the quota of the namespace."""

    def do(world: World) -> None:
        world.server.limits = limits

    return Event(f"the quota becomes {limits or 'unlimited'}", when, do)


def time_passes(days: int, *, when: Callable[[World], bool]) -> Event:
    """Much time passes at once."""

    def do(world: World) -> None:
        world.server.now += timedelta(days=days)

    return Event(f"{days} days pass", when, do)


def connect(*, when: Callable[[World], bool]) -> Event:
    """The network between all members works again."""

    def do(world: World) -> None:
        world.etcd.cut = frozenset()

    return Event("all members are connected", when, do)


def evict(number: int, *, when: Callable[[World], bool]) -> Event:
    """The kubelet evicts a Pod: its object stays, as failed, until somebody deletes it."""

    def do(world: World) -> None:
        for pod in _pods(world, (number,), emptied=False):
            world.nodes.restart_sandbox(pod)
            status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
            world.server.patch(Kind.POD, NAMESPACE, pod["metadata"]["name"], {"status": status}, status=True)

    return Event(f"the Pod of member {number} is evicted", when, do)


def cut_off(*numbers: int, when: Callable[[World], bool]) -> Event:
    """The network of these members breaks, towards their peers."""

    def do(world: World) -> None:
        world.etcd.cut = frozenset(world.record.present[number] for number in numbers)

    return Event(f"members {numbers} are cut off", when, do)


def hold_back(*numbers: int, when: Callable[[World], bool]) -> Event:
    """The Pods of these members do not get on: a slow node, a slow volume."""

    def do(world: World) -> None:
        world.nodes.held = frozenset(world.record.present[number] for number in numbers)

    return Event(f"the Pods of members {numbers} wait", when, do)


def let_go(*, when: Callable[[World], bool]) -> Event:
    """All Pods get on again."""

    def do(world: World) -> None:
        world.nodes.held = frozenset()

    return Event("all Pods get on", when, do)


def restart_containers(*numbers: int, when: Callable[[World], bool], emptied: bool = False) -> Event:
    """The etcd containers of these members end and are restarted in place, on their volumes or on emptied ones."""

    def do(world: World) -> None:
        for pod in _pods(world, numbers, emptied=emptied):
            world.nodes.restart_container(pod)

    return Event(f"containers {numbers} restart{_on(emptied)}", when, do)


def restart_sandboxes(*numbers: int, when: Callable[[World], bool], emptied: bool = False) -> Event:
    """The sandboxes of these members' Pods are made anew, as after a reboot."""

    def do(world: World) -> None:
        for pod in _pods(world, numbers, emptied=emptied):
            world.nodes.restart_sandbox(pod)

    return Event(f"sandboxes {numbers} restart{_on(emptied)}", when, do)


def delete_pods(*numbers: int, when: Callable[[World], bool], emptied: bool = False) -> Event:
    """The Pods of these members are deleted by hand."""

    def do(world: World) -> None:
        for pod in _pods(world, numbers, emptied=emptied):
            world.server.delete(Kind.POD, NAMESPACE, pod["metadata"]["name"])

    return Event(f"Pods {numbers} are deleted{_on(emptied)}", when, do)


def claims_lost(*numbers: int, when: Callable[[World], bool]) -> Event:
    """Kubernetes says that the volumes of these claims are gone, and the Pods on them end."""

    def do(world: World) -> None:
        for pod in _pods(world, numbers, emptied=False):
            name = pod["metadata"]["name"]
            if uid := _claim_uid(world, name):
                world.etcd.destroy(uid)
                world.server.patch(Kind.CLAIM, NAMESPACE, name, {"status": {"phase": "Lost"}}, status=True)
                world.nodes.restart_sandbox(pod)

    return Event(f"the volumes of members {numbers} are lost", when, do)


def delete_with_claims(*numbers: int, when: Callable[[World], bool]) -> Event:
    """Somebody deletes the claims of these members, and their Pods."""

    def do(world: World) -> None:
        for pod in _pods(world, numbers, emptied=False):
            name = pod["metadata"]["name"]
            for kind in (Kind.CLAIM, Kind.POD):
                if world.server.find(kind, NAMESPACE, name) is not None:
                    world.server.delete(kind, NAMESPACE, name)

    return Event(f"Pods and claims {numbers} are deleted", when, do)


def damage(number: int, *, when: Callable[[World], bool]) -> Event:
    """The log on a member's volume is damaged, and its process ends."""
    words = '{"level":"fatal","msg":"discovery failed","error":"walpb: crc mismatch"}'
    return _ending(number, f"the log of member {number} is damaged", Exit(1, words), when=when)


def fill_up(number: int, *, when: Callable[[World], bool]) -> Event:
    """A member's volume is full, and its process ends."""
    return _ending(number, f"the volume of member {number} is full", FULL, when=when)


def make_room(*, when: Callable[[World], bool]) -> Event:
    """There is room again on every volume that was full: somebody took away what is not etcd's."""

    def do(world: World) -> None:
        world.etcd.damaged = {uid: end for uid, end in world.etcd.damaged.items() if end != FULL}

    return Event("no volume is full", when, do)


def _ending(number: int, says: str, end: Exit, *, when: Callable[[World], bool]) -> Event:
    """A member's process ends, and so does every later one on its volume."""

    def do(world: World) -> None:
        for pod in _pods(world, (number,), emptied=False):
            uid = _claim_uid(world, pod["metadata"]["name"])
            if uid in world.etcd.stored:
                world.etcd.damaged[uid] = end
                world.nodes.restart_container(pod)

    return Event(says, when, do)


def mix_up(number: int, *, with_data_of: int, when: Callable[[World], bool]) -> Event:
    """A member's volume gets what is on another's, and its Pod is made anew."""

    def do(world: World) -> None:
        names = [world.record.present[one] for one in (number, with_data_of)]
        uid, other = (world.server.get(Kind.CLAIM, NAMESPACE, name)["metadata"]["uid"] for name in names)
        world.etcd.volumes[uid], world.etcd.stored[uid] = world.etcd.volumes[other], world.etcd.stored[other]
        for pod in _pods(world, (number,), emptied=False):
            world.nodes.restart_sandbox(pod)

    return Event(f"the volume of member {number} gets what member {with_data_of} has", when, do)


def slow_down(*numbers: int, when: Callable[[World], bool]) -> Event:
    """The log does not reach these members any more."""

    def do(world: World) -> None:
        world.etcd.slow = frozenset(world.record.present[number] for number in numbers)

    return Event(f"the log does not reach members {numbers}", when, do)


def speed_up(*, when: Callable[[World], bool]) -> Event:
    """The log reaches all members again."""

    def do(world: World) -> None:
        world.etcd.slow = frozenset()

    return Event("the log reaches all members", when, do)


def hide(*numbers: int, when: Callable[[World], bool]) -> Event:
    """The operator does not reach these members any more; their peers and the application do."""

    def do(world: World) -> None:
        world.unreached = frozenset(world.record.present[number] for number in numbers)

    return Event(f"the operator does not reach members {numbers}", when, do)


def show(*, when: Callable[[World], bool]) -> Event:
    """The operator reaches every member again."""

    def do(world: World) -> None:
        world.unreached = frozenset()

    return Event("the operator reaches all members", when, do)


def silence(*numbers: int, when: Callable[[World], bool]) -> Event:
    """These members take part, and serve no clients yet."""

    def do(world: World) -> None:
        world.etcd.mute = frozenset(world.record.present[number] for number in numbers)

    return Event(f"members {numbers} do not serve clients yet", when, do)


def let_speak(*, when: Callable[[World], bool]) -> Event:
    """Whoever takes part serves clients."""

    def do(world: World) -> None:
        world.etcd.mute = frozenset()

    return Event("all members serve clients", when, do)


def on_node_of(
    number: int, says: str, do: Callable[[Nodes, str], object], *, when: Callable[[World], bool], apart: bool = False
) -> Event:
    """Something happens to the node of a member; `apart` cuts the member off from the others besides."""

    def happen(world: World) -> None:
        name = world.record.present[number]
        pod = world.server.find(Kind.POD, NAMESPACE, name)
        if pod is not None and "nodeName" in pod["spec"]:
            do(world.nodes, pod["spec"]["nodeName"])
            world.etcd.cut = frozenset({name}) if apart else world.etcd.cut

    return Event(f"the node of member {number} {says}", when, happen)


def on_leaders_node(says: str, do: Callable[[Nodes, str], object], *, when: Callable[[World], bool]) -> Event:
    """Something happens to the node of the member that leads."""

    def happen(world: World) -> None:
        (leader,) = world.etcd.leaders
        do(world.nodes, world.server.get(Kind.POD, NAMESPACE, leader.member)["spec"]["nodeName"])

    return Event(f"the leader's node {says}", when, happen)


def every_node_on(*, when: Callable[[World], bool]) -> Event:
    """Every node that is there is on and heard again, and takes Pods."""

    def do(world: World) -> None:
        for node in world.server.list(Kind.NODE):
            world.nodes.power_on(node["metadata"]["name"])
            world.nodes.cordon(node["metadata"]["name"], cordoned=False)
        world.etcd.cut = frozenset()

    return Event("all nodes are on", when, do)


def by_hand(says: str, what: Callable[[World], Add | Remove], *, when: Callable[[World], bool]) -> Event:
    """Somebody changes the members with etcdctl; etcd may refuse it, or not answer."""

    def do(world: World) -> None:
        for leader in world.etcd.leaders:
            before = truth(world).names
            try:
                what(world).apply(world.etcd, leader)
            except (Refused, NoLeader) as no:
                world.tell(f"  {no or 'no answer'}")
            world.history = expelled(world, before - truth(world).names)

    return Event(says, when, do)


def _on(emptied: bool) -> str:  # noqa: FBT001 - a word for it
    return " on emptied volumes" if emptied else ""


def _pods(world: World, numbers: tuple[int, ...], *, emptied: bool) -> list[Json]:
    """The Pods of these members that exist, with their processes ended and their volumes emptied if asked for."""
    members = (world.record.present[number] for number in numbers)
    found = [pod for name in members if (pod := world.server.find(Kind.POD, NAMESPACE, name)) is not None]
    for pod in found if emptied else ():
        uid = _claim_uid(world, pod["metadata"]["name"])
        if uid in world.etcd.volumes:
            world.etcd.empty(uid)
    return found


def _claim_uid(world: World, member: str) -> str:
    """The UID of a member's claim; empty if it is gone."""
    claim = world.server.find(Kind.CLAIM, NAMESPACE, member)
    return "" if claim is None else str(claim["metadata"]["uid"])
