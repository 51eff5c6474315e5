"""Takes each guard out of the operator, one by one, and shows that a test notices. Fails if one does not.

A safety test is worth something only if it can fail. All of it happens in copies of the tree, one for each process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.mutants import guards
from tests.mutants.nursery import nursery
from tests.mutants.run import Outcome, Verdict, copy, judge, unmutated_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.mutants.mutation import Mutation
    from tests.mutants.nursery import Nursery

WITHIN = 600.0
"""Seconds in which two processors do all of it with ease."""

TREE = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None, *, tree: Path = TREE, known: Sequence[Mutation] = guards.ALL) -> int:
    """Try those of the `known` mutations whose module or guard contains the word given; 0 if each was caught."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only mutations with this word in the module or the guard")
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds for all; the rest counts as not caught")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried at the same time")
    options = parser.parse_args(arguments)
    chosen = [mutation for mutation in known if options.word in f"{mutation.module} {mutation.guard}"]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        copies = []
        for number in range(options.jobs):
            path = Path(folder) / str(number)
            copy(tree, path)
            copies.append((path, stack.enter_context(nursery(path))))
        if failure := unmutated_failure(*copies[0]):
            _say(f"nothing was mutated yet, and tests fail; make them pass first:\n{failure}")
            return 1
        verdicts = _try_all(chosen, copies, until=started + options.within)
    missed = [verdict for verdict in verdicts if verdict.outcome is not Outcome.CAUGHT]
    for verdict in missed:
        _say(f"\n{_row(verdict)}\n{verdict.mutation.right}\n    became\n{verdict.mutation.wrong or '    nothing'}")
    _say(f"\n{len(verdicts) - len(missed)} of {len(verdicts)} caught in {time.monotonic() - started:.0f} s")
    return 1 if missed or not verdicts else 0


def _try_all(chosen: Sequence[Mutation], copies: Sequence[tuple[Path, Nursery]], *, until: float) -> list[Verdict]:
    """The verdicts in the order of `chosen`, each said as it comes; `until` is a monotonic time."""
    free: SimpleQueue[tuple[Path, Nursery]] = SimpleQueue()
    for each in copies:
        free.put(each)

    def one(mutation: Mutation) -> Verdict:
        if time.monotonic() >= until:
            return Verdict(mutation, Outcome.UNDECIDED, "not begun in time")
        mine = free.get()
        try:
            return judge(*mine, mutation)
        finally:
            free.put(mine)

    verdicts = []
    with ThreadPoolExecutor(len(copies)) as pool:
        for verdict in pool.map(one, chosen):
            _say(_row(verdict))
            verdicts.append(verdict)
    return verdicts


def _row(verdict: Verdict) -> str:
    mutation, test = verdict.mutation, verdict.by.rpartition("/")[2]
    return f"{verdict.outcome.value:<9}  {mutation.module:<20}  {mutation.guard:<66}  {test}"


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - this is what the command is for


if __name__ == "__main__":
    sys.exit(main())
