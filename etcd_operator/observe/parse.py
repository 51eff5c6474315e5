"""Kubernetes' JSON, reduced to the typed views of the snapshot. Pure: the reading is done elsewhere."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from etcd_operator.api.cluster import ClusterSpec, Json
from etcd_operator.observation import (
    Budget,
    Cause,
    Claim,
    Cluster,
    Departure,
    Leaver,
    Meta,
    Node,
    Pod,
    Problem,
    Record,
    Removal,
    Secret,
    Service,
    Suspect,
)
from etcd_operator.observe.evidence import damage
from etcd_operator.observe.words import last_word
from etcd_operator.resources.ownership import DISMISSED, MEMBER
from etcd_operator.resources.pod import (
    ETCD_CONTAINER,
    PERMISSION_VARIABLE,
    START_CHECK_CONTAINER,
    START_COMMAND,
    VERSION_CONTAINER,
)
from etcd_operator.resources.quantity import whole_number
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
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""Kubernetes' own note on a claim: the node for which the volume was made."""

GROWTH = frozenset({"Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"})
"""The conditions of a claim whose volume is being expanded."""

ASK = "--ask="

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
        ending=raw.get("deletionGracePeriodSeconds") == 0,
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
        last_nodes={member["name"]: member["node"] for member in status.get("members", ()) if "node" in member},
    )


def record(status: Json) -> Record:
    """What an earlier pass recorded in `status`."""
    membership, cluster_id = status.get("membership", {}), status.get("clusterID")
    removing = membership.get("removing")
    return Record(
        members=tuple(membership.get("members", ())),
        joining=tuple(membership.get("joining", ())),
        removing=removing and Removal(removing["member"], Departure(removing["cause"]), removing["reason"]),
        left=tuple(Leaver(leaver["member"], leaver["keepClaim"]) for leaver in membership.get("left", ())),
        suspects=tuple(Suspect(suspect["member"], suspect["podUID"]) for suspect in membership.get("suspects", ())),
        version=membership.get("version"),
        former=membership.get("formerVersion"),
        oldest_log=membership.get("oldestLog"),
        snapshots=membership.get("snapshots", False),
        cluster_id=int(cluster_id, 16) if cluster_id else None,
    )


def claim(body: Json) -> Claim:
    """A member's claim; its problem comes from events, which are read apart."""
    identity, spec, status = meta(body), body.get("spec", {}), body.get("status", {})
    phase, capacity = status.get("phase"), status.get("capacity", {}).get("storage")
    growing = (condition for kind, condition in _by_type(body).items() if kind in GROWTH)
    return Claim(
        meta=identity,
        member=identity.labels.get(MEMBER, identity.name),
        bound=phase == "Bound" or "volumeName" in spec,
        problem=None,
        lost=phase == "Lost",
        node=identity.annotations.get(SELECTED_NODE),
        class_name=spec.get("storageClassName"),
        size=whole_number(spec["resources"]["requests"]["storage"]),
        capacity=None if capacity is None else whole_number(capacity),
        growth=" ".join(filter(None, (condition.get("message", "") for condition in growing))),
    )


def node(body: Json) -> Node:
    """A node."""
    identity, conditions = meta(body), _by_type(body)
    ready = conditions.get("Ready", {})
    return Node(
        name=identity.name,
        exists=True,
        ready=ready.get("status") == "True",
        since=_moment(ready.get("lastTransitionTime")),
        cordoned=bool(body.get("spec", {}).get("unschedulable")),
        zone=identity.labels.get("topology.kubernetes.io/zone", ""),
        images=frozenset(
            name for found in body.get("status", {}).get("images", ()) for name in found.get("names") or ()
        ),
    )


def no_node(name: str) -> Node:
    """The node `name`, which is not there."""
    return Node(name, exists=False, ready=False, since=None, cordoned=False, zone="")


def _by_type(body: Json) -> dict[str, Json]:
    return {condition["type"]: condition for condition in body.get("status", {}).get("conditions", ())}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def secret(body: Json) -> Secret:
    """A Secret, decoded."""
    return Secret(meta(body), {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()})


def service(body: Json) -> Service:
    """A Service."""
    return Service(meta(body), body["spec"])


def budget(body: Json) -> Budget:
    """A PodDisruptionBudget; anything but a number of Pods counts as none at all, so that it is put right."""
    wanted = body["spec"].get("minAvailable")
    return Budget(meta(body), wanted if isinstance(wanted, int) else 0, body["spec"].get("selector") or {})


