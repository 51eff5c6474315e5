"""Three members become five, and five become three, under writes; one cluster of a round goes both ways."""

from functools import cache
from typing import Final

from e2e.bench.events import Event, figures, live_through, tell
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import QUIET, Goal, Result, Run
from e2e.bench.subjects import VOTERS, Ours, create_hand_written, leader, ours

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
