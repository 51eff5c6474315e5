"""Explores in as many processes as there are cores: nothing in a simulation waits for anything but the processor."""

from __future__ import annotations

import asyncio
import gc
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation import interruptions, scenarios
from tests.simulation.explore import Explorer, Tally
from tests.simulation.quick import quiet_and_quick

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True)
class Job:
    """A scenario to explore, or a story to interrupt: by name, because a job goes to another process."""

    name: str

    def __str__(self) -> str:
        return self.name

    def run(self, explorer: Explorer) -> None:
        """Do it; raises Violated."""
        if self.name in interruptions.ALL:
            explorer.interrupt(*interruptions.ALL[self.name])
        else:
            explorer.explore(next(found for found in scenarios.ALL if found.name == self.name))


@dataclass(slots=True)
class Crew:
    """The processes, and the jobs that they were given."""

    jobs: Iterable[Job]
    _pool: ProcessPoolExecutor = field(init=False)
    _results: dict[Job, Future[Tally]] = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"), initializer=quiet_and_quick)
        self._results = {job: self._pool.submit(_explored, job) for job in self.jobs}

    def result(self, job: Job) -> Tally:
        """What was tried for a job; raises Violated for what went wrong."""
        return self._results[job].result()

    def dismiss(self) -> None:
        """End the processes, whatever they are at."""
        self._pool.shutdown(cancel_futures=True)


def _explored(job: Job) -> Tally:
    loop = asyncio.new_event_loop()
    # What a job makes is held until its end; looking for what is not would take an eighth of the time.
    gc.disable()
    try:
        explorer = Explorer(loop)
        job.run(explorer)
    finally:
        gc.enable()
        gc.collect()
        loop.close()
    return explorer.tally
