"""Changes that etcd itself holds up, for members must be connected for a while: the operator waits no longer."""

import time
from collections.abc import Callable
from typing import Final

from e2e.bench.events import figures, live_through, tell
from e2e.bench.harness import Bench, Scenario
from e2e.bench.listing import Listing, held_up
from e2e.bench.results import Goal, Result, Run
from e2e.bench.scale import MORE
from e2e.bench.subjects import VOTERS, WITHIN, Ours, create_hand_written, ours
from e2e.support.waiting import eventually

NO_WRITE_FAILS: Final = Goal("failed_writes", "≤", 0)


def _grow(bench: Bench) -> Result:
    return _against_creation(bench, "one-to-three", 1, _from_one)


def _change_of_mind(bench: Bench) -> Result:
    return _against_creation(bench, "scale-back", VOTERS, _there_and_back)


ONE_TO_THREE = Scenario(
    title="one member becomes three, beyond the 5 s in which etcd refuses one; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 1.8), NO_WRITE_FAILS),
    measure=_grow,
)

SCALE_BACK = Scenario(
    title="five members, back to three as soon as they vote, beyond etcd's 5 s; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 0.5), NO_WRITE_FAILS),
    measure=_change_of_mind,
)


def _against_creation(bench: Bench, name: str, replicas: int, measure: Callable[[Ours], Run]) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench, replicas=replicas) as subject:
            runs.append(measure(subject))
        tell(bench, f"run {number}, S is {baseline[-1]['seconds']:.2f} s", runs[-1])
    return Result(name, runs, baseline, figures(runs, baseline, of="beyond_rule_seconds"))


def _from_one(subject: Ours) -> Run:
    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=VOTERS)
        return ()

    event = live_through(subject, ask, voters=VOTERS, whole_since=subject.whole_since)
    return _beyond_rule(event.run(), event.seconds, held_up(event.served.listings, since=event.began))


def _there_and_back(subject: Ours) -> Run:
    seen: list[Listing] = []
    asked: list[float] = []

    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=MORE)
        eventually(lambda: _look(subject, seen), within=WITHIN, every=0.1)
        asked.append(time.monotonic())
        subject.cluster.change(replicas=VOTERS)
        return ()

    event = live_through(subject, ask, voters=VOTERS, whole_since=subject.whole_since)
    seconds = event.served.redundant - asked[0]
    return _beyond_rule(event.run(), seconds, held_up([*seen, *event.served.listings], since=asked[0]))


def _look(subject: Ours, seen: list[Listing]) -> None:
    """Note what etcd lists now; raises AssertionError until it is the larger number of voters."""
    with subject.cluster.etcd() as etcd:
        listed = etcd.member_list().members
    seen.append(Listing(time.monotonic(), listed))
    assert seen[-1].whole(MORE, seen[-1].names), f"{len(listed)} members, not {MORE} voters"


def _beyond_rule(run: Run, seconds: float, held: float) -> Run:
    """The figures with the time from the last wish on, and how much of it is not etcd's."""
    return {
        **run,
        "seconds": round(seconds, 2),
        "held_up_seconds": held,
        "beyond_rule_seconds": round(seconds - held, 2),
    }
