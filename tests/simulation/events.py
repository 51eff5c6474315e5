"""What comes from outside: what users ask for, what machines do, and what people delete by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.kube.errors import Refused
from etcd_operator.resources.kinds import Kind
from tests.simulation.scenario import NAME, NAMESPACE, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.nodes import Nodes
    from tests.simulation.world import World


def change(says: str, part: Json, *, when: Callable[[World], bool]) -> Event:
    """The user changes the spec; the API server may refuse it once the cluster has formed."""

    def do(world: World) -> None:
        try:
            world.server.patch(Kind.CLUSTER, NAMESPACE, NAME, {"spec": part})
        except Refused as refused:
            world.tell(f"refused: {refused.message}")

    return Event(says, when, do)


def delete_cluster(*, when: Callable[[World], bool]) -> Event:
    """The user deletes the EtcdCluster."""
    return Event("the EtcdCluster is deleted", when, lambda world: world.server.delete(Kind.CLUSTER, NAMESPACE, NAME))


def create_again(*, when: Callable[[World], bool]) -> Event:
    """The user applies the same manifest again."""
    return Event("the EtcdCluster is created again", when, lambda world: world.create_cluster())


def delete(kind: Kind, name: Callable[[World], str], *, when: Callable[[World], bool]) -> Event:
    """Somebody deletes an object by hand, if it is there."""

    def do(world: World) -> None:
        if world.server.find(kind, NAMESPACE, name(world)) is not None:
            world.server.delete(kind, NAMESPACE, name(world))

    return Event(f"a {kind.value.kind} is deleted by hand", when, do)


def create_foreign(kind: Kind, name: str, labels: dict[str, str], *, when: Callable[[World], bool]) -> Event:
    """Somebody makes an object of their own."""
    body = {"metadata": {"name": name, "labels": labels}, "spec": {"selector": {"app": "theirs"}}}
    return Event(
        f"somebody makes a {kind.value.kind} {name}", when, lambda world: world.server.create(kind, NAMESPACE, body)
    )


def member(number: int) -> Callable[[World], str]:
    """The name of a first member, by its place in the record."""
    return lambda world: world.members[number]


def fixed(name: str) -> Callable[[World], str]:
    """A name that is always the same."""
    return lambda _: name


def wipe_status(*parts: str, when: Callable[[World], bool]) -> Event:
    """Somebody removes parts of the status by hand."""

    def do(world: World) -> None:
        wiped = {"status": dict.fromkeys(parts)}
        world.server.patch(Kind.CLUSTER, NAMESPACE, NAME, wiped, status=True)

    return Event(f"{', '.join(parts)} of the status is removed by hand", when, do)


def restore_record(*, when: Callable[[World], bool]) -> Event:
    """Somebody puts the recorded names back, as the condition asks."""

    def do(world: World) -> None:
        record = {"bootstrap": {"members": list(world.history.named), "abandoned": []}}
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


def machines(says: str, do: Callable[[Nodes], None], *, when: Callable[[World], bool]) -> Event:
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
        world.etcd.cut = frozenset(world.members[number] for number in numbers)

    return Event(f"members {numbers} are cut off", when, do)


def hold_back(*numbers: int, when: Callable[[World], bool]) -> Event:
    """The Pods of these members do not get on: a slow node, a slow volume."""

    def do(world: World) -> None:
        world.nodes.held = frozenset(world.members[number] for number in numbers)

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


def _on(emptied: bool) -> str:  # noqa: FBT001 - a word for it
    return " on emptied volumes" if emptied else ""


def _pods(world: World, numbers: tuple[int, ...], *, emptied: bool) -> list[Json]:
    """The Pods of these members that exist, with their processes ended and their volumes emptied if asked for."""
    found = [
        pod for number in numbers if (pod := world.server.find(Kind.POD, NAMESPACE, world.members[number])) is not None
    ]
    for pod in found if emptied else ():
        claim = world.server.get(Kind.CLAIM, NAMESPACE, pod["metadata"]["name"])
        if claim["metadata"]["uid"] in world.etcd.volumes:
            world.etcd.empty(claim["metadata"]["uid"])
    return found
