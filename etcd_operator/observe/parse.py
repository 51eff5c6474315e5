"""Kubernetes' JSON, reduced to the typed views of the snapshot. Pure: the reading is done elsewhere."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from etcd_operator.api.cluster import ClusterSpec, Json
from etcd_operator.observation import (
    Budget,
    Cause,
    Claim,
    Cluster,
    Meta,
    Pod,
    Problem,
    Record,
    Secret,
    Service,
)
from etcd_operator.resources.ownership import MEMBER
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, START_COMMAND
from etcd_operator.startcheck import ExitCode, verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE_TROUBLE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
    }
)
NOT_NAMED = "couldn't find local name"
"""What etcd says on an empty directory when `--initial-cluster` permits others, or nobody (etcd-rules.md §7)."""

START_TROUBLE = frozenset({"CrashLoopBackOff", "RunContainerError", "StartError"})
CONFIG_TROUBLE = frozenset({"CreateContainerConfigError", "CreateContainerError"})


def meta(body: Json) -> Meta:
    """The identity of any object."""
    raw = body["metadata"]
    owner = next((ref["uid"] for ref in raw.get("ownerReferences", ()) if ref.get("controller")), None)
    return Meta(
        name=raw["name"],
        uid=raw["uid"],
        resource_version=raw["resourceVersion"],
        labels=raw.get("labels", {}),
        annotations=raw.get("annotations", {}),
        owner=owner,
        deleting="deletionTimestamp" in raw,
    )


def cluster(body: Json) -> Cluster:
    """The custom resource. Raises KeyError or ValueError if it is not what the installed CRD promises."""
    status = body.get("status", {})
    return Cluster(
        meta=meta(body),
        namespace=body["metadata"]["namespace"],
        generation=body["metadata"]["generation"],
        spec=ClusterSpec.parse(body["spec"]),
        record=record(status),
        status=status,
    )


def record(status: Json) -> Record:
    """What an earlier pass recorded in `status`."""
    bootstrap = status.get("bootstrap", {})
    cluster_id = status.get("clusterID")
    return Record(
        members=tuple(bootstrap.get("members", ())),
        cluster_id=int(cluster_id, 16) if cluster_id else None,
        abandoned=tuple(bootstrap.get("abandoned", ())),
    )


def claim(body: Json) -> Claim:
    """A member's claim; its problem comes from events, which are read apart."""
    identity = meta(body)
    return Claim(
        meta=identity,
        member=identity.labels.get(MEMBER, identity.name),
        bound=body.get("status", {}).get("phase") == "Bound",
        problem=None,
    )


def secret(body: Json) -> Secret:
    """A Secret, decoded."""
    return Secret(meta(body), {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()})


def service(body: Json) -> Service:
    """A Service."""
    return Service(meta(body), body["spec"])


def budget(body: Json) -> Budget:
    """A PodDisruptionBudget; anything but a number of Pods counts as none at all, so that it is put right."""
    wanted = body["spec"].get("minAvailable")
    return Budget(meta(body), wanted if isinstance(wanted, int) else 0)


def pod(body: Json) -> Pod:
    """A member's Pod."""
    identity, status = meta(body), body.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    etcd = _container(status.get("containerStatuses", ()), ETCD_CONTAINER)
    return Pod(
        meta=identity,
        member=identity.labels.get(MEMBER, identity.name),
        node=body["spec"].get("nodeName"),
        ip=status.get("podIP"),
        running="running" in etcd.get("state", {}),
        ready=conditions.get("Ready", {}).get("status") == "True",
        finished=status.get("phase") in {"Failed", "Succeeded"},
        problem=_problem(status, conditions),
    )


def _container(statuses: Any, name: str) -> Json:
    found: Json = next((status for status in statuses if status["name"] == name), {})
    return found


def _problem(status: Json, conditions: dict[str, Json]) -> Problem | None:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return Problem(Cause.UNSCHEDULABLE, scheduled.get("message", "no node takes the Pod"))
    if status.get("phase") == "Failed" and status.get("reason"):
        return Problem(Cause.NODE, f"{status['reason']}: {status.get('message', '')}".rstrip(": "))
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next(_troubles(containers), None)


def _troubles(containers: list[Json]) -> Iterator[Problem]:
    for container in containers:
        name, state = container["name"], container.get("state", {})
        waiting, last = state.get("waiting", {}), container.get("lastState", {}).get("terminated", {})
        reason = waiting.get("reason", "")
        # After a restart of the node the last end is history: the container waits for its turn, not for a pause to end.
        ended = state.get("terminated") or (last if reason in START_TROUBLE else {})
        # What the kubelet says of its pause comes last: it hides the cause, and changes each time.
        said = ended.get("message") or ended.get("reason") or waiting.get("message") or reason
        if loss := _loss(name, ended, f"{said} {waiting.get('message', '')}"):
            yield Problem(Cause.DATA_LOST, loss)
        elif reason in IMAGE_TROUBLE:
            yield Problem(Cause.IMAGE, f"{container['image']}: {waiting.get('message', reason)}")
        elif reason in CONFIG_TROUBLE:
            yield Problem(Cause.CONTAINER_CONFIG, said)
        elif ended.get("exitCode"):
            yield Problem(Cause.CRASHING, f"{name} exited with {ended['exitCode']}: {_last_line(said)}")


def _loss(container: str, ended: Json, words: str) -> str:
    """What shows that a container did not start because the member's data is gone; empty if nothing does."""
    if container == START_CHECK_CONTAINER and ended.get("exitCode") == ExitCode.DATA_LOST:
        return _verdict(ended.get("message", ""))
    if START_COMMAND in words and "no such file" in words.lower():
        return "the volume is empty, and the container was restarted in place on it"
    if container == ETCD_CONTAINER and NOT_NAMED in words:
        return "its write-ahead log is gone, and it may not start without one"
    return ""


def _verdict(message: str) -> str:
    verdict = verdict_of(message)
    return verdict.message if verdict else "the start check found no data"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:500] if lines else "no message"
