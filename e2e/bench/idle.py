"""What a stable cluster costs while an application uses it: nothing at the API server, next to nothing elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.process import Usage
from e2e.bench.results import Goal, NotMeasuredError, Result, Run
from e2e.bench.secret import tls
from e2e.bench.subjects import STABLE
from e2e.bench.writer import Writer
from e2e.support.clusters import EtcdCluster, manifest
from e2e.support.kube import Json, Kind, Kube
from e2e.support.operator import Operator
from e2e.support.waiting import eventually
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.names import CLIENT_PORT

NAME = "idle"
STABLE_FOR = 15.0
"""Seconds without a write after which a new cluster counts as stable."""

STABLE_WITHIN = 120.0
OBJECTS = (Kind.CLUSTER, Kind.POD, Kind.CLAIM, Kind.SERVICE, Kind.SECRET, Kind.BUDGET, Kind.EVENT)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at one moment of the monotonic clock."""

    at: float
    leader: str
    writes: int  # by all operators since they started, renewals of the Lease apart
    usage: Usage  # of the leading process
    versions: dict[str, str]  # resourceVersion of each object in the namespace

    @classmethod
    def take(cls, operator: Operator, kube: Kube) -> Self:
        """Read all of it now."""
        leader = operator.leader()
        return cls(time.monotonic(), leader, _writes(operator), Usage.read(kube, leader), _versions(kube))


def measure(bench: Bench) -> Result:
    """Watch one stable cluster for `bench.seconds` under writes, in `bench.runs` stretches that follow each other.

    Raises NotMeasuredError where the operator has work to do for another cluster.
    """
    for neighbour in neighbours(bench.kube.list(Kind.CLUSTER)):
        bench.console.print(f"the operator serves {neighbour} as well: its cost is in these figures")
    # New processes: the peak of memory counts from their start, whatever they did before.
    with bench.operator.down():
        pass
    with bench.cleared():
        cluster = EtcdCluster(bench.kube, NAMESPACE, NAME)
        bench.kube.apply(manifest(NAME), namespace=NAMESPACE)
        cluster.becomes_healthy()
        _wait_until_stable(bench.operator)
        with Writer([_service(bench.kube)], prefix="idle") as writer:
            readings = [Reading.take(bench.operator, bench.kube)]
            for _ in range(bench.runs):
                time.sleep(bench.seconds / bench.runs)
                readings.append(Reading.take(bench.operator, bench.kube))
    history = writer.history()
    for changed in changes(readings[0], readings[-1]):
        bench.console.print(f"changed while nothing happened: {changed}")
    gaps = {"longest_write_gap_ms": history.longest_gap_ms(), "failed_writes": history.failed()}
    return Result("idle", runs(readings), figures=figures(readings) | gaps)


def runs(readings: Sequence[Reading]) -> list[Run]:
    """The raw figures of each stretch between two readings."""
    return [
        {"seconds": round(later.at - earlier.at, 1), **figures([earlier, later])}
        for earlier, later in pairwise(readings)
    ]


def figures(readings: Sequence[Reading]) -> dict[str, float]:
    """The figures that goals speak of, from the first reading to the last.

    The operators' own count of writes is not taken on trust: an object of another version was written, too. Raises
    NotMeasuredError when another process leads than at the beginning: then its processor time says nothing.
    """
    first, last = readings[0], readings[-1]
    if first.leader != last.leader:
        raise NotMeasuredError(f"{last.leader} leads instead of {first.leader}: the operator is not stable")
    seconds = last.usage.cpu_seconds - first.usage.cpu_seconds
    return {
        "api_writes": max(last.writes - first.writes, len(changes(first, last))),
        "cpu_percent": round(100 * seconds / (last.at - first.at), 2),
        "peak_rss_mib": last.usage.peak_rss_mib,
    }


def changes(first: Reading, last: Reading) -> list[str]:
    """Names of the objects that are new or have another version; one that went was not written (an old event)."""
    return sorted(name for name, version in last.versions.items() if first.versions.get(name) != version)


def neighbours(clusters: Sequence[Json]) -> list[str]:
    """The clusters that are there already, by namespace and name; they only make the bounds harder to keep.

    Raises NotMeasuredError when one of them is not stable: then writes are the operator's duty.
    """
    for found in clusters:
        action = found.get("status", {}).get("plan", {}).get("action")
        if action != STABLE:
            raise NotMeasuredError(
                f"the operator has work to do for {_named(found)} ({action}): mend or delete it first"
            )
    return [_named(found) for found in clusters]


def _named(found: Json) -> str:
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


SCENARIO = Scenario(
    title="a stable cluster under 50 writes a second",
    goals=(Goal("api_writes", "≤", 0), Goal("cpu_percent", "<", 2), Goal("peak_rss_mib", "≤", 120)),
    measure=measure,
)


def _wait_until_stable(operator: Operator) -> None:
    seen, since = -1, 0.0

    def check() -> None:
        nonlocal seen, since
        writes = _writes(operator)
        if writes != seen:
            seen, since = writes, time.monotonic()
        assert time.monotonic() - since > STABLE_FOR, f"the operator still writes: {writes} calls since its start"

    eventually(check, within=STABLE_WITHIN, every=1)


def _writes(operator: Operator) -> int:
    return int(sum(operator.writes(pod["metadata"]["name"]) for pod in operator.pods()))


def _versions(kube: Kube) -> dict[str, str]:
    return {
        f"{kind.value.kind} {found['metadata']['name']}": found["metadata"]["resourceVersion"]
        for kind in OBJECTS
        for found in kube.list(kind, NAMESPACE)
    }


def _service(kube: Kube) -> Endpoint:
    """The cluster as applications reach it: by its Service, with its Secret."""
    secret = kube.get(Kind.SECRET, NAMESPACE, f"{NAME}-client")
    address = kube.get(Kind.SERVICE, NAMESPACE, NAME)["spec"]["clusterIP"]
    return Endpoint(NAME, f"{address}:{CLIENT_PORT}", tls(secret, f"{NAME}.{NAMESPACE}.svc"))
