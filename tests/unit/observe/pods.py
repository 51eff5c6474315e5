"""Pods as API servers hand them out: what kubelets of containerd and CRI-O nodes write into the status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import member_labels
from tests.builders import GATE, IDENTITY, MEMBERS, a_meta, object_json

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json

MEMBER = MEMBERS[0]
ETCD_IMAGE, CHECK_IMAGE = "example.com/etcd:v3.6.16", GATE.reference


def waiting(reason: str, message: str = "") -> Json:
    """The state of a container that does not run yet."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def terminated(code: int, *, reason: str = "Error", message: str = "") -> Json:
    """The state of a container that ended."""
    ended = {
        "exitCode": code,
        "reason": reason,
        "startedAt": "2026-11-22T11:59:31Z",
        "finishedAt": "2026-11-22T11:59:32Z",
    }
    return {"terminated": ended | ({"message": message} if message else {})}


RUNNING: Json = {"running": {"startedAt": "2026-11-22T11:59:33Z"}}
PASSED = terminated(0, reason="Completed")
INITIALIZING = waiting("PodInitializing")


def container(name: str, state: Json, *, last: Json | None = None) -> Json:
    """The status of one container."""
    image = CHECK_IMAGE if name == "start-check" else ETCD_IMAGE
    return {
        "name": name,
        "image": image,
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0 if last is None else 4,
        "started": "running" in state,
        "state": state,
        "lastState": last or {},
    }


def pod(
    *,
    version: Json = PASSED,
    check: Json = PASSED,
    etcd: Json = RUNNING,
    last: dict[str, Json] | None = None,
    phase: str = "Running",
    node: str | None = "node-1",
    **status: Any,
) -> Json:
    """The Pod of MEMBER with these states of its containers; `last` holds their states before, by name."""
    last = last or {}
    meta = a_meta(MEMBER, labels=member_labels(IDENTITY, MEMBER))
    body = object_json(Kind.POD, meta, spec={"nodeName": node} if node else {})
    body["status"] = {
        "phase": phase,
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True" if "running" in etcd else "False"},
        ],
        "podIP": "10.244.1.7",
        "initContainerStatuses": [
            container("etcd-version", version, last=last.get("etcd-version")),
            container("start-check", check, last=last.get("start-check")),
        ],
        "containerStatuses": [container("etcd", etcd, last=last.get("etcd"))],
        **status,
    }
    return body
