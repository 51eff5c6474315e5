"""Reads everything of one cluster from Kubernetes: by list, from the newest state, all kinds at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from etcd_operator.kube.errors import NotFound, Refused
from etcd_operator.observation import Cause, Problem, Stranger, Unknown
from etcd_operator.observe import parse
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID
from etcd_operator.resources.quantity import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etcd_operator.kube.port import Json, Kube
    from etcd_operator.observation import Budget, Claim, Cluster, Node, Pod, Secret, Service
    from etcd_operator.observe.nodes import Nodes

PATIENCE = timedelta(seconds=10)
"""How long an object may be silent about why it does not get on before its events are read for the cause."""

GROWTH_TROUBLE = frozenset({"VolumeResizeFailed", "FileSystemResizeFailed", "ExternalExpanding"})
"""The warnings that explain why a volume does not grow; what once kept its claim from being bound is over."""

_LISTED = (Kind.POD, Kind.CLAIM, Kind.SECRET, Kind.SERVICE, Kind.BUDGET)


@dataclass(frozen=True, slots=True)
class Objects:
    """What Kubernetes holds of one cluster, by name; `strangers` carry its name but another UID."""

    cluster: Cluster
    pods: Mapping[str, Pod]
    claims: Mapping[str, Claim]
    secrets: Mapping[str, Secret]
    services: Mapping[str, Service]
    budgets: Mapping[str, Budget]
    strangers: tuple[Stranger, ...]
    nodes: Mapping[str, Node] | Unknown
    classes: Mapping[str, bool] | Unknown = field(default_factory=dict)


async def read(kube: Kube, nodes: Nodes, namespace: str, name: str, *, now: datetime) -> Objects:
    """Read the EtcdCluster `name`, everything that carries its name in a label, and the `nodes` that it is on.

    Raises NotFound when the EtcdCluster is gone, and another KubeError when anything could not be read: there is no
    snapshot with a hole in it.
    """
    raw, lists = await asyncio.gather(
        kube.get(Kind.CLUSTER, namespace, name),
        asyncio.gather(*(kube.list(kind, namespace, labels=f"{CLUSTER}={name}") for kind in _LISTED)),
    )
    uid, cluster = raw["metadata"]["uid"], parse.cluster(raw)
    listed = dict(zip(_LISTED, lists, strict=True))
    unlabelled = await _unlabelled(kube, cluster, listed[Kind.CLAIM])
    listed[Kind.CLAIM] = [*listed[Kind.CLAIM], *(body for body in unlabelled if _uid_label(body) not in {"", uid})]
    ours = {kind: [body for body in bodies if _is_ours(kind, body, uid)] for kind, bodies in listed.items()}
    ours[Kind.CLAIM] += [body for body in unlabelled if _uid_label(body) in {"", uid}]
    pods = [parse.pod(body) for body in ours[Kind.POD]]
    claims = [parse.claim(body) for body in ours[Kind.CLAIM]]
    with_pod = {pod.member for pod in pods}
    former = (node for member, node in cluster.last_nodes.items() if member not in with_pod)
    places = (*(pod.node for pod in pods), *(claim.node for claim in claims), *former)
    waiting = [body["metadata"]["uid"] for kind in (Kind.POD, Kind.CLAIM) for body in ours[kind] if _waits(body, now)]
    causes, known, classes = await asyncio.gather(
        _events(kube, namespace, waiting, {claim.meta.uid for claim in claims if claim.grows}),
        nodes.read(kube, set(filter(None, places)), now=now),
        _classes(kube, cluster, claims),
    )
    return Objects(
        cluster=cluster,
        pods={pod.meta.name: replace(pod, problem=pod.problem or causes.get(pod.meta.uid)) for pod in pods},
        claims={claim.meta.name: replace(claim, problem=causes.get(claim.meta.uid)) for claim in claims},
        secrets={secret.meta.name: secret for secret in map(parse.secret, ours[Kind.SECRET])},
        services={service.meta.name: service for service in map(parse.service, ours[Kind.SERVICE])},
        budgets={budget.meta.name: budget for budget in map(parse.budget, ours[Kind.BUDGET])},
        strangers=tuple(
            sorted(
                Stranger(kind.value.kind, body["metadata"]["name"], _uid_label(body))
                for kind, bodies in listed.items()
                for body in bodies
                if not _is_ours(kind, body, uid)
            )
        ),
        nodes=known,
        classes=classes,
    )


async def _unlabelled(kube: Kube, cluster: Cluster, listed: list[Json]) -> list[Json]:
    """The claims of members that a list by the label does not have because somebody took the label off.

    To be missing from such a list is no proof that data is gone. Names of members are never used again, so what
    carries one is the member's, unless it says that it is another cluster's.
    """
    known = {body["metadata"]["name"] for body in listed}
    missing = [name for name in cluster.record.members if name not in known] if cluster.record.formed else []
    found = await asyncio.gather(*(_or_none(kube, cluster, name) for name in missing))
    return [body for body in found if body is not None]


async def _or_none(kube: Kube, cluster: Cluster, name: str) -> Json | None:
    try:
        return await kube.get(Kind.CLAIM, cluster.namespace, name)
    except NotFound:
        return None


async def _classes(kube: Kube, cluster: Cluster, claims: Iterable[Claim]) -> dict[str, bool] | Unknown:
    """Whether the StorageClasses of members' volumes that are too small let them expand; one that is gone does not.

    `Unknown` where the operator has no rights to read them. Raises KubeError when one could not be read.
    """
    size = whole_number(cluster.spec.storage.size)
    small = (claim for claim in claims if claim.member in cluster.record.members and claim.holds < size)
    names = sorted({claim.class_name for claim in small if claim.class_name})
    try:
        return dict(zip(names, await asyncio.gather(*(_expands(kube, name) for name in names)), strict=True))
    except Refused as error:
        return Unknown(error.message)


async def _expands(kube: Kube, name: str) -> bool:
    try:
        return bool((await kube.get(Kind.STORAGE_CLASS, None, name)).get("allowVolumeExpansion"))
    except NotFound:
        return False


def _uid_label(body: Json) -> str:
    return str(body["metadata"].get("labels", {}).get(CLUSTER_UID, ""))


def _is_ours(kind: Kind, body: Json, uid: str) -> bool:
    """Whether the object belongs to the cluster `uid`: by label, and by owner unless it is a claim that may be kept."""
    return _uid_label(body) == uid and (kind is Kind.CLAIM or parse.meta(body).owner == uid)


async def _events(kube: Kube, namespace: str, waiting: list[str], growing: set[str]) -> dict[str, Problem]:
    """The newest warning about each of these objects, by its UID: they do not get on, or do not grow.

    Why a Pod was not scheduled at once explains nothing any more: while that lasts, its own conditions say it.
    """
    waiting = [*waiting, *sorted(growing)]
    answers = await asyncio.gather(
        *(kube.list(Kind.CORE_EVENT, namespace, fields=f"involvedObject.uid={uid},type=Warning") for uid in waiting)
    )
    found: dict[str, Problem] = {}
    for uid, events in zip(waiting, answers, strict=True):
        if explaining := [event for event in events if _explains(event, growth=uid in growing)]:
            newest = max(explaining, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
            found[uid] = Problem(Cause.STORAGE, f"{newest.get('reason', '')}: {newest.get('message', '')}")
    return found


def _explains(event: Json, *, growth: bool) -> bool:
    reason = event.get("reason")
    return reason in GROWTH_TROUBLE if growth else reason != "FailedScheduling"


def _waits(body: Json, now: datetime) -> bool:
    """Whether a Pod that was scheduled does not start, or a claim is not bound, for longer than `PATIENCE`.

    A Pod at the gate is Pending as well, but has its volumes: what once kept it from starting is over.
    """
    age, status = now - datetime.fromisoformat(body["metadata"]["creationTimestamp"]), body.get("status", {})
    return status.get("phase") == "Pending" and age > PATIENCE and not parse.has_begun(status)
