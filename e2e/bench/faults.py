"""What a StatefulSet survives, too: a Pod deleted, a node drained, the leader killed; held against it each time."""

from collections.abc import Callable, Collection
from contextlib import ExitStack

from e2e.bench.baseline import APP
from e2e.bench.events import figures, live_through, tell
from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.probe import until_all_serve, until_down
from e2e.bench.results import Goal, Result, Run, ratio
from e2e.bench.subjects import VOTERS, WITHIN, Subject, a_follower, hand_written, leader, ours
from e2e.support.kube import Kind
from e2e.support.nodes import signal_container
from etcd_operator.resources.pod import ETCD_CONTAINER

Measure = Callable[[Bench, Subject, int, float], tuple[Run, float]]
"""One run on one side: its number, since when the cluster is whole; returns its figures and since when it is again."""


def _pod_deleted(bench: Bench) -> Result:
    runs, baseline = _in_turn(bench, _delete_pod)
    return Result("pod-deleted", runs, baseline, figures(runs, baseline))


def _leader_drained(bench: Bench) -> Result:
    runs, baseline = _in_turn(bench, _drain_leader)
    return Result("leader-drained", runs, baseline, figures(runs, baseline))


def _leader_killed(bench: Bench) -> Result:
    runs, baseline = _in_turn(bench, _kill_leader)
    gap_ratio = ratio(runs, baseline, of="longest_write_gap_ms")
    return Result("leader-killed", runs, baseline, {**figures(runs, baseline), "gap_ratio": gap_ratio})


POD_DELETED = Scenario(
    title="a Pod is deleted, the leader's and a follower's in turn; baseline: the StatefulSet after the same",
    goals=(Goal("ratio", "≤", 1.5),),
    measure=_pod_deleted,
)

LEADER_KILLED = Scenario(
    title="the leader's process is killed; baseline: the StatefulSet after the same",
    goals=(Goal("ratio", "≤", 1.2), Goal("gap_ratio", "≤", 1.2)),
    measure=_leader_killed,
)


LEADER_DRAINED = Scenario(
    title="the leader's node is drained and taken back; baseline: the StatefulSet after the same",
    # Who is connected to the member that is evicted may lose a write: nobody is told before an eviction.
    goals=(Goal("extra_write_gap_ms", "≤", 100),),
    measure=_leader_drained,
)


def _in_turn(bench: Bench, measure: Measure) -> tuple[list[Run], list[Run]]:
    """The runs of both sides, on one cluster each: both live through every fault whole."""
    with ExitStack() as stack:
        stack.enter_context(bench.cleared())
        sides: list[tuple[str, Subject, list[Run]]] = [
            ("ours", stack.enter_context(ours(bench)), []),
            ("StatefulSet", stack.enter_context(hand_written(bench)), []),
        ]
        whole_since = {who: subject.whole_since for who, subject, _ in sides}
        for number in range(1, bench.runs + 1):
            for who, subject, runs in sides:
                run, whole_since[who] = measure(bench, subject, number, whole_since[who])
                runs.append(run)
                tell(bench, f"run {number}, {who}", run)
    (_, _, of_ours), (_, _, of_baseline) = sides
    return of_ours, of_baseline


def _delete_pod(bench: Bench, subject: Subject, number: int, whole_since: float) -> tuple[Run, float]:
    leads = number % 2 == 1
    victim = leader(subject) if leads else a_follower(subject)

    def delete() -> Collection[str]:
        return [_delete(bench, subject, victim)]

    event = live_through(subject, delete, voters=VOTERS, whole_since=whole_since)
    return {**event.run(), "leader": leads}, event.served.all


def _kill_leader(bench: Bench, subject: Subject, _number: int, whole_since: float) -> tuple[Run, float]:
    victim = leader(subject)
    pod = subject.members.pods()[victim]
    (at,) = (at for at in subject.members.endpoints() if at.member == victim)

    def kill() -> Collection[str]:
        signal_container(bench.cluster, pod, ETCD_CONTAINER, "SIGKILL")
        until_down(at, within=WITHIN)
        return ()

    event = live_through(subject, kill, voters=VOTERS, whole_since=whole_since)
    return event.run(), _renew(bench, subject, victim)


def _drain_leader(bench: Bench, subject: Subject, _number: int, whole_since: float) -> tuple[Run, float]:
    pod = subject.members.pods()[leader(subject)]
    node, about = str(pod["spec"]["nodeName"]), pod["metadata"]

    def drain() -> Collection[str]:
        # Everybody else's Pods stay: it is this cluster that is measured, and not who makes volumes or answers for DNS.
        try:
            bench.kube.kubectl("drain", node, f"--pod-selector={APP}={about['labels'][APP]}", "--delete-emptydir-data")
        finally:
            bench.kube.kubectl("uncordon", node)
        return [str(about["uid"])]

    event = live_through(subject, drain, voters=VOTERS, whole_since=whole_since)
    return event.run(), event.served.all


def _renew(bench: Bench, subject: Subject, victim: str) -> float:
    """Give a member a Pod that never crashed: the kubelet would wait before it restarts one that did. Returns when."""
    deleted = _delete(bench, subject, victim)
    served = until_all_serve(lambda: subject.members.endpoints(without=[deleted]), voters=VOTERS, within=WITHIN)
    subject.settle(VOTERS)
    return served.all


def _delete(bench: Bench, subject: Subject, victim: str) -> str:
    uid = str(subject.members.pods()[victim]["metadata"]["uid"])
    bench.kube.delete(Kind.POD, NAMESPACE, victim)
    return uid
