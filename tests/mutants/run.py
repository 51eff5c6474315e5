"""Runs the tests against the operator without one of its guards, in a copy of the tree, and reads what noticed it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from enum import Enum
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutants.mutation import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.mutants.mutation import Mutation
    from tests.mutants.nursery import Nursery

PACKAGE = "etcd_operator"

NEEDED = (PACKAGE, "tests", "crds", "pyproject.toml")
"""What of the tree the tests below read."""

WIDER = ("tests/unit/plan", "tests/unit/act", "tests/unit/etcd", "tests/unit/status", "tests/unit/test_reconcile.py")
"""The tests that are run when those of the module itself let a mutation pass."""

_PASSED, _FAILED = 0, 1
_NOTICED = re.compile(r"^FAILED (.+?)(?: - .*)?$", re.MULTILINE)


class Outcome(Enum):
    """What became of a mutation."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation; `by` is the test that failed, or why that is not known."""

    mutation: Mutation
    outcome: Outcome
    by: str = ""


def copy(tree: Path, to: Path) -> None:
    """Copy what the tests need of `tree`."""
    for name in NEEDED:
        if (tree / name).is_dir():
            shutil.copytree(tree / name, to / name)
        elif (tree / name).exists():
            shutil.copy2(tree / name, to / name)


def judge(tree: Path, runner: Nursery, mutation: Mutation) -> Verdict:
    """Whether a test notices that the guard is gone: first those of the module itself, then all that might.

    `tree` is the copy in which `runner` is at work; its source is put back afterwards. Raises ValueError when the guard
    is not found in it.
    """
    path = tree / PACKAGE / mutation.module
    source = path.read_text()
    _write(path, mutated(source, mutation))
    try:
        own = _verdict(mutation, runner, _own(tree, mutation))
        return own if own.outcome is not Outcome.SURVIVED else _verdict(mutation, runner, _there(tree))
    finally:
        _write(path, source)


def unmutated_failure(tree: Path, runner: Nursery) -> str:
    """What fails without any mutation, in pytest's own words; empty if nothing does, as it must be."""
    code, said = runner.run(_there(tree))
    return "" if code == _PASSED else said


def _write(path: Path, source: str) -> None:
    """Write `source`, and drop the byte code: two sources of one second and one length would pass for the same."""
    path.write_text(source)
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _own(tree: Path, mutation: Mutation) -> tuple[str, ...]:
    found = tree.glob(f"tests/unit/*/test_{mutation.subject}*.py")
    return tuple(sorted(str(path.relative_to(tree)) for path in found))


def _there(tree: Path) -> tuple[str, ...]:
    return tuple(name for name in WIDER if (tree / name).exists())


def _verdict(mutation: Mutation, runner: Nursery, tests: Sequence[str]) -> Verdict:
    if not tests:
        return Verdict(mutation, Outcome.SURVIVED)
    code, said = runner.run(tests)
    noticed = _NOTICED.search(said)
    if code == _PASSED:
        return Verdict(mutation, Outcome.SURVIVED)
    if code == _FAILED and noticed:
        return Verdict(mutation, Outcome.CAUGHT, noticed[1])
    return Verdict(mutation, Outcome.UNDECIDED, f"pytest ended with {code}: {said.strip()[-300:]}")
