"""When an event of a scenario comes: predicates over a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import ROLE
from etcd_operator.resources.pod import START_CHECK_CONTAINER
from tests.simulation.reconfiguration import HEALTH_INTERVAL
from tests.simulation.truth import truth
from tests.simulation.world import WRITES_PER_PHASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tests.simulation.world import World


def at_once(_: World) -> bool:
    """Without delay."""
    return True


def named(world: World) -> bool:
    """The first members have names, and nothing else yet, if the operator is interrupted there."""
    return bool(world.members)


def claims_made(world: World) -> bool:
    """Every first member has a claim."""
    claims = {body["metadata"]["name"] for body in world.server.list(Kind.CLAIM)}
    return bool(world.members) and claims >= set(world.record.present)


def pods_made(world: World) -> bool:
    """Every first member has a Pod."""
    pods = {body["metadata"]["name"] for body in world.server.list(Kind.POD)}
    return bool(world.members) and pods >= set(world.record.present)


def born_again(number: int) -> Callable[[World], bool]:
    """A member has another Pod than its first."""
    return lambda world: (
        f"pod-{world.record.present[number]}-2" in {body["metadata"]["uid"] for body in world.server.list(Kind.POD)}
    )


def running(count: int) -> Callable[[World], bool]:
    """That many etcd processes run."""
    return lambda world: len(world.etcd.processes) >= count


def formed(world: World) -> bool:
    """The cluster ID is latched."""
    return world.formed


def admitted(count: int) -> Callable[[World], bool]:
    """Clients may reach that many members, and the application has written what it wants."""
    return lambda world: (
        sum(1 for pod in world.server.list(Kind.POD) if ROLE in pod["metadata"]["labels"]) >= count
        and len(world.history.acknowledged) >= WRITES_PER_PHASE * (world.phase + 1)
    )


def calm(world: World) -> bool:
    """Nothing changes any more."""
    return world.quiet > 1


def rested(world: World) -> bool:
    """All members have been connected for as long as etcd wants before it changes anything."""
    since = world.etcd.links.values()
    return admitted(3)(world) and all((world.server.now - moment).total_seconds() > HEALTH_INTERVAL for moment in since)


def learning(world: World) -> bool:
    """A newcomer is in etcd's list."""
    return any(member.is_learner for leader in world.etcd.leaders for member in leader.data.journal.members)


def unrecorded(world: World) -> bool:
    """A newcomer votes, and the record does not say so yet."""
    return world.formed and not truth(world).voters <= set(world.members)


def leaving(world: World) -> bool:
    """A member is chosen to leave."""
    return world.record.removing is not None


def at_gate(world: World) -> bool:
    """A newcomer waits at the gate."""
    return any(box.stage == START_CHECK_CONTAINER and box.running for box in world.nodes.sandboxes.values())


def replaced(world: World) -> bool:
    """A member has been replaced, and nothing changes any more."""
    return bool(world.history.dismissed) and not world.record.joining and calm(world)


def changing(world: World) -> bool:
    """Everything has come that the scenario has, and not all of it is done."""
    return world.phase == len(world.scenario.script) and not calm(world)


def led(world: World) -> bool:
    """As `changing`, while somebody leads."""
    return changing(world) and bool(world.etcd.leaders)


def present(count: int) -> Callable[[World], bool]:
    """As `changing`, with that many members in the record."""
    return lambda world: changing(world) and len(world.record.present) >= count


def after(time: timedelta) -> Callable[[World], bool]:
    """Nothing has happened for some time."""
    return lambda world: world.server.now - world.changed >= time


def gone(world: World) -> bool:
    """The EtcdCluster is gone; what it owned may still be there."""
    return world.cluster is None
