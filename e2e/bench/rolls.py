"""Every member is made anew in turn: for a setting, beside the StatefulSet's own restart, a version, or a volume."""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import Any, Final

from e2e.bench.events import Event, figures, live_through, tell
from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.results import QUIET, Goal, NotMeasuredError, Result, Run, middle
from e2e.bench.subjects import VOTERS, HandWritten, Ours, Subject, create_hand_written, hand_written, ours
from e2e.cluster.versions import EARLIER_ETCD, ETCD
from e2e.support.kube import Kind
from etcd_operator.etcd.versions import NEWEST, parse_version

SMALL: Final = "1Gi"
LARGER: Final = "2Gi"


def _config_roll(bench: Bench) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    with ExitStack() as stack:
        stack.enter_context(bench.cleared())
        subject, other = stack.enter_context(ours(bench)), stack.enter_context(hand_written(bench))
        since, since_other = subject.whole_since, other.whole_since
        for number in range(1, bench.runs + 1):
            event = _made_anew(subject, _setting(subject, 10_000 + number), whole_since=since)
            since = event.served.all
            runs.append(event.run())
            tell(bench, f"run {number}, ours", runs[-1])
            event = _made_anew(other, _restart(bench, other), whole_since=since_other)
            since_other = event.served.all
            baseline.append(event.run())
            tell(bench, f"run {number}, StatefulSet", baseline[-1])
    found = figures(runs, baseline)
    return Result(
        "config-roll", runs, baseline, {**found, "baseline_write_gap_ms": middle(baseline, "longest_write_gap_ms")}
    )


def _patch_upgrade(bench: Bench) -> Result:
    earlier = EARLIER_ETCD.get(bench.etcd.rpartition(".")[0], bench.etcd)
    if earlier == bench.etcd:
        newest = ", ".join(ETCD[minor] for minor in EARLIER_ETCD)
        raise NotMeasuredError(f"no release before etcd {earlier} is here: measure {newest}")
    bench.cluster.have_etcd(earlier)
    before = replace(bench, etcd=earlier)
    runs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(before))
        with bench.cleared(), ours(before) as subject:
            newer = _changed(subject, version=bench.etcd)
            runs.append(_made_anew(subject, newer, whole_since=subject.whole_since).run())
        bench.console.print(f"run {number}: S is {baseline[-1]['seconds']:.2f} s")
        tell(bench, f"  {earlier} to {bench.etcd}", runs[-1])
    return Result("patch-upgrade", runs, baseline, figures(runs, baseline))


def _up(bench: Bench) -> Result:
    return _both(bench)[0]


def _down(bench: Bench) -> Result:
    return _both(bench)[1]


def _resize_storage(bench: Bench) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench, storage={"size": SMALL, "onDelete": "Delete"}) as subject:
            larger = _changed(subject, storage={"size": LARGER, "resize": "Replace"})
            runs.append(_made_anew(subject, larger, whole_since=subject.whole_since).run())
        tell(bench, f"run {number}, S is {baseline[-1]['seconds']:.2f} s", runs[-1])
    return Result("resize-storage", runs, baseline, figures(runs, baseline))


CONFIG_ROLL = Scenario(
    title="a setting changes, until all members serve anew; baseline: kubectl rollout restart of the StatefulSet",
    goals=(Goal("ratio", "≤", 1.6), *QUIET),
    measure=_config_roll,
)

PATCH_UPGRADE = Scenario(
    title="to a newer release of the minor version, until all serve with it; baseline: creating the StatefulSet",
    goals=QUIET,
    measure=_patch_upgrade,
)

UPGRADE = Scenario(
    title="to the next minor version, until all members serve with it; baseline: creating the StatefulSet",
    goals=QUIET,
    measure=_up,
)

DOWNGRADE = Scenario(
    title="back to the minor version before, until all members serve with it; baseline: creating the StatefulSet",
    goals=QUIET,
    measure=_down,
)

RESIZE_STORAGE = Scenario(
    title="larger volumes, until three other members on such vote and serve; baseline: creating the StatefulSet",
    goals=QUIET,
    measure=_resize_storage,
)


@cache
def _both(bench: Bench) -> tuple[Result, Result]:
    """Measured once for the two scenarios: from the version that is measured to the next minor one, and back."""
    lower = parse_version(bench.etcd)
    if lower.minor + 1 not in NEWEST:
        raise NotMeasuredError(f"no minor version follows etcd {lower}: measure an older one, such as {NEWEST[6]}")
    higher = str(NEWEST[lower.minor + 1])
    ups: list[Run] = []
    downs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench) as subject:
            up = _made_anew(subject, _changed(subject, version=higher), whole_since=subject.whole_since)
            ups.append(up.run())
            down = _made_anew(subject, _changed(subject, version=str(lower)), whole_since=up.served.all)
            downs.append(down.run())
        bench.console.print(f"run {number}: S is {baseline[-1]['seconds']:.2f} s")
        tell(bench, f"  {lower} to {higher}", ups[-1])
        tell(bench, f"  {higher} to {lower}", downs[-1])
    return (
        Result("upgrade", ups, baseline, figures(ups, baseline)),
        Result("downgrade", downs, baseline, figures(downs, baseline)),
    )


def _made_anew(subject: Subject, change: Callable[[], None], *, whole_since: float) -> Event:
    """Change something for which every member is made anew; the Pods that there are do not count any more."""

    def happen() -> Collection[str]:
        old = [str(pod["metadata"]["uid"]) for pod in subject.members.pods().values()]
        change()
        return old

    return live_through(subject, happen, voters=VOTERS, whole_since=whole_since)


def _setting(subject: Ours, count: int) -> Callable[[], None]:
    return _changed(subject, etcd={"snapshotCount": count})


def _changed(subject: Ours, **spec: Any) -> Callable[[], None]:
    return lambda: subject.cluster.change(**spec)


def _restart(bench: Bench, subject: HandWritten) -> Callable[[], None]:
    """What `kubectl rollout restart` does."""
    note = {"kubectl.kubernetes.io/restartedAt": str(time.time())}
    template = {"spec": {"template": {"metadata": {"annotations": note}}}}

    def restart() -> None:
        bench.kube.patch(Kind.STATEFUL_SET, NAMESPACE, subject.members.name, template)

    return restart
