"""Scenarios of a cluster that is to have other volumes: Kubernetes expands them, or members with others take over.

To replace three members is a long story: it is disturbed once, and told as it is where something else comes in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, membership, moments, storage
from tests.simulation.invariants import require
from tests.simulation.nodes import Nodes
from tests.simulation.scenario import NAMESPACE, Event, Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.world import World

GROWING, FAST = "growing", "fast"
"""StorageClasses besides the default one: the volumes of the first can grow, those of the others cannot."""

_GROWING: Json = {"storage": {"className": GROWING}}
_REPLACING: Json = {"storage": {"resize": "Replace"}}
_ABSURD = "2Ti"


def classes(world: World) -> None:
    """Every StorageClass that is asked for."""
    world.server.create(Kind.STORAGE_CLASS, "", storage.storage_class(GROWING, expands=True))
    world.server.create(Kind.STORAGE_CLASS, "", storage.storage_class(FAST))


def _unread(world: World) -> None:
    """The operator may not read StorageClasses."""
    classes(world)
    world.server.forbidden = frozenset({Kind.STORAGE_CLASS})


def _two_places(world: World) -> None:
    classes(world)
    world.nodes.become("node-0", "node-1", room=1)


def asked(*, when: Callable[[World], bool], **change: str) -> Event:
    """The user asks for other volumes."""
    words = ", ".join(f"{name} {value}" for name, value in change.items())
    return events.change(f"storage becomes {words}", {"storage": change}, when=when)


def _larger(size: str = "16Gi", *, when: Callable[[World], bool]) -> Event:
    return asked(size=size, when=when)


def _changed(
    name: str,
    *script: Event,
    end: Callable[[World], None],
    first: Json | None = None,
    before: Callable[[World], None] = classes,
    disturbed: bool = True,
) -> Scenario:
    wanted = spec({"recovery": {"replaceAfter": "60s"}, **(first or {})})
    after = len(script) if disturbed else len(script) + 1  # more events than ever come
    return Scenario(name, end, wanted, script, before, disturbed_after=after, patience=membership.PATIENCE)


def _does_not_grow(number: int, *, when: Callable[[World], bool]) -> Event:
    """The storage fails at the volume of a member."""

    def do(world: World) -> None:
        world.nodes.stuck = frozenset({world.members[number]})

    return Event(f"the volume of member {number} does not grow", when, do)


def _sizes(world: World) -> list[tuple[int, int]]:
    """What each member's claim asks for and has, in GiB."""
    claims = [world.server.get(Kind.CLAIM, NAMESPACE, member) for member in world.members]
    return [(storage.wanted(claim) >> 30, storage.capacity(claim) >> 30) for claim in claims]


def _one_has_grown(world: World) -> bool:
    return (16, 16) in _sizes(world)


def _one_hangs(world: World) -> None:
    """The first volume has grown, the second does not, which the status says, and the third was not tried."""
    require(world, _sizes(world) == [(16, 16), (16, 8), (8, 8)], f"the claims ask for and have {_sizes(world)}")
    said = [(block["action"], block["reason"]) for block in world.status["plan"]["blocked"]]
    require(world, said == [(f"expand {world.members[1]}", BlockReason.STORAGE)], f"the status says {said}")
    require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
    endings.serves(world)


def _others_have_grown(world: World) -> None:
    """Every volume has grown but that of the first member, which has none yet."""
    require(world, _sizes(world) == [(8, 0), (16, 16), (16, 16)], f"the claims ask for and have {_sizes(world)}")
    endings.serves_with(world, members=3)


def _refused(reason: BlockReason, *, count: int) -> Callable[[World], None]:
    """Nobody is touched, and the status says why."""

    def end(world: World) -> None:
        endings.unharmed(world)
        found = [block["reason"] for block in world.status["plan"]["blocked"]]
        require(world, found == [reason] * count, f"blocked by {found}")

    return end


_READY = moments.admitted(3)
_NODE_OFF = events.on_node_of(0, "is off", Nodes.power_off, when=_READY)
_OTHER = asked(className=FAST, resize="Replace", when=_READY)

GROWN = (
    _changed("volumes grow", _larger(when=_READY), end=endings.replaced(0), first=_GROWING),
    _changed(
        "the volume of a single member grows",
        _larger(when=moments.admitted(1)),
        end=endings.replaced(0, members=1),
        first={"replicas": 1, **_GROWING},
    ),
    _changed(
        "one volume does not grow",
        _does_not_grow(1, when=_READY),
        _larger(when=moments.at_once),
        end=_one_hangs,
        first=_GROWING,
    ),
    _changed(
        "volumes grow while a member has none yet",
        events.hold_back(0, when=moments.claims_made),
        _larger(when=moments.admitted(2)),
        end=_others_have_grown,
        first=_GROWING,
    ),
    _changed(
        "volumes grow twice",
        _larger(when=_READY),
        _larger("20Gi", when=_one_has_grown),
        end=endings.replaced(0),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "volumes grow where StorageClasses may not be read",
        _larger(when=_READY),
        end=endings.replaced(0),
        first=_GROWING,
        before=_unread,
        disturbed=False,
    ),
    _changed(
        "volumes grow while a node is off for good",
        _NODE_OFF,
        _larger(when=moments.at_once),
        end=endings.replaced(1),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "volumes grow and 3 become 5",
        events.change("both change", {"replicas": 5, "storage": {"size": "16Gi"}}, when=_READY),
        end=endings.replaced(0, members=5),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "3 to 0 to 3 with larger volumes",
        membership.resized(0, when=_READY),
        _larger(when=moments.calm),
        membership.resized(3),
        end=endings.replaced(0),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "a full volume grows",
        events.fill_up(0, when=_READY),
        _larger(when=moments.calm),
        end=endings.replaced(0),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "a size that no volume reaches is made smaller",
        _larger(_ABSURD, when=_READY),
        _larger(when=moments.calm),
        end=endings.replaced(0),
        first=_GROWING,
        disturbed=False,
    ),
    _changed(
        "larger volumes, and no place for a member until a node comes",
        _larger(when=moments.admitted(2)),
        events.machines("a node comes", lambda nodes: nodes.come("node-2", room=1), when=moments.calm),
        end=endings.healthy(3),
        first=_GROWING,
        before=_two_places,
        disturbed=False,
    ),
)

