"""Histories that nobody thought of: wishes, accidents and repairs in any order, and then peace.

Whatever came before, a cluster is as good as possible once nothing happens any more, and nothing that must never happen
has happened on the way (invariants.py). The histories are the same in every run, so that a failure comes back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from etcd_operator.api.cluster import Resize
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.quantity import whole_number
from tests.simulation import endings, events, membership, moments, rollouts, volume_changes
from tests.simulation.changes import Remove
from tests.simulation.explore import STALE
from tests.simulation.invariants import require
from tests.simulation.nodes import ZONES, Nodes
from tests.simulation.scenario import NAME, NAMESPACE, Scenario, spec
from tests.simulation.storage import STANDARD
from tests.simulation.truth import truth
from tests.simulation.volume_changes import FAST, GROWING
from tests.simulation.wire import Fate, Mishap
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.scenario import Event

HISTORY = Scenario(
    "any history", endings.as_good_as_possible, before=volume_changes.classes, patience=membership.PATIENCE
)

LONGEST = 300
"""Ticks within which peace must come: five members may be replaced, and be made anew twice for another version."""

_NOW = moments.at_once
_NUMBERS, _NODES = st.integers(0, 4), st.sampled_from(sorted(ZONES))
_VERSIONS = st.sampled_from(("3.5.35", "3.6.15", "3.6.16", "3.7.3"))
_SIZES, _CLASSES = st.sampled_from(("8Gi", "16Gi")), st.sampled_from((STANDARD, GROWING, FAST))

ACCIDENTS: dict[str, Callable[[int], Event]] = {
    "container": lambda number: events.restart_containers(number, when=_NOW),
    "sandbox": lambda number: events.restart_sandboxes(number, when=_NOW),
    "Pod": lambda number: events.delete_pods(number, when=_NOW),
    "eviction": lambda number: events.evict(number, when=_NOW),
    "Secret": lambda number: events.delete(Kind.SECRET, events.member(number), when=_NOW),
    "Service": lambda number: events.delete(Kind.SERVICE, events.member(number), when=_NOW),
    "network": lambda number: events.cut_off(number, when=_NOW),
    "log": lambda number: events.slow_down(number, when=_NOW),
    "reach": lambda number: events.hide(number, when=_NOW),
    "disk": lambda number: events.fill_up(number, when=_NOW),
}

LOSSES: dict[str, Callable[[int], Event]] = {
    "volume": lambda number: events.claims_lost(number, when=_NOW),
    "claim": lambda number: events.delete_with_claims(number, when=_NOW),
    "files": lambda number: events.restart_sandboxes(number, when=_NOW, emptied=True),
    "files under a container": lambda number: events.restart_containers(number, when=_NOW, emptied=True),
    "damage": lambda number: events.damage(number, when=_NOW),
}

MACHINES: dict[str, Callable[[Nodes, str], object]] = {
    "off": Nodes.power_off,
    "cut off": Nodes.cut_off,
    "on": Nodes.power_on,
    "cordoned": Nodes.cordon,
}


class AnyHistory(RuleBasedStateMachine):
    """A world to which anything may happen at any time."""

    world: World
    past: list[World]

    @initialize(size=st.sampled_from((1, 3, 5)), version=_VERSIONS, ready=st.booleans())
    def begin(self, *, size: int, version: str, ready: bool) -> None:
        """Create a cluster, and let it become ready or not."""
        self.loop = asyncio.new_event_loop()
        wanted = spec({"replicas": size, "version": version, "recovery": {"replaceAfter": "60s"}})
        self.world, self.past = World.of(replace(HISTORY, spec=wanted), self.loop), []
        while ready and not moments.calm(self.world):
            self.live(ticks=1)

    @rule(ticks=st.integers(1, 8))
    def live(self, *, ticks: int) -> None:
        """Let it go on."""
        for _ in range(ticks):
            self.past = [*self.past[-3:], self.world.copy()]
            self.world.tick()

    @rule(number=st.integers(0, 3), mishap=st.sampled_from(Mishap))
    def suffer(self, *, number: int, mishap: Mishap) -> None:
        """A mishap at one of the operator's calls."""
        self.world.tick(Fate(number, mishap))

    @rule()
    def thaw(self) -> None:
        """A replica acts that had looked a while ago and was stopped then."""
        if self.past:
            seen = self.past[0]
            self.world.tick(Fate(stale=dict.fromkeys(STALE, seen.server), past=seen.etcd, frozen=True))

    @rule(size=st.sampled_from((0, 1, 3, 5)))
    def wish(self, *, size: int) -> None:
        """Another size is asked for, or that all sleep."""
        self._meet(membership.resized(size, when=_NOW))

    @rule(version=_VERSIONS)
    def wish_for_version(self, *, version: str) -> None:
        """Another version is asked for, to which a way may lead or not."""
        self._meet(rollouts.version(version, when=_NOW))

    @rule(count=st.sampled_from((5000, 6000, None)))
    def wish_for_setting(self, *, count: int | None) -> None:
        """Another setting is asked for."""
        self._meet(rollouts.snapshots(count, when=_NOW))

    @rule(size=_SIZES, class_name=_CLASSES, resize=st.sampled_from(Resize))
    def wish_for_volumes(self, *, size: str, class_name: str, resize: Resize) -> None:
        """Other volumes are asked for, but no smaller ones."""
        if self.world.cluster is not None:
            size = max(size, self.world.cluster["spec"]["storage"]["size"], key=whole_number)
            change = {"size": size, "className": class_name, "resize": resize.value}
            self._meet(events.change(f"storage becomes {change}", {"storage": change}, when=_NOW))

    @rule(what=st.sampled_from(sorted(ACCIDENTS)), number=_NUMBERS)
    def accident(self, *, what: str, number: int) -> None:
        """Something happens to a member that costs no data."""
        self._befall(ACCIDENTS[what], number)

    @rule(what=st.sampled_from(sorted(LOSSES)), number=_NUMBERS)
    def loss(self, *, what: str, number: int) -> None:
        """A member loses its data."""
        self._befall(LOSSES[what], number)

    @rule(what=st.sampled_from(sorted(MACHINES)), name=_NODES)
    def machine(self, *, what: str, name: str) -> None:
        """Something happens to a node."""
        self._meet(events.machines(f"{name} is {what}", lambda nodes: MACHINES[what](nodes, name), when=_NOW))

    @rule(up=st.booleans())
    def operator(self, *, up: bool) -> None:
        """The operator ends, or begins."""
        self._meet((events.operator_starts if up else events.operator_stops)(when=_NOW))

    @rule(paused=st.booleans())
    def pause(self, *, paused: bool) -> None:
        """The user wants nothing to be done, or anything again."""
        self._meet(events.change(f"paused: {paused}", {"paused": paused}, when=_NOW))

    @rule(number=_NUMBERS)
    def expel(self, *, number: int) -> None:
        """Somebody who has credentials removes a voter with etcdctl, if etcd lets them."""
        voters = sorted(truth(self.world).voters) if self.world.formed else []
        if not voters:
            return
        name = voters[number % len(voters)]
        leaver = Remove(truth(self.world).members[name].id)
        self._meet(events.by_hand(f"somebody removes {name}", lambda _: leaver, when=_NOW))

    def teardown(self) -> None:
        """Peace: what can come back does, nothing happens any more, and the end is as good as possible."""
        if not hasattr(self, "world"):
            return
        try:
            self._rest()
        finally:
            self.loop.close()

    def _rest(self) -> None:
        for event in (
            events.every_node_on(when=_NOW),
            events.speed_up(when=_NOW),
            events.show(when=_NOW),
            events.make_room(when=_NOW),
            events.operator_starts(when=_NOW),
            events.change("resumed", {"paused": False, "storage": {"resize": "Replace"}}, when=_NOW),
        ):
            self._meet(event)
        self._end()
        if self.world.cluster is not None and not self.world.replicas:
            self._meet(membership.resized(3, when=_NOW))
            self._end()
        if self.world.cluster is not None and (needed := endings.way_back(self.world)) is not None:
            self._meet(rollouts.version(needed, when=_NOW))
            self._end()

    def _end(self) -> None:
        last = self.world.ticks + LONGEST
        while not self.world.ended:
            require(self.world, self.world.ticks < last, f"L1: not at its end {LONGEST} ticks after the last accident")
            self.world.tick()
        self.world.conclude()

    def _befall(self, what: Callable[[int], Event], number: int) -> None:
        present = self.world.record.present
        if present and self.world.server.find(Kind.CLUSTER, NAMESPACE, NAME) is not None:
            self._meet(what(number % len(present)))

    def _meet(self, event: Event) -> None:
        self.world.meet(event)


AnyHistory.TestCase.settings = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    stateful_step_count=20,
    phases=(Phase.generate,),  # the story of a run is told with its failure, and is short enough
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)

TestAnyHistory = AnyHistory.TestCase
