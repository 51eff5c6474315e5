"""Does one fault after the other as the budget lets it, undoes them, and notes how long the cluster was not whole."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from e2e.chaos.faults import APART, Aim, Fault, Kind, Wait, aim
from e2e.chaos.sight import Sight
from e2e.cluster import LocalClusterError
from e2e.cluster.progress import readable
from e2e.support.kube import KubeError

FRESH = 5.0
"""Seconds for which a look counts as the present."""

UNFIT_AFTER = 15.0
"""Seconds after which a fault is passed over that does not fit although nothing else is under way."""

GIVEN_UP_AFTER = 300.0
"""Seconds after which nothing more is done to a cluster that does not recover."""

RETRY = 2.0
"""Seconds until an undoing is tried again."""

TICK = 0.1
"""Seconds between two looks at the clock."""


class Hands(Protocol):
    """Who does faults: `Tools`."""

    def do(self, aim: Aim) -> None:
        """Do the fault."""

    def undo(self, aim: Aim) -> None:
        """Take it away, if it lasts."""


class Eyes(Protocol):
    """Who looks at the cluster: `Observer`."""

    def since(self, moment: float) -> Sight | None:
        """Return the last look if it was begun after `moment`."""


@dataclass(slots=True)
class Record:
    """A fault that was done, with moments of the monotonic clock; None: not yet."""

    aim: Aim
    holder: str
    done: float
    undone: float | None = None
    recovered: float | None = None

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return self.aim.fault.kind

    @property
    def due(self) -> float:
        """When it is to be undone."""
        return self.done + self.aim.fault.seconds

    @property
    def over(self) -> bool:
        """Whether it was undone, and the cluster has recovered."""
        return self.undone is not None and self.recovered is not None

    @property
    def recovery(self) -> float | None:
        """Seconds until all was whole again, None if that never happened.

        They count from the moment at which the fault was undone; for a lost node, which is replaced, from the fault.
        """
        if self.recovered is None:
            return None
        since = self.undone if self.undone is not None and self.kind is not Kind.LOSE_NODE else self.done
        return self.recovered - since

    def recovered_by(self, sight: Sight) -> bool:
        """Whether the cluster shows no trace of the fault any more."""
        if self.undone is None and self.kind is not Kind.LOSE_NODE:
            return False
        if sight.at < (self.undone or self.done):
            return False
        match self.kind:
            case Kind.KILL_OPERATOR:
                return bool(sight.leader) and sight.holder != self.holder
            case Kind.CUT_OPERATOR:
                return bool(sight.leader)
            case _:
                return sight.whole


def times_apart(records: Sequence[Record]) -> list[tuple[float, float]]:
    """From when to when, on the monotonic clock, the operator could not be held to what this machine sees."""
    return [
        (record.done, inf if record.undone is None else record.undone) for record in records if record.kind in APART
    ]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A fault that was dealt and not done, and why."""

    fault: Fault
    reason: str


@dataclass(slots=True)
class Driver:
    """One series of faults; `say` gets a line about each event.

    `now` and `rest` are the monotonic clock and the sleep that belongs to it.
    """

    hands: Hands
    eyes: Eyes
    faults: Iterator[Fault]
    nodes: Sequence[str]
    say: Callable[[str], None]
    now: Callable[[], float] = time.monotonic
    rest: Callable[[float], None] = time.sleep
    records: list[Record] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    _under_way: list[Record] = field(default_factory=list)
    _changed: float = 0.0
    _busy: float = 0.0

    def run(self, seconds: float) -> None:
        """Do faults for so long, or as many as there are; return when the last is over, or the cluster given up.

        Raises LocalClusterError when a fault cannot be undone.
        """
        ends = self.now() + seconds
        waiting, since = next(self.faults, None), self.now()
        while waiting is not None or self._under_way:
            self._undo_what_is_due()
            self._look()
            now = self.now()
            if self._under_way:
                self._busy = now
            if any(now - (record.undone or record.due) > GIVEN_UP_AFTER for record in self._under_way):
                self.say("given up: the cluster does not recover")
                return
            if waiting is not None and now > ends:
                waiting = None
            if waiting is not None and now > since and self._settled(waiting, since):
                pause = waiting.pause
                waiting, since = next(self.faults, None), self.now() + pause
            self.rest(TICK)

    def _settled(self, fault: Fault, since: float) -> bool:
        """Whether the fault was done now, or has to be passed over."""
        sight = self.eyes.since(max(self.now() - FRESH, self._changed))
        if sight is None:
            return False
        found = aim(fault, sight, [record.aim for record in self._under_way], self.nodes)
        if isinstance(found, Wait):
            unfit = self.now() > max(since, self._busy) + UNFIT_AFTER
            return unfit and self._pass_over(fault, found.reason)
        try:
            self.hands.do(found)
        except (KubeError, LocalClusterError) as error:
            return self._pass_over(fault, str(error))
        self._changed = self.now()
        record = Record(found, sight.holder, self._changed, undone=None if fault.seconds else self._changed)
        self.records.append(record)
        self._under_way.append(record)
        lasting = f" for {readable(fault.seconds)}" if fault.seconds else ""
        self.say(f"#{fault.number} {fault.kind}{lasting}: {found.victim}".removesuffix(": "))
        return True

    def _pass_over(self, fault: Fault, reason: str) -> bool:
        self.passed_over.append(PassedOver(fault, reason))
        self.say(f"#{fault.number} {fault.kind}: passed over, {reason}")
        return True

    def _undo_what_is_due(self) -> None:
        for record in self._under_way:
            if record.undone is not None or self.now() < record.due:
                continue
            try:
                self.hands.undo(record.aim)
            except KubeError as error:
                # The silence of a node that was hit: it is tried again.
                self.say(f"#{record.aim.fault.number} cannot be undone yet: {error}")
                self.rest(RETRY)
                continue
            record.undone = self._changed = self.now()

    def _look(self) -> None:
        sight = self.eyes.since(self._changed)
        if sight is None:
            return
        for record in self._under_way:
            if record.recovered is None and record.recovered_by(sight):
                record.recovered = sight.at
                self.say(f"#{record.aim.fault.number} recovered after {readable(record.recovery or 0)}")
        self._under_way = [record for record in self._under_way if not record.over]
