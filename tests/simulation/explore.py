"""Runs a scenario once undisturbed, and then again from each of its moments with everything that may go wrong there.

A run is followed until it ends as the scenario demands, or reaches a moment from which that was already shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from tests.simulation.fingerprint import fingerprint, forget
from tests.simulation.invariants import require
from tests.simulation.port import Call
from tests.simulation.wire import Fate, Mishap
from tests.simulation.world import World

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator

    from tests.simulation.changes import Change
    from tests.simulation.scenario import Event, Scenario

LIMIT = 150
"""Ticks within which every run must end, however it was disturbed."""

LATEST = 10
"""Ticks for which a call of an earlier leader may be on its way. The fence (kube/fence.py) starts none that may take
longer than its Lease, and a call gives up after four seconds.
"""

STALE = (Kind.CLUSTER, Kind.POD, Kind.CLAIM, Kind.SECRET, Kind.SERVICE, Kind.BUDGET)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the undisturbed run: the world just before a tick with its fingerprint, and what came of the tick.

    `calls` are the operator's writes in it, `phase` is how many events of the scenario had come after it.
    """

    world: World
    mark: str
    calls: tuple[Call | Change, ...]
    phase: int

    def is_like(self, other: Moment) -> bool:
        """Whether nothing happened from the one to the other, so that the same disturbance has the same result."""
        return self.mark == other.mark and not self.calls and not other.calls and self.phase == other.phase


@dataclass(slots=True)
class Tally:
    """What was tried: scenarios, runs that were disturbed, ticks in all, and the distinct moments that were met."""

    scenarios: int = 0
    perturbations: int = 0
    ticks: int = 0
    states: set[str] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        """Count what another one has counted."""
        self.scenarios += other.scenarios
        self.perturbations += other.perturbations
        self.ticks += other.ticks
        self.states |= other.states


@dataclass(slots=True)
class Explorer:
    """Explores scenarios, and counts."""

    loop: asyncio.AbstractEventLoop
    tally: Tally = field(default_factory=Tally)

    def explore(self, scenario: Scenario) -> None:
        """Try everything; raises Violated, with the story of the run, for the first thing that goes wrong."""
        self.tally.scenarios += 1
        proven: set[str] = set()
        moments = self.follow(World.of(scenario, self.loop), proven)
        for world in self._disturbed(moments):
            self.tally.perturbations += 1
            self.follow(world, proven)
        self.tally.states |= proven
        forget()

    def interrupt(self, scenario: Scenario, accidents: Iterable[Event]) -> None:
        """Let each accident happen at each moment of the undisturbed run at which it can."""
        self.tally.scenarios += 1
        proven: set[str] = set()
        moments = self.follow(World.of(scenario, self.loop), proven)
        for accident in accidents:
            for moment in moments:
                if accident.when(moment.world):
                    world = moment.world.copy()
                    world.meet(accident)
                    self.tally.perturbations += 1
                    self.follow(world, proven)
        self.tally.states |= proven
        forget()

    def follow(self, world: World, proven: set[str]) -> list[Moment]:
        """Let the world go on to its end, and add its moments to those from which all ends well; returns them."""
        moments: list[Moment] = []
        met: list[str] = []
        while not world.ended:
            mark = f"{world.scenario.name} {fingerprint(world)}"
            if mark in proven:
                break
            met.append(mark)
            require(world, world.ticks < LIMIT, f"L1: not at its end after {LIMIT} ticks")
            before = world.copy()
            world.tick()
            self.tally.ticks += 1
            moments.append(Moment(before, mark, world.calls, world.phase))
        else:
            world.conclude()
        proven.update(met)
        return moments

    def _disturbed(self, moments: list[Moment]) -> Iterator[World]:
        for place, moment in enumerate(moments):
            if moment.phase < moment.world.scenario.disturbed_after:
                continue
            earlier = moments[:place]
            if earlier and moment.is_like(earlier[-1]):
                continue
            for fate in (*_mishaps(moment), *_stale(moment, earlier)):
                yield self._under(moment, fate)
            for past in earlier[-LATEST:]:
                yield from _late(moment, past.calls)

    def _under(self, moment: Moment, fate: Fate) -> World:
        """The moment after a tick in which the operator met `fate`."""
        world = moment.world.copy()
        world.tell(f"- {fate.mishap.value if fate.mishap else 'reads what is stale'}")
        world.tick(fate)
        world.quiet = 0
        self.tally.ticks += 1
        return world


def _mishaps(moment: Moment) -> Iterator[Fate]:
    """Each mishap at each write. Nothing is decided from events: for them an end of the operator stands for all."""
    for number, call in enumerate(moment.calls):
        mishaps = (Mishap.CRASH,) if isinstance(call, Call) and call.kind is Kind.EVENT else Mishap
        yield from (Fate(number, mishap) for mishap in mishaps)


def _stale(moment: Moment, earlier: list[Moment]) -> Iterator[Fate]:
    """Each kind alone as it was before its last change, as a cache that is behind would show it, and what members said.

    Then everything as it was a little before: what a replica does that was stopped after it had looked.
    """
    for kind in STALE:
        now = moment.world.server.list(kind)
        behind = next((past for past in reversed(earlier) if past.world.server.list(kind) != now), None)
        if behind is not None:
            yield Fate(stale={kind: behind.world.server})
    behind = next(
        (past for past in reversed(earlier) if past.world.etcd.processes != moment.world.etcd.processes), None
    )
    if behind is not None:
        yield Fate(past=behind.world.etcd)
    for past in (earlier[-1:], earlier[-3:-2]):
        for seen in past:
            yield Fate(stale=dict.fromkeys(STALE, seen.world.server), past=seen.world.etcd, frozen=True)


def _late(moment: Moment, calls: tuple[Call | Change, ...]) -> Iterator[World]:
    """Calls of an earlier leader that arrive now: each alone, and all that it meant to do in its pass."""
    for together in (*((call,) for call in calls), calls):
        world = moment.world.copy()
        before = dict(world.server.objects), dict(world.etcd.processes)
        for call in together:
            world.arrive(call)
        if before != (world.server.objects, world.etcd.processes):
            yield replace(world, quiet=0)
