"""Shows a result to a person, and keeps it for a program."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from e2e.bench.results import Goal, Result, Run, middle, missed

FOLDER = Path(__file__).parents[2] / "build" / "bench"


def show(console: Console, result: Result, goals: Sequence[Goal]) -> None:
    """Print the raw figures of both sides with their medians, then each goal with its verdict."""
    for title, runs in (("ours", result.runs), ("baseline", result.baseline)):
        for table in _tables(f"{result.scenario}: {title}", runs):
            console.print(table)
    judged = {goal.figure for goal in goals}
    for name, value in result.figures.items():
        if name not in judged:
            console.print(f"{name}: {value:g}")
    failed = missed(goals, result.figures)
    for goal in goals:
        console.print(goal.verdict(result.figures), style="bold red" if goal in failed else "green")


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Write build/bench/<scenario>.json; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.scenario}.json"
    file.write_text(json.dumps(result.document(), indent=2) + "\n")
    return file


def flat(run: Run) -> dict[str, Any]:
    """The run with the figures of its groups beside the others, and without its sentences."""
    found: dict[str, Any] = {}
    for name, value in run.items():
        found |= dict(value) if isinstance(value, Mapping) else {name: value}
    return {name: value for name, value in found.items() if not isinstance(value, list)}


def _tables(title: str, runs: Sequence[Run]) -> Iterator[Table]:
    """A table for each kind of run: medians of different kinds do not stand beside each other."""
    for kind in dict.fromkeys(run.get("dns") for run in runs):
        alike = [flat(run) for run in runs if run.get("dns") == kind]
        yield _table(f"{title}, {kind} DNS" if kind else title, alike)


def _table(title: str, runs: Sequence[Mapping[str, Any]]) -> Table:
    """One column for each run, so that many figures fit."""
    table = Table("", title=title, title_justify="left")
    for number, _ in enumerate(runs, start=1):
        table.add_column(str(number), justify="right")
    table.add_column("median", justify="right", style="bold")
    for name in dict.fromkeys(name for run in runs for name in run if name != "dns"):
        known = [run for run in runs if name in run]
        table.add_row(name, *(_shown(run.get(name)) for run in runs), _shown(_median(known, name)))
    return table


def _median(runs: Sequence[Mapping[str, Any]], of: str) -> float | None:
    """The median of a figure; what is true or false has none."""
    return None if any(isinstance(run[of], bool) for run in runs) else middle(runs, of)


def _shown(value: float | str | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}"
        case _:
            return str(value)
