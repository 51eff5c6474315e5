"""When an event of a scenario comes: predicates over a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import ROLE
from tests.simulation.world import WRITES_PER_PHASE

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return bool(world.members) and claims >= set(world.members)


def pods_made(world: World) -> bool:
    """Every first member has a Pod."""
    pods = {body["metadata"]["name"] for body in world.server.list(Kind.POD)}
    return bool(world.members) and pods >= set(world.members)


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


def gone(world: World) -> bool:
    """The EtcdCluster is gone; what it owned may still be there."""
    return world.cluster is None
