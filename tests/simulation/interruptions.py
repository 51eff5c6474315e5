"""What may befall a creation, a scale-out, a scale-in and a replacement at each of their moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, membership, moments
from tests.simulation.nodes import Nodes
from tests.simulation.scenario import NAME, Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.scenario import Event
    from tests.simulation.world import World

_SOON = {"recovery": {"replaceAfter": "60s"}}

CREATION = Scenario("a creation", endings.as_good_as_possible)

GROWTH = Scenario(
    "a scale-out",
    endings.as_good_as_possible,
    spec(_SOON),
    (membership.resized(5, when=moments.admitted(3)),),
    patience=membership.PATIENCE,
)

SHRINKING = Scenario(
    "a scale-in",
    endings.as_good_as_possible,
    spec({"replicas": 5, **_SOON}),
    (membership.resized(3, when=moments.admitted(5)),),
    patience=membership.PATIENCE,
)

REPLACEMENT = Scenario(
    "a replacement",
    endings.as_good_as_possible,
    spec(_SOON),
    (events.claims_lost(0, when=moments.admitted(3)),),
    patience=membership.PATIENCE,
)


def _size(size: int, *, when: Callable[[World], bool]) -> Event:
    return membership.resized(size, when=when)


def _to_members(*numbers: int) -> tuple[Event, ...]:
    """What may befall members by their place in the record: those beyond the first ones are newcomers."""
    when, first = moments.present(max(numbers) + 1), numbers[0]
    return (
        *(
            restart(*numbers, when=when, emptied=emptied)
            for restart in (events.restart_containers, events.restart_sandboxes)
            for emptied in (False, True)
        ),
        events.delete_pods(*numbers, when=when),
        events.delete_with_claims(*numbers, when=when),
        events.evict(first, when=when),
        events.on_node_of(first, "is off", Nodes.power_off, when=when),
        *(events.delete(kind, events.member(first), when=when) for kind in (Kind.SECRET, Kind.SERVICE)),
    )


_OF_A_CREATION = (
    *(
        restart(*numbers, when=moments.named, emptied=emptied)
        for restart in (events.restart_containers, events.restart_sandboxes, events.delete_pods)
        for numbers in ((0,), (1, 2), (0, 1, 2))
        for emptied in (False, True)
    ),
    *(
        events.delete(kind, name, when=moments.named)
        for kind, name in (
            (Kind.SECRET, events.member(0)),
            (Kind.SECRET, events.fixed(f"{NAME}-client")),
            (Kind.SECRET, events.fixed(f"{NAME}-operator")),
            (Kind.SERVICE, events.fixed(NAME)),
            (Kind.SERVICE, events.member(0)),
            (Kind.BUDGET, events.fixed(NAME)),
        )
    ),
    *(_size(size, when=moments.at_once) for size in (1, 5)),
    events.evict(0, when=moments.named),
    events.delete_cluster(when=moments.at_once),
)


def _of_a_change(*accidents: Event, sizes: tuple[int, int]) -> tuple[Event, ...]:
    wishes = (_size(size, when=moments.changing) for size in sizes)
    return (*accidents, *wishes, events.delete_cluster(when=moments.changing))


ALL: dict[str, tuple[Scenario, tuple[Event, ...]]] = {
    base.name: (base, accidents)
    for base, accidents in (
        (CREATION, _OF_A_CREATION),
        (GROWTH, _of_a_change(*_to_members(3), *_to_members(3, 4)[:6], *_to_members(0), sizes=(3, 1))),
        (SHRINKING, _of_a_change(*_to_members(0), *_to_members(4), sizes=(5, 1))),
        (REPLACEMENT, _of_a_change(*_to_members(3), *_to_members(1), sizes=(5, 1))),
    )
}
"""Each story with its accidents, by name."""
