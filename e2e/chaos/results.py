"""What a run found, and what a person is told of it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from e2e.chaos.driver import PassedOver, Record
from e2e.chaos.faults import Kind
from e2e.chaos.honesty import Verdict
from e2e.chaos.operations import Operation, Outcome, Verb, Violation, gaps

FOLDER = Path(__file__).parents[2] / "build" / "chaos"

LONG = 600
"""Seconds from which on a run is expected to do as much as it can."""

FAULTS_A_MINUTE = 2
COMPARISONS_A_MINUTE = 20
"""What a long run proves something with, at the least."""

SHOWN = 10
"""How many contradictions are told that stood for a while."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run: faults were done for `seconds`, and `whole_after` the last the cluster was whole; None: it never was."""

    seed: str
    seconds: float
    records: Sequence[Record]
    passed_over: Sequence[PassedOver]
    operations: Sequence[Operation]
    whole_after: float | None
    violations: Sequence[Violation]
    honesty: Verdict

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations

    @property
    def writes_checked(self) -> int:
        """How many acknowledged writes there were, each of which was looked for."""
        return sum(each.acknowledged for each in self.operations)

    @property
    def longest_gap(self) -> float | None:
        """Seconds, the longest time without an acknowledged write; None when there were fewer than two."""
        return max((gap.seconds for gap in gaps(self.operations)), default=None)

    def by_kind(self) -> Iterator[dict[str, Any]]:
        """The faults by kind: how many, their recovery times and the longest gap in seconds, and how many never did."""
        pauses = gaps(self.operations)
        for kind in Kind:
            some = [record for record in self.records if record.kind is kind]
            if not some:
                continue
            times = [record.recovery for record in some if record.recovery is not None]
            felt = [
                gap.seconds
                for gap in pauses
                for record in some
                if gap.ended > record.done and (record.recovered is None or gap.began < record.recovered)
            ]
            yield {
                "kind": str(kind),
                "faults": len(some),
                "recovery_median_seconds": _rounded(median(times)) if times else None,
                "recovery_max_seconds": _rounded(max(times)) if times else None,
                "longest_gap_seconds": _rounded(max(felt)) if felt else None,
                "not_recovered": len(some) - len(times),
            }

    def by_outcome(self) -> dict[str, dict[str, int]]:
        """How many operations of each verb ended how."""
        counted = Counter((each.verb, each.outcome) for each in self.operations)
        return {str(verb): {str(outcome): counted[verb, outcome] for outcome in Outcome} for verb in Verb}

    def document(self) -> dict[str, Any]:
        """The whole result for a program; moments are seconds since the first operation was invoked."""
        zero = min((each.invoked for each in self.operations), default=0.0)
        return {
            "seed": self.seed,
            "seconds": _rounded(self.seconds),
            "passed": self.passed,
            "faults": len(self.records),
            "faults_by_kind": list(self.by_kind()),
            "whole_after_seconds": None if self.whole_after is None else _rounded(self.whole_after),
            "longest_gap_seconds": None if self.longest_gap is None else _rounded(self.longest_gap),
            "operations": self.by_outcome(),
            "writes_checked": self.writes_checked,
            "status_comparisons": self.honesty.compared,
            "status_contradictions": [
                {
                    "contradiction": each.contradiction,
                    "since": _rounded(each.since - zero),
                    "seconds": _rounded(each.seconds),
                }
                for each in self.honesty.lasting[:SHOWN]
            ],
            "violations": [
                {"promise": each.promise, "operations": [str(operation) for operation in each.operations]}
                for each in self.violations
            ],
            "faults_in_order": [_fault(record, zero) for record in self.records],
            "passed_over": [
                {"number": each.fault.number, "kind": str(each.fault.kind), "reason": each.reason}
                for each in self.passed_over
            ],
        }


def too_little(result: Result, *, seconds: int) -> str:
    """Say what a run that was to last so many seconds did too little of to prove anything; empty if nothing.

    A short one is only a try.
    """
    if seconds < LONG:
        return ""
    wanted = {
        "faults": (len(result.records), ceil(seconds * FAULTS_A_MINUTE / 60)),
        "comparisons of the status": (result.honesty.compared, ceil(seconds * COMPARISONS_A_MINUTE / 60)),
    }
    return "; ".join(
        f"{done} {what} in {seconds} s, at least {least} are wanted"
        for what, (done, least) in wanted.items()
        if done < least
    )


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Write report.json, and history.jsonl with every operation; return the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "history.jsonl").write_text("".join(f"{each.line()}\n" for each in result.operations))
    report = folder / "report.json"
    report.write_text(json.dumps(result.document(), indent=2) + "\n")
    return report


def show(console: Console, result: Result) -> None:
    """Print the faults, the operations and the verdict, with the evidence if a promise was broken."""
    console.print(_faults(result))
    console.print(_operations(result))
    whole = "never" if result.whole_after is None else f"{result.whole_after:.1f} s after the last fault"
    gap = "none" if result.longest_gap is None else f"{result.longest_gap:.2f} s"
    console.print(f"seed {result.seed}: {len(result.records)} faults in {result.seconds:.0f} s; whole: {whole}")
    console.print(f"longest gap between acknowledged writes: {gap}; writes checked: {result.writes_checked}")
    console.print(
        f"comparisons of the status with etcd: {result.honesty.compared}; "
        f"longest contradiction: {result.honesty.longest:.1f} s"
    )
    for each in result.violations:
        console.print(f"VIOLATED: {each.promise}", style="bold red", markup=False)
        for operation in each.operations:
            console.print(f"  {operation}", markup=False)
    if result.passed:
        honest = "the status did not lie, " if result.honesty.compared else ""
        console.print(
            f"nothing acknowledged was lost, the history is linearizable, {honest}the cluster is as specified",
            style="green",
        )


def _faults(result: Result) -> Table:
    table = Table("fault", title="Faults", title_justify="left")
    for heading in ("times", "recovery: median", "max", "longest gap", "never recovered"):
        table.add_column(heading, justify="right")
    for row in result.by_kind():
        figures = [row[name] for name in ("recovery_median_seconds", "recovery_max_seconds", "longest_gap_seconds")]
        shown = ["" if each is None else f"{each:.1f} s" for each in figures]
        table.add_row(row["kind"], str(row["faults"]), *shown, str(row["not_recovered"] or ""))
    return table


def _operations(result: Result) -> Table:
    table = Table("operation", title="Operations", title_justify="left")
    for outcome in Outcome:
        table.add_column(str(outcome), justify="right")
    for verb, counted in result.by_outcome().items():
        table.add_row(verb, *(str(count) for count in counted.values()))
    return table


def _fault(record: Record, zero: float) -> dict[str, Any]:
    return {
        "number": record.aim.fault.number,
        "kind": str(record.kind),
        "victim": record.aim.victim,
        "done_at": _rounded(record.done - zero),
        "undone_at": None if record.undone is None else _rounded(record.undone - zero),
        "recovery_seconds": None if record.recovery is None else _rounded(record.recovery),
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