def pod(body: Json) -> Pod:
    """A member's Pod."""
    identity, status = meta(body), body.get("status", {})
    conditions = _by_type(body)
    etcd = _container(status.get("containerStatuses", ()), ETCD_CONTAINER)
    check = _container(status.get("initContainerStatuses", ()), START_CHECK_CONTAINER)
    scheduled = conditions.get("PodScheduled", {})
    return Pod(
        meta=identity,
        member=identity.labels.get(MEMBER, identity.name),
        node=body["spec"].get("nodeName"),
        ip=status.get("podIP"),
        running="running" in etcd.get("state", {}),
        ready=conditions.get("Ready", {}).get("status") == "True",
        finished=status.get("phase") in {"Failed", "Succeeded"},
        problem=_problem(status, conditions),
        at_gate="running" in check.get("state", {}),
        asks=_asks(body["spec"]),
        first_start=_is_first_start(body["spec"]),
        pulled=bool(_container(body["spec"].get("initContainers", ()), VERSION_CONTAINER)),
        looks=bool(_container(body["spec"].get("initContainers", ()), START_CHECK_CONTAINER)),
        lived=_has_run(etcd),
        just_ended="terminated" in etcd.get("state", {}),
        restarts=etcd.get("restartCount", 0),
        image=_container(body["spec"].get("containers", ()), ETCD_CONTAINER).get("image", ""),
        edited=body["metadata"].get("generation", 1) > 1,
        dismissed=_dismissed(identity),
        pending_since=_moment(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "False" else None,
    )


def _dismissed(identity: Meta) -> datetime | None:
    """Since when clients are sent elsewhere; None if the operator did not write it so."""
    written = identity.annotations.get(DISMISSED, "")
    return datetime.fromtimestamp(float(written), UTC) if re.fullmatch(r"\d{1,10}\.\d{3}", written) else None


def has_begun(pod_status: Json) -> bool:
    """Whether any container of the Pod has run: then its volumes were there."""
    containers = (*pod_status.get("initContainerStatuses", ()), *pod_status.get("containerStatuses", ()))
    return any(_has_run(container) for container in containers)


def _has_run(container: Json) -> bool:
    return not {"running", "terminated"}.isdisjoint({*container.get("state", {}), *container.get("lastState", {})})


def _asks(spec: Json) -> tuple[str, ...]:
    """The peer URLs that the Pod's start check asks, if it is one of a first start."""
    arguments = _container(spec.get("initContainers", ()), START_CHECK_CONTAINER).get("args", ())
    asked = next((argument for argument in arguments if argument.startswith(ASK)), ASK)
    return tuple(url for url in asked.removeprefix(ASK).split(",") if url)


def _is_first_start(spec: Json) -> bool:
    """Whether etcd reads a permission of a first start."""
    environment = _container(spec.get("containers", ()), ETCD_CONTAINER).get("env", ())
    return any(variable["name"] == PERMISSION_VARIABLE for variable in environment)


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
        if problem := _of_data(name, ended, f"{said} {waiting.get('message', '')}"):
            yield problem
        elif reason in IMAGE_TROUBLE:
            yield Problem(Cause.IMAGE, f"{container['image']}: {waiting.get('message', reason)}")
        elif reason in CONFIG_TROUBLE:
            yield Problem(Cause.CONTAINER_CONFIG, said)
        elif ended.get("exitCode"):
            yield Problem(Cause.CRASHING, _end(name, ended))


def _end(container: str, ended: Json) -> str:
    """How a container ended; a reason that says more than "Error", such as OOMKilled, says it all."""
    reason = ended.get("reason", "Error")
    word = reason if reason not in {"Error", "StartError"} else last_word(ended.get("message", ""))
    return f"{container} exited with {ended['exitCode']}" + (f": {word}" if word else "")


def _of_data(container: str, ended: Json, words: str) -> Problem | None:
    """What an end says of the member's data.

    Only the start check's own verdict proves that it is gone, and only etcd's own words that it is damaged. That etcd
    cannot be started through the link on the volume, or finds no log, is a suspicion: a volume that cannot be read for
    a moment, or an image without etcd at its usual place, brings about the same.
    """
    message = ended.get("message", "")
    if container == START_CHECK_CONTAINER and ended.get("exitCode") == ExitCode.DATA_LOST:
        return Problem(Cause.DATA_LOST, _verdict(message))
    if container != ETCD_CONTAINER:
        return None
    if START_COMMAND in words and "no such file" in words.lower():
        return Problem(Cause.START_REFUSED, "the volume has not what starts etcd")
    if NOT_NAMED in words:
        return Problem(Cause.START_REFUSED, "etcd finds no write-ahead log, and may not start without one")
    damaged = damage(message)
    return Problem(Cause.DATA_DAMAGED, damaged) if damaged else None


def _verdict(message: str) -> str:
    verdict = verdict_of(message)
    return verdict.message if verdict else "the start check found no data"
