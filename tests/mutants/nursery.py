"""Runs tests in children of one process that has loaded what is slow to load: a second of each run would go for it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import hypothesis  # noqa: F401 - loaded for the children
import pytest
from cryptography import x509  # noqa: F401 - likewise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE = 180
"""Seconds of the processor for one run of tests, five times as many by the clock: a machine may be busy otherwise."""

_QUIETLY = ("-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider")
_LOADED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""pytest would rewrite the plugins that are loaded already, and minds that it cannot."""


@dataclass(frozen=True, slots=True)
class Nursery:
    """A process at work in one folder; it never loads what is under test, and its children load it anew."""

    orders: IO[str]
    answers: IO[str]

    def run(self, tests: Sequence[str]) -> tuple[int, str]:
        """Run `tests`, paths in the folder, until the first fails: pytest's exit code, and what it said.

        The code is negative when there was no end within PATIENCE.
        """
        self.orders.write(f"{json.dumps(tests)}\n")
        self.orders.flush()
        code, said = json.loads(self.answers.readline())
        return code, said


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """A nursery at work in `folder`, which has the operator and its tests, until the block is left."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-P", __file__],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    with process:
        yield Nursery(process.stdin, process.stdout)
        process.stdin.close()


def _work() -> None:
    for order in sys.stdin:
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                _run(json.loads(order), said)
            _, status = os.waitpid(child, 0)
            said.seek(0)
            print(json.dumps((os.waitstatus_to_exitcode(status), said.read())), flush=True)  # noqa: T201 - the answer


def _run(tests: list[str], said: IO[str]) -> None:
    """Run the tests in this child, which ends with them, or when its time is up."""
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    signal.alarm(5 * PATIENCE)
    os.dup2(said.fileno(), sys.stdout.fileno())
    os.dup2(said.fileno(), sys.stderr.fileno())
    os._exit(pytest.main([*_QUIETLY, *_LOADED, *tests]))


if __name__ == "__main__":
    _work()
