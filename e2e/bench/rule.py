"""Changes that etcd itself holds up, for members must be connected for a while: the operator waits no longer."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from e2e.bench.events import Event, figures, live_through, tell
from e2e.bench.harness import Bench, Scenario
from e2e.bench.listing import Listing, beyond_rule
from e2e.bench.probe import until_all_serve
from e2e.bench.results import Goal, Result, Run, middle
from e2e.bench.scale import MORE
from e2e.bench.subjects import VOTERS, WITHIN, Ours, create_hand_written, ours

BEYOND: Final = "beyond_rule_seconds"
GOALS: Final = (Goal(BEYOND, "≤", 1), Goal("failed_writes", "≤", 0))


def _grow(bench: Bench) -> Result:
    return _against_creation(bench, "one-to-three", 1, _from_one)


def _flap(bench: Bench) -> Result:
    return _against_creation(bench, "scale-back", VOTERS, _there_and_back)


ONE_TO_THREE = Scenario(
    title="from one member to three: etcd takes the last one in 5 s late; baseline: creating the StatefulSet",
    goals=GOALS,
    measure=_grow,
)

SCALE_BACK = Scenario(
    title="from three members to five and at once back: nobody may go for 5 s; baseline: creating the StatefulSet",
    goals=GOALS,
    measure=_flap,
)


def _against_creation(bench: Bench, name: str, replicas: int, measure: Callable[[Ours], Run]) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench, replicas=replicas) as subject:
            runs.append(measure(subject))
        bench.console.print(f"run {number}: {runs[-1][BEYOND]:.2f} s later than etcd's rule")
        tell(bench, f"  S is {baseline[-1]['seconds']:.2f} s", runs[-1])
    return Result(name, runs, baseline, {**figures(runs, baseline), BEYOND: middle(runs, BEYOND)})


def _from_one(subject: Ours) -> Run:
    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=VOTERS)
        return ()

    event = live_through(subject, ask, voters=VOTERS, whole_since=subject.whole_since)
    return _run(event, event.served.listings, since=event.began)


def _there_and_back(subject: Ours) -> Run:
    seen: list[Listing] = []
    asked: list[float] = []

    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=MORE)
        seen.extend(until_all_serve(subject.members.endpoints, voters=MORE, within=WITHIN).listings)
        asked.append(time.monotonic())
        subject.cluster.change(replicas=VOTERS)
        return ()

    event = live_through(subject, ask, voters=VOTERS, whole_since=subject.whole_since)
    return _run(event, [*seen, *event.served.listings], since=asked[0])


def _run(event: Event, listings: Sequence[Listing], *, since: float) -> Run:
    return {BEYOND: beyond_rule(listings, since=since), **event.run()}
