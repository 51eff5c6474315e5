"""What a scenario found and what was promised: pure values, so that the judgement itself can be tested."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Literal

Run = Mapping[str, Any]
"""The raw figures of one run; units stand in the names."""


class NotMeasuredError(Exception):
    """A scenario could not measure what it is about; the message says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure must keep: `≤` includes it, `<` does not."""

    figure: str
    relation: Literal["≤", "<"]
    bound: float

    def met(self, value: float) -> bool:
        """Whether `value` keeps the bound."""
        return value < self.bound if self.relation == "<" else value <= self.bound

    def verdict(self, figures: Mapping[str, float]) -> str:
        """The goal in words, with what was measured; a figure that this cluster cannot give is said to be missing."""
        wanted = f"{self.figure} {self.relation} {self.bound:g}"
        if self.figure not in figures:
            return f"{wanted}: not measured on this cluster"
        value = figures[self.figure]
        return f"{wanted}: {'met' if self.met(value) else 'NOT met'}, it is {value:g}"


QUIET: Final = (Goal("extra_write_gap_ms", "≤", 100), Goal("failed_writes", "≤", 0))
"""What an application may notice of a planned change."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario measured: the raw runs of both sides, and the figures made of them."""

    scenario: str
    runs: Sequence[Run]
    baseline: Sequence[Run] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The result for build/bench/<scenario>.json; what does not apply to the scenario is left out."""
        compared = {"baseline": list(self.baseline)} if self.baseline else {}
        return {"scenario": self.scenario, "runs": list(self.runs), **compared, **self.figures}


def missed(goals: Iterable[Goal], figures: Mapping[str, float]) -> tuple[Goal, ...]:
    """The goals whose figure was measured and does not keep the bound."""
    return tuple(goal for goal in goals if goal.figure in figures and not goal.met(figures[goal.figure]))


def ratio(ours: Iterable[Run], baseline: Iterable[Run], *, of: str, over: str | None = None) -> float:
    """How many times the median of `over` in the baseline is that of `of` in ours; rounded to two digits.

    Without `over` the figure is the same on both sides.
    """
    return round(middle(ours, of) / middle(baseline, over or of), 2)


def middle(runs: Iterable[Run], of: str) -> float:
    """The median of one figure."""
    return float(median(run[of] for run in runs))