REFUSED = (
    _changed(
        "a size that no volume reaches is taken back",
        _larger(_ABSURD, when=_READY),
        _larger("8Gi", when=moments.calm),
        end=endings.replaced(0),
        first=_GROWING,
    ),
    _changed("a larger size is refused", _larger(when=_READY), end=_refused(BlockReason.RESIZE, count=3)),
    _changed(
        "a larger size is refused by Kubernetes",
        _larger(when=_READY),
        end=_refused(BlockReason.REFUSED, count=1),
        before=_unread,
    ),
    _changed(
        "another class is refused",
        asked(className=FAST, when=_READY),
        end=_refused(BlockReason.RESIZE, count=3),
    ),
    _changed(
        "another class is refused until members may be replaced",
        asked(className=FAST, when=_READY),
        asked(resize="Replace", when=moments.calm),
        end=endings.replaced(3),
        disturbed=False,
    ),
    _changed(
        "a larger size is refused and taken back",
        _larger(when=_READY),
        _larger("8Gi", when=moments.calm),
        end=endings.replaced(0),
    ),
)

REPLACED = (
    _changed(
        "members are replaced for larger volumes", _larger(when=_READY), end=endings.replaced(3), first=_REPLACING
    ),
    _changed(
        "a single member is replaced for a larger volume",
        _larger(when=moments.admitted(1)),
        end=endings.replaced(1, members=1),
        first={"replicas": 1, **_REPLACING},
    ),
    _changed("members are replaced for another class", _OTHER, end=endings.replaced(3), disturbed=False),
    _changed(
        "members are replaced for another class, and claims are kept",
        _OTHER,
        end=endings.healthy(3, kept=3),
        first={"storage": {"onScaleIn": "Retain"}},
        disturbed=False,
    ),
    _changed(
        "another class is asked for and taken back while a newcomer learns",
        _OTHER,
        asked(className=storage.STANDARD, when=moments.learning),
        end=endings.healthy(3),
    ),
    _changed(
        "another class is asked for and taken back while a member leaves",
        _OTHER,
        asked(className=storage.STANDARD, when=moments.leaving),
        end=endings.healthy(3),
        disturbed=False,
    ),
    _changed(
        "members may not be replaced any more while a newcomer learns",
        _larger(when=_READY),
        asked(size="8Gi", resize="Expand", when=moments.learning),
        end=endings.healthy(3),
        first=_REPLACING,
        disturbed=False,
    ),
    _changed(
        "members are replaced for larger volumes while a node is off for good",
        _NODE_OFF,
        _larger(when=moments.at_once),
        end=endings.healthy(3),
        first=_REPLACING,
        disturbed=False,
    ),
    _changed(
        "a node goes off for good while members are replaced for larger volumes",
        _larger(when=_READY),
        events.on_node_of(0, "is off", Nodes.power_off, when=moments.learning),
        end=endings.healthy(3),
        first=_REPLACING,
        disturbed=False,
    ),
    *(
        _changed(
            f"{whose} volume is lost while members are replaced for larger ones",
            _larger(when=_READY),
            events.delete_with_claims(number, when=moments.learning),
            end=endings.healthy(3),
            first=_REPLACING,
            disturbed=False,
        )
        for whose, number in (("a member's", 0), ("a newcomer's", 3))
    ),
    *(
        _changed(
            f"members are replaced for larger volumes and {size} become {wanted}",
            events.change(
                "both change", {"replicas": wanted, "storage": {"size": "16Gi"}}, when=moments.admitted(size)
            ),
            end=endings.replaced(size, members=wanted),
            first={"replicas": size, **_REPLACING},
            disturbed=False,
        )
        for size, wanted in ((3, 5), (5, 3))
    ),
    _changed(
        "members are replaced for larger volumes as one is full",
        events.fill_up(0, when=_READY),
        _larger(when=moments.calm),
        end=endings.replaced(3),
        first=_REPLACING,
        disturbed=False,
    ),
    _changed(
        "a size that no storage has is made smaller before the formation",
        _larger(when=moments.calm),
        end=endings.replaced(3),
        first={"storage": {"size": _ABSURD}},
    ),
    _changed(
        "a size that no storage has is made smaller",
        _larger(_ABSURD, when=_READY),
        _larger(when=moments.calm),
        end=endings.replaced(4),
        first=_REPLACING,
        disturbed=False,
    ),
    _changed(
        "a size that no storage has is taken back",
        _larger(_ABSURD, when=_READY),
        _larger("8Gi", when=moments.calm),
        end=endings.replaced(1),
        first=_REPLACING,
    ),
)

ALL = (*GROWN, *REFUSED, *REPLACED)
