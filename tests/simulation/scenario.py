"""What a scenario is made of: a specification, events that come when their moment is there, and how it must end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.kubernetes import merged
from tests.spec import shortest

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.world import World

NAMESPACE, NAME = "shop", "orders"

_DEFAULTS: Json = shortest()


def spec(change: Json | None = None) -> Json:
    """The spec of the shortest EtcdCluster, with the CRD's defaults, and `change` laid over it."""
    laid: Json = merged(_DEFAULTS, change or {})
    return laid


@dataclass(frozen=True, slots=True)
class Event:
    """Something that comes from outside, once, as soon as `when` holds."""

    says: str
    when: Callable[[World], bool]
    do: Callable[[World], object]


def nothing(_: World) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: `before` prepares the world, and `end` raises Violated when it has ended otherwise than it must.

    It is disturbed once `disturbed_after` of its events have come: what is before that is another scenario's story. It
    has ended when nothing has changed for `patience`: as long as somebody in it waits for a time to pass.
    """

    name: str
    end: Callable[[World], None]
    spec: Json = field(default_factory=spec)
    script: tuple[Event, ...] = ()
    before: Callable[[World], None] = nothing
    disturbed_after: int = 0
    patience: timedelta = timedelta()
