"""The status of a Pod as the kubelet writes it, so that the operator reads from it what it will read for real."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import ETCD_CONTAINER
from etcd_operator.status.moment import timestamp

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.kubernetes import ApiServer
    from tests.simulation.process import Exit


MANY = 3
"""Restarts from which on nobody distinguishes how many they are."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a container does not run: the words of its waiting state, and how its last run ended if it ran.

    Without a `reason` it does not wait yet: it has just ended. `restarts` are those since it last ran well, as far as
    anybody counts them.
    """

    reason: str
    message: str
    ended: Json | None = None
    restarts: int = 0

    def after(self, before: Trouble | None) -> Trouble:
        """The same, once more after the trouble that it had before."""
        former = 0 if before is None else before.restarts
        return replace(self, restarts=min(former + 1, MANY)) if self.ended is not None else self


def stages(pod: Json) -> tuple[str, ...]:
    """The containers of a Pod, in the order in which they run."""
    return tuple(body["name"] for body in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]))


def back_off(container: str, pod: Json, *, code: int, reason: str, message: str) -> Trouble:
    """A container that ended with `code` and is started again ever more rarely."""
    about = pod["metadata"]
    where = f"container={container} pod={about['name']}_{about['namespace']}({about['uid']})"
    ended = {"exitCode": code, "reason": reason, "message": message}
    return Trouble("CrashLoopBackOff", f"back-off 5m0s restarting failed {where}", ended)


def just_ended(end: Exit) -> Trouble:
    """A container that has ended, before its kubelet has begun to start it again."""
    reason = "Error" if end.code else "Completed"
    return Trouble("", "", {"exitCode": end.code, "reason": reason, "message": end.message})


def condition(kind: str, *, holds: bool, reason: str = "", message: str = "") -> Json:
    """One condition of a Pod, without its time."""
    found = {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
    return {key: value for key, value in found.items() if value}


def unschedulable(message: str) -> Json:
    """The status of a Pod that no node takes."""
    return {
        "phase": "Pending",
        "conditions": [condition("PodScheduled", holds=False, reason="Unschedulable", message=message)],
    }


def nothing_yet(pod: Json, *, ran: bool) -> Json:
    """The status while nothing of the Pod can run, for want of a volume."""
    return of(pod, ip=None, stage=stages(pod)[0], trouble=None, running=False, ready=False, ran=ran)


def not_ready(pod: Json) -> Json:
    """The status of a Pod whose node is silent: nothing else is known to have changed."""
    entries = pod["status"].get("conditions", ())
    changed = [{**entry, "status": "False"} if entry["type"] == "Ready" else entry for entry in entries]
    return {**pod["status"], "conditions": changed}


def report(server: ApiServer, pod: Json, status: Json) -> None:
    """Write a status; the time of a condition moves only with what it says."""
    about, old = pod["metadata"], pod.get("status", {})
    before = {entry["type"]: entry for entry in old.get("conditions", ())}
    conditions = [_dated(entry, before.get(entry["type"], {}), server) for entry in status["conditions"]]
    replaced = {**dict.fromkeys(old), **status, "conditions": conditions}
    server.patch(Kind.POD, about["namespace"], about["name"], {"status": replaced}, status=True)


def _dated(entry: Json, before: Json, server: ApiServer) -> Json:
    same = before.get("status") == entry["status"]
    return {**entry, "lastTransitionTime": before["lastTransitionTime"] if same else timestamp(server.now)}


def of(
    pod: Json, *, ip: str | None, stage: str, trouble: Trouble | None, running: bool, ready: bool, ran: bool
) -> Json:
    """The status while container `stage` runs or is to run next; everything before it has completed.

    `ran` is whether its etcd has ever run: while it waits for its turn once more, its last end is told.
    """
    initialised = stage == ETCD_CONTAINER
    # A container that runs, or that ran and is started again: for Kubernetes both make a running Pod.
    alive = running if trouble is None else trouble.ended is not None
    unready = "" if ready else "ContainersNotReady"
    every = stages(pod)
    status = {
        "phase": "Running" if initialised and alive else "Pending",
        "conditions": [
            condition("PodReadyToStartContainers", holds=ip is not None),
            condition("Initialized", holds=initialised, reason="" if initialised else "ContainersNotInitialized"),
            condition("Ready", holds=ready, reason=unready),
            condition("ContainersReady", holds=ready, reason=unready),
            condition("PodScheduled", holds=True),
        ],
        **{
            f"{kind}Statuses": [
                _container(body, every.index(stage) - every.index(body["name"]), trouble, running=running)
                if body["name"] != ETCD_CONTAINER
                else _etcd(body, every.index(stage) - every.index(body["name"]), trouble, running=running, ran=ran)
                | {"ready": ready}
                for body in pod["spec"][f"{kind}s"]
            ]
            for kind in ("initContainer", "container")
        },
        "podIP": ip,
    }
    return {key: value for key, value in status.items() if value is not None}


def _etcd(body: Json, behind: int, trouble: Trouble | None, *, running: bool, ran: bool) -> Json:
    found = _container(body, behind, trouble, running=running)
    if found["restartCount"] or running or not ran:
        return found
    return {**found, "restartCount": 1, "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}}}


def _container(body: Json, behind: int, trouble: Trouble | None, *, running: bool) -> Json:
    """The status of a container that is `behind` the one whose turn it is: positive if it has completed."""
    status: Json = {"name": body["name"], "image": body["image"], "ready": False, "restartCount": 0, "lastState": {}}
    if behind > 0:
        return {**status, "ready": True, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    if behind < 0 or (trouble is None and not running):
        return {**status, "state": {"waiting": {"reason": "PodInitializing"}}}
    if trouble is None:
        return {**status, "state": {"running": {}}}
    if not trouble.reason:
        return {**status, "restartCount": trouble.restarts, "state": {"terminated": trouble.ended}}
    waiting = {"reason": trouble.reason, "message": trouble.message}
    last = {} if trouble.ended is None else {"terminated": trouble.ended}
    return {**status, "restartCount": trouble.restarts, "state": {"waiting": waiting}, "lastState": last}
