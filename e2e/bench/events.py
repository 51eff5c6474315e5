"""Something happens to a cluster under writes: how long until it is whole, and what an application notices."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from e2e.bench.harness import Bench
from e2e.bench.history import History
from e2e.bench.listing import changes
from e2e.bench.moments import CHANGE, moments
from e2e.bench.probe import Served, until_all_serve
from e2e.bench.results import Run, middle, ratio
from e2e.bench.subjects import OLD, WITHIN, Subject
from e2e.bench.writer import Writer

LEAD: Final = 1.0
"""Seconds of writes before an event, and after the cluster has settled."""

SHOWN: Final = 5
"""Failed writes that are shown to a person; the others are counted."""

Happening = Callable[[], Collection[str]]
"""Lets something happen; returns the UIDs of the Pods that do not count any more."""


@dataclass(frozen=True, slots=True)
class Event:
    """What was seen: `began` and all other moments are seconds of the monotonic clock.

    `control` is what the same writer lived through afterwards, for as long, while nothing happened.
    """

    began: float
    served: Served
    settled: float
    during: History
    control: History
    stages: dict[str, float]

    @property
    def seconds(self) -> float:
        """From the event until the cluster was redundant."""
        return self.served.redundant - self.began

    def run(self) -> Run:
        """The raw figures."""
        return {
            "seconds": round(self.seconds, 2),
            "all_serve_seconds": round(self.served.all - self.began, 2),
            "longest_write_gap_ms": self.during.longest_gap_ms(),
            "longest_write_gap_after_seconds": round(self.during.longest_gap_began() - self.began, 2),
            "control_longest_write_gap_ms": self.control.longest_gap_ms(),
            "writes": len(self.during.writes),
            "failed_writes": self.during.failed(),
            "control_failed_writes": self.control.failed(),
            "settled_seconds": round(self.settled - self.began, 2),
            "stages_seconds": self.stages,
            "failures": self.during.failures(since=self.began),
        }


def live_through(subject: Subject, happen: Happening, *, voters: int, whole_since: float) -> Event:
    """Let something happen to a cluster, wait until it has `voters` members, then watch it for as long again.

    It happens when the cluster has been whole for `OLD` seconds, which it has been since `whole_since`. Raises
    NotMeasuredError when it is not whole again within `WITHIN` seconds.
    """
    time.sleep(max(whole_since + OLD - time.monotonic(), 0))
    with Writer([subject.service()], prefix=f"bench/{time.monotonic()}") as writer:
        time.sleep(LEAD)
        began = time.monotonic()
        gone = happen()
        served = until_all_serve(lambda: subject.members.endpoints(without=gone), voters=voters, within=WITHIN)
        subject.settle(voters)
        settled = time.monotonic()
        time.sleep(LEAD)
        ended = time.monotonic()
        length = ended - (began - LEAD)
        time.sleep(length)
    history = writer.history()
    return Event(
        began=began,
        served=served,
        settled=settled,
        during=history.between(began - LEAD, ended),
        control=history.between(ended, ended + length),
        stages=_stages(subject, served, began),
    )


def _stages(subject: Subject, served: Served, began: float) -> dict[str, float]:
    found = moments(subject.members.watch.sightings(), CHANGE, since=began)
    found |= changes(served.listings, since=began)
    found["last_first_answer"] = round(max(served.answered.values()) - began, 2)
    found["last_first_read"] = round(max(served.served.values()) - began, 2)
    return dict(sorted(found.items(), key=lambda stage: stage[1]))


def figures(runs: Sequence[Run], baseline: Sequence[Run], *, of: str = "seconds") -> dict[str, float]:
    """The figures of a scenario: medians, and the failed writes of all runs together.

    `ratio` is that of the figure `of` over the baseline's seconds. The extra gap is over that of the control runs.
    """
    gap = middle(runs, "longest_write_gap_ms")
    return {
        "ratio": ratio(runs, baseline, of=of, over="seconds"),
        "seconds": middle(runs, "seconds"),
        "longest_write_gap_ms": gap,
        "extra_write_gap_ms": round(gap - middle(runs, "control_longest_write_gap_ms"), 1),
        "failed_writes": sum(run["failed_writes"] for run in runs),
    }


def tell(bench: Bench, who: str, run: Run) -> None:
    """Print one run as a line, and what the first failed writes complained of."""
    gap = f"longest gap {run['longest_write_gap_ms']:.0f} ms (control {run['control_longest_write_gap_ms']:.0f} ms)"
    bench.console.print(f"{who}: {run['seconds']:.2f} s, {gap}, {run['failed_writes']} failed writes")
    for failure in run["failures"][:SHOWN]:
        bench.console.print(f"  {failure}")
