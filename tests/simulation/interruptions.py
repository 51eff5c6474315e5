"""What may befall a cluster at each moment of whatever is done to it: of a creation, a roll, an upgrade and others.

To the longer stories happens only what befalls their own steps otherwise than a scale-out's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, membership, moments, rollouts, storage, volume_changes
from tests.simulation.nodes import Nodes
from tests.simulation.scenario import NAME, Scenario, nothing, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

_READY = moments.admitted(3)

CREATION = Scenario("a creation", endings.as_good_as_possible)


def _story(name: str, *script: Event, first: Json | None = None, before: Callable[[World], None] = nothing) -> Scenario:
    """What is done to a cluster of three, or as `first` has it, that may replace a member within a minute."""
    wanted = spec({"recovery": {"replaceAfter": "60s"}, **(first or {})})
    return Scenario(name, endings.as_good_as_possible, wanted, script, before, patience=membership.PATIENCE)


def _size(size: int, *, when: Callable[[World], bool]) -> Event:
    return membership.resized(size, when=when)


GROWTH = _story("a scale-out", _size(5, when=_READY))
SHRINKING = _story("a scale-in", _size(3, when=moments.admitted(5)), first={"replicas": 5})
REPLACEMENT = _story("a replacement", events.claims_lost(0, when=_READY))
ROLL = _story("a roll", rollouts.snapshots(5000, when=_READY))
UPGRADE = _story("a minor upgrade", rollouts.version("3.7.3", when=_READY))
DOWNGRADE = _story("a downgrade", rollouts.version("3.6.16", when=_READY), first={"version": "3.7.3"})
WAKING = _story("waking", _size(0, when=_READY), _size(3, when=moments.calm))
OTHER_VOLUMES = _story(
    "a replacement of volumes",
    volume_changes.asked(className=volume_changes.FAST, resize="Replace", when=_READY),
    before=volume_changes.classes,
)


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


def _of_a_change(*accidents: Event, sizes: tuple[int, ...]) -> tuple[Event, ...]:
    wishes = (_size(size, when=moments.changing) for size in sizes)
    return (*accidents, *wishes, events.delete_cluster(when=moments.changing))


def _to_one(number: int) -> tuple[Event, ...]:
    """The least that may befall a member: its Pod, its data or its node is gone."""
    when = moments.present(number + 1)
    return (
        events.delete_pods(number, when=when),
        events.delete_with_claims(number, when=when),
        events.on_node_of(number, "is off", Nodes.power_off, when=when),
    )


def _of_a_version(*, taken_back: str, sizes: tuple[int, int]) -> tuple[Event, ...]:
    return _of_a_change(
        events.delete_with_claims(0, when=moments.changing),
        events.on_leaders_node("is off", Nodes.power_off, when=moments.led),
        rollouts.version(taken_back, when=moments.changing),
        sizes=sizes,
    )


ALL: dict[str, tuple[Scenario, tuple[Event, ...]]] = {
    base.name: (base, accidents)
    for base, accidents in (
        (CREATION, _OF_A_CREATION),
        (GROWTH, _of_a_change(*_to_members(3), *_to_members(3, 4)[:6], *_to_members(0), sizes=(3, 1))),
        (SHRINKING, _of_a_change(*_to_members(0), *_to_members(4), sizes=(5, 1))),
        (REPLACEMENT, _of_a_change(*_to_members(3), *_to_members(1), sizes=(5, 1))),
        (
            ROLL,
            _of_a_change(
                events.restart_containers(0, when=moments.changing),
                *_to_one(0),
                events.on_leaders_node("is off", Nodes.power_off, when=moments.led),
                rollouts.snapshots(None, when=moments.changing),
                sizes=(5, 1, 0),
            ),
        ),
        (UPGRADE, _of_a_version(taken_back="3.6.16", sizes=(1, 0))),
        (DOWNGRADE, _of_a_version(taken_back="3.7.3", sizes=(5, 0))),
        (
            WAKING,
            _of_a_change(
                events.restart_containers(0, when=moments.changing),
                *_to_one(0),
                events.delete_with_claims(1, 2, when=moments.changing),
                rollouts.snapshots(5000, when=moments.changing),
                sizes=(5, 1, 0),
            ),
        ),
        (
            OTHER_VOLUMES,
            _of_a_change(
                *_to_one(3),
                events.delete_with_claims(0, when=moments.changing),
                volume_changes.asked(className=storage.STANDARD, when=moments.changing),
                sizes=(1, 0),
            ),
        ),
    )
}
"""Each story with its accidents, by name."""
