"""How long three members with claims and TLS take to exist, against a hand-written StatefulSet without TLS."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from e2e.bench.baseline import APP, stateful_set
from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.moments import STAGES, WATCHED, moments
from e2e.bench.probe import Served, until_all_serve
from e2e.bench.results import Goal, Result, Run, ratio
from e2e.bench.secret import tls
from e2e.bench.watch import Watch
from e2e.cluster import NotOurClusterError
from e2e.support.clusters import VERSION, manifest
from e2e.support.kube import Json, Kind
from e2e.support.waiting import eventually
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.names import CLIENT_PORT

VOTERS = 3
WITHIN = 180.0
IMAGE = f"gcr.io/etcd-development/etcd:v{VERSION}"
SIZE = "8Gi"
RESOURCES: Json = {"requests": {"cpu": "250m", "memory": "512Mi"}}
"""The operator's defaults, for both sides."""

Dns = Literal["plain", "caching"]


def measure(bench: Bench) -> Result:
    """Create ours and the baseline in turn with plain DNS, and ours with caching DNS in the same round."""
    ours: list[Run] = []
    baseline: list[Run] = []
    switchable = _switch(bench, "plain")
    try:
        for number in range(1, bench.runs + 1):
            ours.append(_create_ours(bench, "plain"))
            baseline.append(_create_baseline(bench))
            said = f"run {number}: {ours[-1]['seconds']:.1f} s, StatefulSet {baseline[-1]['seconds']:.1f} s"
            if switchable:
                _switch(bench, "caching")
                ours.append(_create_ours(bench, "caching"))
                _switch(bench, "plain")
                said += f", with caching DNS {ours[-1]['seconds']:.1f} s"
            bench.console.print(said)
    finally:
        _switch(bench, "plain")
    return Result("create", ours, baseline, figures(ours, baseline))


def figures(ours: Sequence[Run], baseline: Sequence[Run]) -> dict[str, float]:
    """The figures that goals speak of: medians of ours over that of the baseline, which always has plain DNS."""
    plain, caching = ([run for run in ours if run["dns"] == dns] for dns in ("plain", "caching"))
    found = {"ratio": ratio(plain, baseline, of="seconds")}
    if caching:
        found["ratio_caching_dns"] = ratio(caching, baseline, of="seconds")
    return found


SCENARIO = Scenario(
    title="three members with claims and TLS, from apply until every voter serves; baseline: a parallel StatefulSet",
    goals=(Goal("ratio", "≤", 1.6), Goal("ratio_caching_dns", "≤", 1.6)),
    measure=measure,
)


def _create_ours(bench: Bench, dns: Dns) -> Run:
    # DNS that caches has heard of no earlier cluster of a new name.
    name = f"ours-{secrets.token_hex(3)}"
    wanted = manifest(name, replicas=VOTERS, resources=RESOURCES, storage={"size": SIZE, "onDelete": "Delete"})
    with bench.cleared(), Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        began = time.monotonic()
        bench.kube.apply(wanted, namespace=NAMESPACE)
        served = until_all_serve(_Members(watch, name).endpoints, voters=VOTERS, within=WITHIN)
        stages = eventually(lambda: _all_stages(watch, began), within=WITHIN)
    return {"dns": dns, **_seconds(served, began), "stages_seconds": stages}


def _all_stages(watch: Watch, began: float) -> dict[str, float]:
    stages = moments(watch.sightings(), since=began)
    assert len(stages) == len(STAGES), f"not reached: {', '.join(STAGES.keys() - stages.keys())}"
    return stages


def _create_baseline(bench: Bench) -> Run:
    name = f"hand-{secrets.token_hex(3)}"
    wanted = stateful_set(name, image=IMAGE, replicas=VOTERS, storage=SIZE, resources=RESOURCES)
    with bench.cleared(), Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        began = time.monotonic()
        bench.kube.apply(wanted, namespace=NAMESPACE)
        served = until_all_serve(_Members(watch, name).endpoints, voters=VOTERS, within=WITHIN)
    return {"dns": "plain", **_seconds(served, began)}


def _seconds(served: Served, began: float) -> Run:
    return {"seconds": round(served.all - began, 2), "first_voter_seconds": round(served.first - began, 2)}


def _switch(bench: Bench, dns: Dns) -> bool:
    """Whether DNS could be switched: not on a cluster that was not made here."""
    try:
        bench.cluster.set_dns(dns)
    except NotOurClusterError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Members:
    """Where the members of one cluster are, as far as the watch has heard."""

    watch: Watch
    name: str

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The members that have an address, once the applications' certificate is there if there will be one."""
        ours = self.name in self.watch.latest(Kind.CLUSTER)
        secret = self.watch.latest(Kind.SECRET).get(f"{self.name}-client")
        if ours and secret is None:
            return ()
        return tuple(
            Endpoint(
                member,
                f"{pod['status']['podIP']}:{CLIENT_PORT}",
                tls(secret, f"{member}.{NAMESPACE}.svc") if secret else None,
            )
            for member, pod in self.watch.latest(Kind.POD).items()
            if pod["metadata"]["labels"].get(APP) == self.name and "podIP" in pod["status"]
        )
