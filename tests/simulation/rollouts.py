"""Scenarios of a cluster whose spec changes: every member is made anew in its turn, or none that need not be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, moments
from tests.simulation.scenario import Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

_MISSING = "example.com/no-etcd"
_FORMER = spec()["image"]["repository"]


def _snapshots(count: int, *, when: Callable[[World], bool]) -> Event:
    return events.change(f"snapshotCount becomes {count}", {"etcd": {"snapshotCount": count}}, when=when)


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


def _rolled(
    name: str,
    *script: Event,
    size: int = 3,
    began: str = "3.6.16",
    end: Callable[[World], None] | None = None,
) -> Scenario:
    wanted: Json = spec({"replicas": size, "version": began, "recovery": {"replaceAfter": "60s"}})
    return Scenario(
        name,
        end or endings.replaced(0, members=size),
        wanted,
        script,
        before=_without_image,
        disturbed_after=1,
        patience=timedelta(seconds=120) if end is not None else timedelta(),
    )


_FIRST = _snapshots(5000, when=moments.admitted(3))


def _version(version: str, *, when: Callable[[World], bool]) -> Event:
    return events.change(f"the version becomes {version}", {"version": version}, when=when)


_UP = (_version("3.6.16", when=moments.admitted(3)), _version("3.7.3", when=moments.calm))

ALL = (
    _rolled("the next minor version is asked for", _version("3.7.3", when=moments.admitted(3))),
    _rolled(
        "the next minor version is asked for and taken back in mid-roll",
        _version("3.7.3", when=moments.admitted(3)),
        _version("3.6.16", when=_made_anew(1)),
    ),
    _rolled("the minor version before is asked for", _version("3.6.16", when=moments.admitted(3)), began="3.7.3"),
    _rolled(
        "the minor version before is asked for and taken back while data is stored for it",
        _version("3.6.16", when=moments.admitted(3)),
        _version("3.7.3", when=_lowered),
        began="3.7.3",
    ),
    _rolled(
        "the minor version before is asked for and taken back in mid-roll",
        _version("3.6.16", when=moments.admitted(3)),
        _version("3.7.3", when=_made_anew(1)),
        began="3.7.3",
    ),
    _rolled("two minor versions one after the other", *_UP, began="3.5.35"),
    _rolled(
        "the second of two minor versions is taken back while the members write their snapshots",
        *_UP,
        _version("3.6.16", when=_writing_snapshots),
        began="3.5.35",
    ),
    _rolled("a setting changes", _FIRST),
    _rolled("a setting of a single member changes", _snapshots(5000, when=moments.admitted(1)), size=1),
    _rolled("a setting changes and changes again in mid-roll", _FIRST, _snapshots(6000, when=_made_anew(1))),
    _rolled("a setting changes and changes back in mid-roll", _FIRST, _snapshots(10000, when=_made_anew(1))),
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
)
