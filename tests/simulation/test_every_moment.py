"""Accidents at each moment of a creation, not only at those that somebody thought of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, moments
from tests.simulation.scenario import NAME, Scenario

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer
    from tests.simulation.scenario import Event

CREATION = Scenario("create 3", endings.as_good_as_possible)

RESTARTS = tuple(
    restart(*numbers, when=moments.named, emptied=emptied)
    for restart in (events.restart_containers, events.restart_sandboxes, events.delete_pods)
    for numbers in ((0,), (1, 2), (0, 1, 2))
    for emptied in (False, True)
)

DELETIONS = tuple(
    events.delete(kind, name, when=moments.named)
    for kind, name in (
        (Kind.SECRET, events.member(0)),
        (Kind.SECRET, events.fixed(f"{NAME}-client")),
        (Kind.SECRET, events.fixed(f"{NAME}-operator")),
        (Kind.SERVICE, events.fixed(NAME)),
        (Kind.SERVICE, events.member(0)),
        (Kind.BUDGET, events.fixed(NAME)),
    )
)

WISHES = tuple(events.change(f"the size becomes {size}", {"replicas": size}, when=moments.at_once) for size in (1, 5))


@pytest.mark.parametrize(
    "accident",
    [
        *RESTARTS,
        *DELETIONS,
        *WISHES,
        events.evict(0, when=moments.named),
        events.delete_cluster(when=moments.at_once),
    ],
    ids=lambda accident: accident.says,
)
def test_a_creation_gets_over_it_at_any_moment(explorer: Explorer, accident: Event) -> None:
    explorer.interrupt(CREATION, [accident])
