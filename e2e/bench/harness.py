"""What every scenario is given: the cluster, the operator on it, and a namespace that is empty before each run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from rich.console import Console

from e2e.bench.results import Goal, Result
from e2e.cluster import Cluster, current
from e2e.support.clusters import VERSION
from e2e.support.kube import Json, Kind, Kube
from e2e.support.operator import Operator
from e2e.support.waiting import eventually

NAMESPACE = "etcd-operator-bench"
GONE_WITHIN = 180.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a scenario measures, and how much: `runs` of each side, `seconds` in all for what is watched over time.

    `etcd` is the version of both sides.
    """

    cluster: Cluster
    kube: Kube
    operator: Operator
    console: Console
    runs: int
    seconds: float
    etcd: str = VERSION

    @classmethod
    def start(cls, console: Console, *, runs: int, seconds: float, etcd: str = VERSION) -> Self:
        """Start the cluster if it does not run, install the operator of this checkout, and make the namespace."""
        cluster = current()
        cluster.start()
        kube = Kube(cluster.kubeconfig)
        operator = Operator.install(cluster, kube)
        if eventually(lambda: _namespace(kube), within=GONE_WITHIN) is None:
            kube.create(Kind.NAMESPACE, None, {"metadata": {"name": NAMESPACE}})
        bench = cls(cluster, kube, operator, console, runs, seconds, etcd)
        bench.clear()
        return bench

    def clear(self) -> None:
        """Delete what runs left in the namespace; returns when their volumes are gone as well."""
        for kind in (Kind.CLUSTER, Kind.STATEFUL_SET, Kind.SERVICE):
            for left in self.kube.list(kind, NAMESPACE):
                self.kube.delete(kind, NAMESPACE, left["metadata"]["name"])

        def check() -> None:
            kinds = (Kind.CLUSTER, Kind.POD, Kind.CLAIM, Kind.SERVICE, Kind.BUDGET)
            left = [found["metadata"]["name"] for kind in kinds for found in self.kube.list(kind, NAMESPACE)]
            volumes = self.kube.list(Kind.VOLUME)
            left += [
                volume["metadata"]["name"]
                for volume in volumes
                if volume["spec"].get("claimRef", {}).get("namespace") == NAMESPACE
            ]
            assert not left, f"still there: {', '.join(left)}"

        eventually(check, within=GONE_WITHIN)

    def end(self) -> None:
        """Delete the namespace; the operator and the cluster stay."""
        self.kube.delete(Kind.NAMESPACE, None, NAMESPACE)

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """The namespace is empty again after the block, however it ends."""
        try:
            yield
        finally:
            self.clear()


def _namespace(kube: Kube) -> Json | None:
    """The namespace, None if there is none yet; AssertionError while that of an earlier benchmark is being deleted."""
    found = kube.find(Kind.NAMESPACE, None, NAMESPACE)
    assert found is None or "deletionTimestamp" not in found["metadata"], f"{NAMESPACE} is still being deleted"
    return found


@dataclass(frozen=True, slots=True)
class Scenario:
    """One benchmark: what it is about, what must hold, and how it is measured."""

    title: str
    goals: Sequence[Goal]
    measure: Callable[[Bench], Result]
