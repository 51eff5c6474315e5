"""Where the time of a creation goes: the moment at which the last of the members reached each stage."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from e2e.bench.watch import Sighting
from e2e.support.kube import Json, Kind
from etcd_operator.resources.ownership import MEMBER
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, VERSION_CONTAINER

Reached = Callable[[Json], bool]


def _any_member(found: Json) -> bool:
    return MEMBER in found["metadata"].get("labels", {})


def _of_member(reached: Reached) -> Reached:
    return lambda found: _any_member(found) and reached(found)


def _ended(container: str) -> Reached:
    return lambda pod: "terminated" in _state(pod, "initContainerStatuses", container)


def _state(pod: Json, group: str, container: str) -> Json:
    found = (each.get("state", {}) for each in pod["status"].get(group, ()) if each["name"] == container)
    return next(found, {})


def _has(kind: str) -> Reached:
    def check(found: Json) -> bool:
        conditions = found.get("status", {}).get("conditions", ())
        return any(each["type"] == kind and each["status"] == "True" for each in conditions)

    return check


STAGES: Final[Mapping[str, tuple[Kind, Reached]]] = MappingProxyType(
    {
        "names_recorded": (Kind.CLUSTER, lambda cluster: bool(cluster.get("status", {}).get("bootstrap"))),
        "secrets_created": (Kind.SECRET, _any_member),
        "claims_created": (Kind.CLAIM, _any_member),
        "pods_created": (Kind.POD, _any_member),
        "volumes_bound": (Kind.CLAIM, _of_member(lambda claim: claim["status"].get("phase") == "Bound")),
        "pods_scheduled": (Kind.POD, _of_member(lambda pod: "nodeName" in pod["spec"])),
        "version_container_ended": (Kind.POD, _of_member(_ended(VERSION_CONTAINER))),
        "start_check_ended": (Kind.POD, _of_member(_ended(START_CHECK_CONTAINER))),
        "etcd_running": (
            Kind.POD,
            _of_member(lambda pod: "running" in _state(pod, "containerStatuses", ETCD_CONTAINER)),
        ),
        "formed": (Kind.CLUSTER, lambda cluster: bool(cluster.get("status", {}).get("clusterID"))),
        "voters_ready": (Kind.POD, _of_member(_has("Ready"))),
        "available": (Kind.CLUSTER, _has("Available")),
    }
)
"""What is looked for, as Kubernetes tells it: the kubelet tells of containers up to a second late."""

WATCHED = tuple(dict.fromkeys(kind for kind, _ in STAGES.values()))


def moments(sightings: Iterable[Sighting], *, since: float) -> dict[str, float]:
    """Return for each stage that was reached the seconds from `since` until the last object had reached it."""
    first: dict[tuple[str, str], float] = {}
    for seen in sightings:
        for stage, (kind, reached) in STAGES.items():
            if seen.kind is kind and reached(seen.object):
                first.setdefault((stage, seen.object["metadata"]["name"]), seen.at - since)
    return {
        stage: round(max(at for (reached, _), at in first.items() if reached == stage), 2)
        for stage in STAGES
        if any(reached == stage for reached, _ in first)
    }
