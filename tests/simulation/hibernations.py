"""Scenarios of a cluster of which no members are asked for: all stop, and the same ones come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, moments
from tests.simulation.invariants import require
from tests.simulation.scenario import Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.scenario import Event
    from tests.simulation.world import World


def _size(size: int, *, when: Callable[[World], bool]) -> Event:
    return events.change(f"the size becomes {size}", {"replicas": size}, when=when)


def _stopping(world: World) -> bool:
    """A Pod was told to stop, and has not."""
    return any("deletionTimestamp" in pod["metadata"] for pod in world.server.list(Kind.POD))


def _undisturbed(world: World) -> None:
    """Nobody runs, every volume is there, and nothing stands in the way."""
    endings.asleep(claims=3)(world)
    blocked = world.status["plan"]["blocked"]
    require(world, not blocked, f"blocked by {blocked}")


def _slept(name: str, *script: Event, end: Callable[[World], None], first: int = 3) -> Scenario:
    wanted = spec({"replicas": first, "recovery": {"replaceAfter": "60s"}})
    return Scenario(name, end, wanted, script, disturbed_after=len(script))


_SLEEP = _size(0, when=moments.admitted(3))
_FIVE = _size(5, when=moments.admitted(3))

ALL = (
    _slept("3 to 0", _SLEEP, end=_undisturbed),
    _slept("3 to 0 to 3", _SLEEP, _size(3, when=moments.calm), end=endings.replaced(0)),
    _slept(
        "1 to 0 to 1",
        _size(0, when=moments.admitted(1)),
        _size(1, when=moments.calm),
        end=endings.replaced(0, members=1),
        first=1,
    ),
    _slept("3 to 0 to 5", _SLEEP, _size(5, when=moments.calm), end=endings.replaced(0, members=5)),
    _slept("3 to 0 to 1", _SLEEP, _size(1, when=moments.calm), end=endings.replaced(2, members=1)),
    _slept(
        "3 to 5 to 0 to 5 while a newcomer learns",
        _FIVE,
        _size(0, when=moments.learning),
        _size(5, when=moments.calm),
        end=endings.healthy(5),
    ),
    _slept("3 to 0 to 3 before all have stopped", _SLEEP, _size(3, when=_stopping), end=endings.replaced(0)),
    _slept(
        "3 to 0 to 3 with a volume that is gone meanwhile",
        _SLEEP,
        events.delete(Kind.CLAIM, events.member(1), when=moments.calm),
        _size(3, when=moments.calm),
        end=endings.replaced(1),
    ),
    _slept(
        "3 to 0 to 3 with another setting",
        _SLEEP,
        events.change("a setting changes", {"etcd": {"snapshotCount": 5000}}, when=moments.calm),
        _size(3, when=moments.calm),
        end=endings.replaced(0),
    ),
    Scenario(
        "3 to 0 to 3 before the formation",
        endings.healthy(3),
        spec({"replicas": 3}),
        (_size(0, when=moments.pods_made), _size(3, when=moments.calm)),
    ),
    Scenario("0 from the beginning, then 3", endings.healthy(3), spec({"replicas": 0}), (_size(3, when=moments.calm),)),
)
