"""How long three members with claims and TLS take to exist, against a hand-written StatefulSet without TLS."""

import secrets
import time
from collections.abc import Sequence
from typing import Final, Literal

from e2e.bench.harness import NAMESPACE, Bench, Scenario
from e2e.bench.members import Members
from e2e.bench.moments import CREATION, WATCHED, moments
from e2e.bench.probe import until_all_serve
from e2e.bench.results import Goal, Result, Run, ratio
from e2e.bench.subjects import VOTERS, WITHIN, create_hand_written, creation, our_manifest
from e2e.bench.watch import Watch
from e2e.cluster import NotOurClusterError
from e2e.support.waiting import eventually

LAST: Final = "available"
"""The stage that all others come before."""

Dns = Literal["plain", "caching"]


def measure(bench: Bench) -> Result:
    """Create ours and the baseline in turn with plain DNS, and ours with caching DNS in the same round."""
    ours: list[Run] = []
    baseline: list[Run] = []
    switchable = _switch(bench, "plain")
    try:
        for number in range(1, bench.runs + 1):
            ours.append(_create_ours(bench, "plain"))
            baseline.append({"dns": "plain", **create_hand_written(bench)})
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
    with bench.cleared(), Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        began = time.monotonic()
        bench.kube.apply(our_manifest(name, etcd=bench.etcd), namespace=NAMESPACE)
        served = until_all_serve(Members(watch, name).endpoints, voters=VOTERS, within=WITHIN)
        stages = eventually(lambda: _until_available(watch, began), within=WITHIN)
    return {"dns": dns, **creation(served, began), "stages_seconds": stages}


def _until_available(watch: Watch, began: float) -> dict[str, float]:
    stages = moments(watch.sightings(), CREATION, since=began)
    assert LAST in stages, f"reached are {', '.join(stages)}"
    return stages


def _switch(bench: Bench, dns: Dns) -> bool:
    """Whether DNS could be switched: not on a cluster that was not made here."""
    try:
        bench.cluster.set_dns(dns)
    except NotOurClusterError:
        return False
    return True
