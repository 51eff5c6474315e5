"""The status of a Pod as the kubelet writes it, so that the operator reads from it what it will read for real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, VERSION_CONTAINER

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json

STAGES = (VERSION_CONTAINER, START_CHECK_CONTAINER, ETCD_CONTAINER)
"""The containers of a member Pod, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a container does not run: the words of its waiting state, and how its last run ended if it ran."""

    reason: str
    message: str
    ended: Json | None = None


def back_off(container: str, pod: Json, *, code: int, reason: str, message: str) -> Trouble:
    """A container that ended with `code` and is started again ever more rarely."""
    about = pod["metadata"]
    where = f"container={container} pod={about['name']}_{about['namespace']}({about['uid']})"
    ended = {"exitCode": code, "reason": reason, "message": message}
    return Trouble("CrashLoopBackOff", f"back-off 5m0s restarting failed {where}", ended)


def condition(kind: str, *, holds: bool, reason: str = "", message: str = "") -> Json:
    """One condition of a Pod."""
    found = {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
    return {key: value for key, value in found.items() if value}


def unschedulable(message: str) -> Json:
    """The status of a Pod that no node takes."""
    return {
        "phase": "Pending",
        "conditions": [condition("PodScheduled", holds=False, reason="Unschedulable", message=message)],
    }


def of(pod: Json, *, ip: str | None, stage: str, trouble: Trouble | None, running: bool, ready: bool) -> Json:
    """The status while container `stage` runs or is to run next; everything before it has completed."""
    initialised = stage == ETCD_CONTAINER
    not_ready = "" if ready else "ContainersNotReady"
    status = {
        "phase": "Running" if initialised and running else "Pending",
        "conditions": [
            condition("PodReadyToStartContainers", holds=ip is not None),
            condition("Initialized", holds=initialised, reason="" if initialised else "ContainersNotInitialized"),
            condition("Ready", holds=ready, reason=not_ready),
            condition("ContainersReady", holds=ready, reason=not_ready),
            condition("PodScheduled", holds=True),
        ],
        "initContainerStatuses": [
            _container(body, stage, trouble, running=False, ready=False) for body in pod["spec"]["initContainers"]
        ],
        "containerStatuses": [
            _container(body, stage, trouble, running=running, ready=ready) for body in pod["spec"]["containers"]
        ],
        "podIP": ip,
    }
    return {key: value for key, value in status.items() if value is not None}


def _container(body: Json, stage: str, trouble: Trouble | None, *, running: bool, ready: bool) -> Json:
    name = body["name"]
    status: Json = {"name": name, "image": body["image"], "ready": ready, "restartCount": 0, "lastState": {}}
    if STAGES.index(name) < STAGES.index(stage):
        return {**status, "ready": True, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    if name != stage or (trouble is None and not running):
        return {**status, "state": {"waiting": {"reason": "PodInitializing"}}}
    if trouble is None:
        return {**status, "state": {"running": {}}}
    waiting = {"reason": trouble.reason, "message": trouble.message}
    last = {} if trouble.ended is None else {"terminated": trouble.ended}
    return {**status, "restartCount": int(bool(last)), "state": {"waiting": waiting}, "lastState": last}
