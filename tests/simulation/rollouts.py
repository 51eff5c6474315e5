"""Scenarios of a cluster whose spec changes: every member is made anew in its turn, or none that need not be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, membership, moments
from tests.simulation.scenario import Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

_MISSING = "example.com/no-etcd"
_FORMER = spec()["image"]["repository"]


def snapshots(count: int | None, *, when: Callable[[World], bool]) -> Event:
    """The user asks for another setting, or leaves it to the operator again."""
    return events.change(f"snapshotCount becomes {count}", {"etcd": {"snapshotCount": count}}, when=when)


def version(text: str, *, when: Callable[[World], bool]) -> Event:
    """The user asks for another version."""
    return events.change(f"the version becomes {text}", {"version": text}, when=when)


def _image(repository: str, *, when: Callable[[World], bool]) -> Event:
    return events.change(f"the image becomes {repository}", {"image": {"repository": repository}}, when=when)


def _made_anew(count: int) -> Callable[[World], bool]:
    """That many members have another Pod than their first."""
    return lambda world: sum(not pod["metadata"]["uid"].endswith("-1") for pod in world.server.list(Kind.POD)) >= count


def _without_image(world: World) -> None:
    world.nodes.missing_images = frozenset({f"{_MISSING}:v{spec()['version']}"})


def _writing_snapshots(world: World) -> bool:
    """One member has its third Pod, with which it writes a snapshot."""
    third = any(pod["metadata"]["uid"].endswith("-3") for pod in world.server.list(Kind.POD))
    return world.record.snapshots and third


def _lowered(world: World) -> bool:
    return any(leader.data.journal.lowered for leader in world.etcd.leaders)


def _accepted(text: str) -> Callable[[World], bool]:
    return lambda world: world.record.version == text


def _raised(world: World) -> bool:
    """The data is that of 3.7, and the operator has not seen that yet."""
    return any(data.journal.version == 7 for data in world.etcd.stored.values())


def _rolled(
    name: str,
    *script: Event,
    size: int = 3,
    began: str = "3.6.16",
    end: Callable[[World], None] | None = None,
    disturbed_after: int = 1,
) -> Scenario:
    wanted: Json = spec({"replicas": size, "version": began, "recovery": {"replaceAfter": "60s"}})
    return Scenario(
        name,
        end or endings.replaced(0, members=size),
        wanted,
        script,
        before=_without_image,
        disturbed_after=disturbed_after,
        patience=timedelta(seconds=120) if end is not None else timedelta(),
    )


_FIRST = snapshots(5000, when=moments.admitted(3))


_UP = (version("3.6.16", when=moments.admitted(3)), version("3.7.3", when=moments.calm))

ALL = (
    _rolled("the next minor version is asked for", version("3.7.3", when=moments.admitted(3))),
    _rolled(
        "the next minor version is asked for and taken back in mid-roll",
        version("3.7.3", when=moments.admitted(3)),
        version("3.6.16", when=_made_anew(1)),
    ),
    _rolled("the minor version before is asked for", version("3.6.16", when=moments.admitted(3)), began="3.7.3"),
    _rolled(
        "the minor version before is asked for and taken back while data is stored for it",
        version("3.6.16", when=moments.admitted(3)),
        version("3.7.3", when=_lowered),
        began="3.7.3",
    ),
    _rolled(
        "the minor version before is asked for and taken back in mid-roll",
        version("3.6.16", when=moments.admitted(3)),
        version("3.7.3", when=_made_anew(1)),
        began="3.7.3",
    ),
    _rolled("two minor versions one after the other", *_UP, began="3.5.35"),
    _rolled(
        "the second of two minor versions is taken back while the members write their snapshots",
        *_UP,
        version("3.6.16", when=_writing_snapshots),
        began="3.5.35",
    ),
    _rolled(
        "the minor version before is asked for before any member runs the next one",
        version("3.7.3", when=moments.admitted(1)),
        version("3.5.35", when=_accepted("3.7.3")),
        size=1,
        end=endings.as_good_as_possible,
    ),
    _rolled(
        "the next minor version is asked for before any member runs the one before",
        version("3.5.35", when=moments.admitted(3)),
        version("3.7.3", when=_accepted("3.5.35")),
    ),
    _rolled(
        "a version to which no way leads is asked for when members have begun with another",
        version("3.7.3", when=moments.running(1)),
        began="3.5.35",
        end=endings.as_good_as_possible,
    ),
    _rolled(
        "the version before is asked for when nobody can tell that it is too low, and taken back in two steps",
        version("3.7.3", when=moments.admitted(1)),
        membership.resized(0, when=_raised),
        version("3.6.15", when=moments.calm),
        membership.resized(1),
        version("3.6.16", when=moments.calm),
        version("3.7.3", when=moments.calm),
        began="3.6.15",
        size=1,
        disturbed_after=4,
    ),
    _rolled(
        "the version before is asked for when nobody can tell that it is too low, and a Pod is made of it",
        version("3.6.16", when=moments.admitted(3)),
        events.hide(0, 1, 2, when=_made_anew(3)),
        version("3.5.35", when=moments.calm),
        events.delete_pods(0, when=_accepted("3.5.35")),
        events.show(when=moments.calm),
        began="3.5.35",
        disturbed_after=3,
    ),
    _rolled(
        "a setting changes while the operator does not reach a member",
        events.hide(1, when=moments.admitted(3)),
        snapshots(5000, when=moments.at_once),
        events.show(when=moments.calm),
        disturbed_after=2,
    ),
    _rolled("a setting changes", _FIRST),
    _rolled("a setting of a single member changes", snapshots(5000, when=moments.admitted(1)), size=1),
    _rolled("a setting changes and changes again in mid-roll", _FIRST, snapshots(6000, when=_made_anew(1))),
    _rolled("a setting changes and changes back in mid-roll", _FIRST, snapshots(10000, when=_made_anew(1))),
    _rolled(
        "an image that does not exist is taken back",
        _image(_MISSING, when=moments.admitted(3)),
        _image(_FORMER, when=moments.calm),
    ),
    _rolled(
        "a setting and the size change together",
        events.change("both change", {"replicas": 5, "etcd": {"snapshotCount": 5000}}, when=moments.admitted(3)),
        end=endings.healthy(5),
    ),
    _rolled("a volume is lost in mid-roll", _FIRST, events.claims_lost(0, when=_made_anew(1)), end=endings.replaced(1)),
    Scenario(
        "an image that does not exist stays in a formed cluster",
        endings.degraded(3, lost=1, reason=BlockReason.IMAGE),
        script=(_image(_MISSING, when=moments.admitted(3)),),
        before=_without_image,
        disturbed_after=1,
    ),
    Scenario(
        "a container restarts while an image that does not exist stays at another member",
        endings.degraded(3, lost=1, reason=BlockReason.IMAGE),
        script=(_image(_MISSING, when=moments.admitted(3)), events.restart_containers(1, when=moments.calm)),
        before=_without_image,
        disturbed_after=2,
    ),
)
