"""Where the time of an event goes: the moment at which the last of the objects reached each stage."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Final

from e2e.bench.baseline import APP
from e2e.bench.watch import Sighting
from e2e.support.kube import Json, Kind
from etcd_operator.resources.ownership import MEMBER
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, VERSION_CONTAINER

Reached = Callable[[Json], bool]
Stages = Mapping[str, tuple[Kind, Reached]]
"""What is looked for, as Kubernetes tells it: the kubelet tells of containers up to a second late."""

GONE: Final = "pods_gone"
"""Reached when a Pod has been deleted for good."""


def _any_member(found: Json) -> bool:
    return MEMBER in found["metadata"].get("labels", {})


def _any_of_cluster(found: Json) -> bool:
    return APP in found["metadata"].get("labels", {})


def _of_cluster(reached: Reached) -> Reached:
    return lambda found: _any_of_cluster(found) and reached(found)


def _state(pod: Json, group: str, container: str) -> Json:
    found = (each.get("state", {}) for each in pod["status"].get(group, ()) if each["name"] == container)
    return next(found, {})


def _init_container(name: str, state: str) -> Reached:
    return lambda pod: state in _state(pod, "initContainerStatuses", name)


def _etcd_runs(pod: Json) -> bool:
    return "running" in _state(pod, "containerStatuses", ETCD_CONTAINER)


def _etcd_restarted(pod: Json) -> bool:
    return any(
        each["restartCount"] for each in pod["status"].get("containerStatuses", ()) if each["name"] == ETCD_CONTAINER
    )


def _has(kind: str) -> Reached:
    def check(found: Json) -> bool:
        conditions = found.get("status", {}).get("conditions", ())
        return any(each["type"] == kind and each["status"] == "True" for each in conditions)

    return check


def _in_status(*path: str) -> Reached:
    def check(cluster: Json) -> bool:
        found = cluster.get("status", {})
        for part in path:
            found = found.get(part, {})
        return bool(found)

    return check


_POD_STAGES: Final[Stages] = MappingProxyType(
    {
        "claims_created": (Kind.CLAIM, _any_of_cluster),
        "pods_created": (Kind.POD, _any_of_cluster),
        "volumes_bound": (Kind.CLAIM, _of_cluster(lambda claim: claim["status"].get("phase") == "Bound")),
        "pods_scheduled": (Kind.POD, _of_cluster(lambda pod: "nodeName" in pod["spec"])),
        "version_container_ended": (Kind.POD, _of_cluster(_init_container(VERSION_CONTAINER, "terminated"))),
        "start_check_ended": (Kind.POD, _of_cluster(_init_container(START_CHECK_CONTAINER, "terminated"))),
        "etcd_running": (Kind.POD, _of_cluster(_etcd_runs)),
    }
)

CREATION: Final[Stages] = MappingProxyType(
    {
        "names_recorded": (Kind.CLUSTER, _in_status("membership", "members")),
        "secrets_created": (Kind.SECRET, _any_member),
        **_POD_STAGES,
        "formed": (Kind.CLUSTER, _in_status("clusterID")),
        "voters_ready": (Kind.POD, _of_cluster(_has("Ready"))),
        "available": (Kind.CLUSTER, _has("Available")),
    }
)
"""The stages of a creation."""

CHANGE: Final[Stages] = MappingProxyType(
    {
        "newcomers_recorded": (Kind.CLUSTER, _in_status("membership", "joining")),
        "removal_recorded": (Kind.CLUSTER, _in_status("membership", "removing")),
        **_POD_STAGES,
        "start_check_running": (Kind.POD, _of_cluster(_init_container(START_CHECK_CONTAINER, "running"))),
        "etcd_restarted": (Kind.POD, _of_cluster(_etcd_restarted)),
        "pods_deleted": (Kind.POD, _of_cluster(lambda pod: "deletionTimestamp" in pod["metadata"])),
        "voters_ready": (Kind.POD, _of_cluster(_has("Ready"))),
    }
)
"""The stages of what may happen to a cluster later."""

WATCHED = tuple(dict.fromkeys(kind for stages in (CREATION, CHANGE) for kind, _ in stages.values()))


def moments(sightings: Iterable[Sighting], stages: Stages, *, since: float) -> dict[str, float]:
    """Return for each stage that was reached the seconds from `since` until the last object had reached it.

    An object that was there already when `since` came does not count; one that is made anew under its name does.
    """
    reached: dict[str, float] = {}
    for life in _lives(sightings):
        for stage, at in _reached_by(life, stages, since):
            reached[stage] = max(reached.get(stage, 0), round(at - since, 2))
    return {stage: reached[stage] for stage in (*stages, GONE) if stage in reached}


def _lives(sightings: Iterable[Sighting]) -> Iterator[list[Sighting]]:
    """The sightings of each object, by UID: an object that is made anew is another one."""

    def uid(seen: Sighting) -> str:
        return str(seen.object["metadata"]["uid"])

    for _, life in groupby(sorted(sightings, key=uid), key=uid):
        yield sorted(life, key=lambda seen: seen.at)


def _reached_by(life: list[Sighting], stages: Stages, since: float) -> Iterator[tuple[str, float]]:
    kind, before = life[0].kind, [seen for seen in life if seen.at < since]
    for stage, (about, reached) in stages.items():
        if about is kind and not (before and reached(before[-1].object)):
            at = next((seen.at for seen in life[len(before) :] if reached(seen.object)), None)
            if at is not None:
                yield stage, at
    if kind is Kind.POD and life[-1].gone and life[-1].at >= since and _any_of_cluster(life[-1].object):
        yield GONE, life[-1].at
