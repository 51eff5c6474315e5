"""The series of faults, on a clock that stands still while nobody waits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

import pytest

from e2e.chaos.driver import GIVEN_UP_AFTER, UNFIT_AFTER, Driver, Record, times_apart
from e2e.chaos.faults import Aim, Fault, Kind
from e2e.chaos.sight import MemberPod, Sight
from e2e.support.kube import KubeError

WHOLE = Sight(
    at=0.0, asked=3, pods={name: MemberPod(node) for name, node in zip("abc", ("one", "two", "three"), strict=True)},
    voters=frozenset("abc"), others=0, healthy=frozenset("abc"), holder="operator-1_x",
    operators={"operator-1": "one", "operator-2": "two"},
)  # fmt: skip


@dataclass
class World:
    """A cluster that is ill from a fault until `heals` seconds after it was undone, and blind while `silent`.

    From `leads_at` on an operator leads.
    """

    heals: float = 5.0
    silent: bool = False
    leads_at: float = 0.0
    time: float = 1000.0
    ill: set[int] = field(default_factory=set)
    well_at: dict[int, float] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def now(self) -> float:
        """Tell the time."""
        return self.time

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def since(self, moment: float) -> Sight | None:
        """Look, unless that is impossible."""
        self.ill = {number for number in self.ill if self.well_at.get(number, self.time + 1) > self.time}
        if self.silent or self.time <= moment:
            return None
        holder = WHOLE.holder if self.time >= self.leads_at else ""
        return replace(WHOLE, at=self.time, healthy=frozenset("bc" if self.ill else "abc"), holder=holder)

    def do(self, aim: Aim) -> None:
        """Make it ill, or refuse."""
        if self.refusals:
            raise KubeError(self.refusals.pop())
        self.events.append(f"do {aim.fault.number}")
        self.ill.add(aim.fault.number)
        if not aim.fault.seconds:
            self.well_at[aim.fault.number] = self.time + self.heals

    def undo(self, aim: Aim) -> None:
        """Let it heal from now on, or refuse."""
        if self.refusals:
            raise KubeError(self.refusals.pop())
        self.events.append(f"undo {aim.fault.number}")
        self.well_at[aim.fault.number] = self.time + self.heals

    def run(self, *faults: Fault, seconds: float = 1000) -> Driver:
        """Do these faults."""
        driver = Driver(
            self, self, iter(faults), ("one", "two", "three"), self.said.append, now=self.now, rest=self.rest
        )
        driver.run(seconds)
        return driver


def fault(number: int, kind: Kind = Kind.DELETE_POD, *, seconds: float = 0.0, pause: float = 1.0) -> Fault:
    return Fault(number, kind, seconds, pause, 0.0)


def test_the_next_fault_waits_until_the_cluster_has_recovered() -> None:
    world = World(heals=7.0)
    first, second = world.run(fault(1), fault(2)).records
    assert first.recovered is not None
    assert second.done >= first.recovered >= first.done + 7
    assert first.recovery == pytest.approx(7, abs=0.5)


def test_a_fault_that_lasts_is_undone_in_time_and_its_recovery_counted_from_then() -> None:
    world = World(heals=3.0)
    (record,) = world.run(fault(1, Kind.POWER_CUT, seconds=10.0)).records
    assert world.events == ["do 1", "undo 1"]
    assert record.undone is not None
    assert record.undone - record.done == pytest.approx(10, abs=0.5)
    assert record.recovery == pytest.approx(3, abs=0.5)


def test_no_fault_begins_after_the_time_but_the_last_is_undone_and_awaited() -> None:
    world = World(heals=30.0)
    driver = world.run(*(fault(number, Kind.POWER_CUT, seconds=10.0) for number in range(9)), seconds=35)
    assert world.events == ["do 0", "undo 0"]
    assert all(record.over for record in driver.records)


def test_nothing_is_done_while_nobody_can_look() -> None:
    world = World(silent=True)
    assert world.run(fault(1), seconds=20).records == []


def test_a_fault_that_never_fits_is_passed_over_with_the_reason() -> None:
    world = World(ill={99})
    began = world.time
    driver = world.run(fault(1), seconds=100)
    assert [(each.fault.number, each.reason) for each in driver.passed_over] == [(1, "too few healthy voters")]
    assert world.time - began >= UNFIT_AFTER


def test_a_fault_is_not_passed_over_for_what_another_one_left_a_moment_ago() -> None:
    world = World(heals=60.0, leads_at=1000.0 + 70.0)
    driver = world.run(fault(1), fault(2, Kind.KILL_OPERATOR), seconds=200)
    assert driver.passed_over == []
    assert [record.aim.fault.number for record in driver.records] == [1, 2]


def test_a_fault_that_cannot_be_done_is_passed_over_with_the_reason() -> None:
    driver = World(refusals=["no such verb"]).run(fault(1), fault(2))
    assert [(each.fault.number, each.reason) for each in driver.passed_over] == [(1, "no such verb")]
    assert [record.aim.fault.number for record in driver.records] == [2]


def test_what_cannot_be_undone_yet_is_tried_again() -> None:
    world = World()
    driver = Driver(
        world, world, iter([fault(1, Kind.SCALE, seconds=5.0)]), ("one",), world.said.append, world.now, world.rest
    )

    def rest(seconds: float) -> None:
        if world.events == ["do 1"] and world.time < 1003:
            world.refusals[:] = ["silence", "silence"]
        world.rest(seconds)

    driver.rest = rest
    driver.run(100)
    assert world.events == ["do 1", "undo 1"]
    assert sum("cannot be undone yet: silence" in line for line in world.said) == 2


def test_a_cluster_that_does_not_recover_is_given_up() -> None:
    world = World(heals=10_000)
    began = world.time
    (record,) = world.run(fault(1), seconds=2000).records
    assert record.recovery is None
    assert GIVEN_UP_AFTER < world.time - began < 2000
    assert world.said[-1] == "given up: the cluster does not recover"


def test_a_fault_that_can_never_be_undone_ends_the_run() -> None:
    class Stubborn(World):
        def undo(self, aim: Aim) -> None:
            raise KubeError(f"no way back from {aim.fault.kind}")

    world = Stubborn()
    (record,) = world.run(fault(1, Kind.SCALE, seconds=5.0), seconds=2000).records
    assert record.undone is None
    assert world.said[-1] == "given up: the cluster does not recover"


def recovered(kind: Kind, seen: Sight, *, done: float = 10.0, undone: float | None = 20.0) -> bool:
    record = Record(Aim(fault(1, kind, seconds=10.0), pod="operator-1"), "operator-1_x", done, undone)
    return record.recovered_by(seen)


KINDS: Sequence[Kind] = sorted(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_look_shows_no_recovery(kind: Kind) -> None:
    assert not recovered(kind, replace(WHOLE, at=19.0, holder="operator-2_y"))
    assert recovered(kind, replace(WHOLE, at=21.0, holder="operator-2_y"))


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_lost_node_can_be_recovered_from_while_it_lasts(kind: Kind) -> None:
    assert recovered(kind, replace(WHOLE, at=15.0, holder="operator-2_y"), undone=None) == (kind is Kind.LOSE_NODE)


def test_a_killed_operator_has_recovered_when_another_process_leads() -> None:
    assert not recovered(Kind.KILL_OPERATOR, replace(WHOLE, at=21.0))
    assert not recovered(Kind.KILL_OPERATOR, replace(WHOLE, at=21.0, holder=""))
    assert recovered(Kind.KILL_OPERATOR, replace(WHOLE, at=21.0, holder="operator-1_z"))


def test_a_lost_node_is_counted_from_its_loss() -> None:
    aimed = Aim(fault(1, Kind.LOSE_NODE, seconds=60.0), node="two")
    assert Record(aimed, "", done=10.0, undone=70.0, recovered=65.0).recovery == 55.0


def test_the_operator_is_not_held_to_account_while_it_may_not_reach_whom_we_reach() -> None:
    kinds = (Kind.KILL, Kind.ISOLATE, Kind.CUT_OPERATOR, Kind.LOSE_NODE, Kind.FREEZE, Kind.SILENCE, Kind.SHATTER)
    records = [Record(Aim(fault(1, kind)), "", float(done), undone=done + 5.0) for done, kind in enumerate(kinds)]
    assert times_apart(records) == [(1.0, 6.0), (4.0, 9.0), (5.0, 10.0), (6.0, 11.0)]
    assert times_apart([replace(records[1], undone=None)]) == [(1.0, inf)]
