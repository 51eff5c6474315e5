"""Three members become five, and five become three, under writes; one cluster of a round goes both ways.

Where etcd refuses changes for its 5 s, the operator waits for them and no longer than them (etcd-rules.md §1).
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Final

from e2e.bench.events import Event, figures, live_through, tell
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import QUIET, Goal, Result, Run, middle
from e2e.bench.subjects import VOTERS, WITHIN, Ours, create_hand_written, leader, ours
from e2e.support.waiting import eventually

MORE: Final = 5


def _out(bench: Bench) -> Result:
    return _both(bench)[0]


def _in(bench: Bench) -> Result:
    return _both(bench)[1]


SCALE_OUT = Scenario(
    title="from three members to five, until all five vote and read with a quorum; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 1.8), *QUIET),
    measure=_out,
)

SCALE_IN = Scenario(
    title="from five members to three, until etcd lists three; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 0.5), *QUIET),
    measure=_in,
)

HELD_UP: Final = (Goal("extra_seconds", "≤", 5), Goal("failed_writes", "≤", 0))
"""What etcd's rule may cost, and no more."""


def _from_one(bench: Bench) -> Result:
    return _beside("one-to-three", bench, _grow_from_one, start=1, usual=_out(bench))


def _back(bench: Bench) -> Result:
    return _beside("scale-back", bench, _change_of_mind, start=VOTERS, usual=_in(bench))


ONE_TO_THREE = Scenario(
    title="from one member to three, of which etcd holds up the last; baseline: from three to five",
    goals=HELD_UP,
    measure=_from_one,
)

SCALE_BACK = Scenario(
    title="from five members to three as soon as five vote; baseline: the same when they have voted for long",
    goals=HELD_UP,
    measure=_back,
)


@cache
def _both(bench: Bench) -> tuple[Result, Result]:
    """Measured once for the two scenarios."""
    outs: list[Run] = []
    ins: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench) as subject:
            grown = _resize(subject, MORE, whole_since=subject.whole_since)
            outs.append(grown.run())
            led_by = leader(subject)
            shrunk = _resize(subject, VOTERS, whole_since=grown.served.all)
            removed = led_by not in shrunk.served.listings[-1].names
            ins.append({**shrunk.run(), "leader_removed": removed})
        bench.console.print(f"run {number}: S is {baseline[-1]['seconds']:.2f} s")
        tell(bench, "  three to five", outs[-1])
        tell(bench, f"  five to three{', the leader among those removed' if removed else ''}", ins[-1])
    return (
        Result("scale-out", outs, baseline, figures(outs, baseline)),
        Result("scale-in", ins, baseline, figures(ins, baseline)),
    )


def _resize(subject: Ours, voters: int, *, whole_since: float) -> Event:
    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=voters)
        return ()

    return live_through(subject, ask, voters=voters, whole_since=whole_since)


def _beside(name: str, bench: Bench, measure: Callable[[Ours], Run], *, start: int, usual: Result) -> Result:
    """Measure a change that etcd's rule may hold up, beside one of as many members that it does not."""
    runs: list[Run] = []
    for number in range(1, bench.runs + 1):
        with bench.cleared(), ours(bench, replicas=start) as subject:
            runs.append(measure(subject))
        tell(bench, f"run {number}", runs[-1])
    extra = middle(runs, "seconds") - middle(usual.runs, "seconds")
    return Result(name, runs, usual.runs, {**figures(runs, usual.runs), "extra_seconds": round(extra, 2)})


def _grow_from_one(subject: Ours) -> Run:
    return _resize(subject, VOTERS, whole_since=subject.whole_since).run()


def _change_of_mind(subject: Ours) -> Run:
    """Its seconds count from the wish to go back; all else, as always, from the first wish."""
    asked: list[float] = []

    def ask() -> tuple[str, ...]:
        subject.cluster.change(replicas=MORE)
        eventually(lambda: _five_vote(subject), within=WITHIN, every=0.1)
        asked.append(time.monotonic())
        subject.cluster.change(replicas=VOTERS)
        return ()

    event = live_through(subject, ask, voters=VOTERS, whole_since=subject.whole_since)
    return {**event.run(), "seconds": round(event.served.redundant - asked[0], 2)}


def _five_vote(subject: Ours) -> None:
    with subject.cluster.etcd() as etcd:
        listed = etcd.member_list().members
    voting = [member for member in listed if member.started and not member.is_learner]
    assert len(voting) == MORE, f"{len(voting)} of {len(listed)} members vote"
