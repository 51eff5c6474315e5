"""What a StatefulSet does not survive by itself: a volume is gone, a node is off; held against S, its creation."""

import shlex
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from e2e.bench.events import Happening, figures, live_through, tell
from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.results import Goal, NotMeasuredError, Result, Run
from e2e.bench.subjects import VOTERS, Ours, a_follower, create_hand_written, leader, ours
from e2e.cluster import Cluster
from e2e.support.kube import Kind
from e2e.support.operator import REPLICAS
from etcd_operator.api.cluster import duration

REPLACE_AFTER: Final = "10s"
"""For how long a node may be away; the default outlasts a reboot."""

DEFAULT_GRACE: Final = "50s"
"""kube-controller-manager's own, since Kubernetes 1.32."""

_GRACE: Final = "--node-monitor-grace-period="


def _volume_lost(bench: Bench) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench) as subject:
            runs.append(_lose_volume(bench, subject, leads=number % 2 == 1))
        _tell(bench, number, runs[-1], baseline[-1])
    return Result("volume-lost", runs, baseline, figures(runs, baseline))


def _node_lost(bench: Bench) -> Result:
    runs: list[Run] = []
    baseline: list[Run] = []
    patience = grace(_controllers(bench.cluster)) + duration(REPLACE_AFTER)
    for number in range(1, bench.runs + 1):
        baseline.append(create_hand_written(bench))
        with bench.cleared(), ours(bench, recovery={"replaceAfter": REPLACE_AFTER}) as subject:
            runs.append(_lose_node(bench, subject, patience))
        _tell(bench, number, runs[-1], baseline[-1])
    found = figures(runs, baseline, of="beyond_patience_seconds")
    return Result("node-lost", runs, baseline, {**found, "patience_seconds": patience.total_seconds()})


VOLUME_LOST = Scenario(
    title="a Pod and its claim are deleted, until another member votes; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 2),),
    measure=_volume_lost,
)

NODE_LOST = Scenario(
    title="a node loses its power, beyond Kubernetes' grace and replaceAfter; baseline: creating the StatefulSet",
    goals=(Goal("ratio", "≤", 2),),
    measure=_node_lost,
)


def grace(command: str) -> timedelta:
    """How long kube-controller-manager waits for a node's sign of life, by the command that it was started with."""
    given = [word.removeprefix(_GRACE) for word in shlex.split(command) if word.startswith(_GRACE)]
    return duration(given[-1] if given else DEFAULT_GRACE)


def alone_on_node(nodes_of_members: dict[str, str], candidates: Collection[str]) -> str:
    """The first of the `candidates`, by name, on which one member runs and no more; raises NotMeasuredError."""
    held = Counter(nodes_of_members.values())
    for node in sorted(candidates):
        if held[node] == 1:
            return node
    raise NotMeasuredError(
        f"members are on {nodes_of_members}: none is alone on one of {', '.join(sorted(candidates))}"
    )


def _lose_volume(bench: Bench, subject: Ours, *, leads: bool) -> Run:
    victim = leader(subject) if leads else a_follower(subject)
    uid = str(subject.members.pods()[victim]["metadata"]["uid"])

    def delete() -> Collection[str]:
        # The claim stays until its Pod has ended, and then goes at once.
        bench.kube.delete(Kind.CLAIM, NAMESPACE, victim)
        bench.kube.delete(Kind.POD, NAMESPACE, victim)
        return [uid]

    event = live_through(subject, delete, voters=VOTERS, whole_since=subject.whole_since)
    return {**event.run(), "leader": leads}


def _lose_node(bench: Bench, subject: Ours, patience: timedelta) -> Run:
    nodes = {member: str(pod["spec"]["nodeName"]) for member, pod in subject.members.pods().items()}
    node = alone_on_node(nodes, bench.cluster.nodes[1:])
    led, operated = nodes[leader(subject)] == node, _operator_node(bench) == node
    with _powered_again(bench, node) as power_off:
        event = live_through(subject, power_off, voters=VOTERS, whole_since=subject.whole_since)
    beyond = round(event.seconds - patience.total_seconds(), 2)
    return {"beyond_patience_seconds": beyond, **event.run(), "leader": led, "operator": operated}


@contextmanager
def _powered_again(bench: Bench, node: str) -> Iterator[Happening]:
    """Yield what takes a node's power away; afterwards it has power, and Kubernetes and the operator are as before."""

    def power_off() -> Collection[str]:
        bench.cluster.power_off(node)
        return ()

    try:
        yield power_off
    finally:
        bench.cluster.power_on(node)
        bench.cluster.wait_ready()
        bench.operator.scale(REPLICAS)


def _controllers(cluster: Cluster) -> str:
    command = ["pgrep", "--list-full", "--full", "^kube-controller-manager "]
    return cluster.exec_on_node(cluster.nodes[0], command)


def _operator_node(bench: Bench) -> str:
    leads = bench.operator.leader()
    return next(str(pod["spec"]["nodeName"]) for pod in bench.operator.pods() if pod["metadata"]["name"] == leads)


def _tell(bench: Bench, number: int, run: Run, baseline: Run) -> None:
    tell(bench, f"run {number}, S is {baseline['seconds']:.2f} s", run)
