"""The simulated controllers: whose objects end with their owner, and what binds a claim, expands it, and lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.observe.parse import SELECTED_NODE
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.quantity import whole_number
from tests.simulation.kubernetes import PVC_PROTECTION
from tests.simulation.pod_status import condition
from tests.simulation.process import Exit
from tests.simulation.storage import grows, wanted
from tests.simulation.volumes import EMPTY

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from etcd_operator.kube.port import Json
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer

LARGEST = "1Ti"
"""The storage has room for volumes of that size, and for none that is larger."""

FULL = Exit(2, '{"level":"panic","msg":"failed to save hard state","error":"no space left on device"}')
"""How etcd ends on a volume that is full."""

_NO_ROOM = "rpc error: code = ResourceExhausted desc = no room for a volume of that size"
_WAITS = "Waiting for user to (re-)start a pod to finish file system resize of volume on node."


def collect_garbage(server: ApiServer) -> None:
    """Delete what has owners, none of which exists any more."""
    alive = {body["metadata"]["uid"] for body in server.objects.values()}
    for kind, namespace, name in list(server.objects):
        body = server.find(kind, namespace, name)
        owners = [] if body is None else body["metadata"].get("ownerReferences", [])
        if owners and not any(owner["uid"] in alive for owner in owners):
            server.delete(kind, namespace, name)


def release_claims(server: ApiServer, etcd: Etcd) -> None:
    """Let a claim go that is being deleted when no Pod uses it any more; its volume goes with it.

    A Pod without a node uses none (the protection controller's own rule): none would take it with such a claim.
    """
    for claim in server.list(Kind.CLAIM):
        about = claim["metadata"]
        pods = (pod for pod in server.list(Kind.POD, about["namespace"]) if "nodeName" in pod["spec"])
        used = any(claim_of(pod) == about["name"] for pod in pods)
        if "deletionTimestamp" in about and PVC_PROTECTION in about["finalizers"] and not used:
            server.patch(Kind.CLAIM, about["namespace"], about["name"], {"metadata": {"finalizers": None}})
            etcd.destroy(about["uid"])


def bind_claim(server: ApiServer, etcd: Etcd, claim: Json, *, node: str) -> bool:
    """Give a claim a volume of its own on the node of the first Pod that uses it (WaitForFirstConsumer).

    Returns whether it has one now; an event says why not.
    """
    about = claim["metadata"]
    if claim["status"]["phase"] == "Bound":
        return True
    if not _has_room(claim):
        warn(server, about, "ProvisioningFailed", f"failed to provision volume: {_NO_ROOM}")
        return False
    etcd.volumes[about["uid"]] = EMPTY
    placed = {"metadata": {"annotations": {SELECTED_NODE: node}}, "spec": {"volumeName": f"pvc-{about['uid']}"}}
    server.patch(Kind.CLAIM, about["namespace"], about["name"], placed)
    bound = {"phase": "Bound", "capacity": claim["spec"]["resources"]["requests"]}
    server.patch(Kind.CLAIM, about["namespace"], about["name"], {"status": bound}, status=True)
    return True


def expand_volumes(server: ApiServer, etcd: Etcd, *, mounted: AbstractSet[str], stuck: AbstractSet[str]) -> None:
    """Take each volume that is to grow one step further: first the volume, then its files, once a node mounts it.

    One that was full is not any more when it has grown.
    `mounted` and `stuck` are names of claims; those that are stuck do not get on, and an event says so.
    """
    for claim in server.list(Kind.CLAIM):
        if grows(claim):
            about, status = claim["metadata"], _next_status(server, claim, mounted=mounted, stuck=stuck)
            server.patch(Kind.CLAIM, about["namespace"], about["name"], {"status": status}, status=True)
            if "capacity" in status and etcd.damaged.get(about["uid"]) == FULL:
                del etcd.damaged[about["uid"]]


def _next_status(server: ApiServer, claim: Json, *, mounted: AbstractSet[str], stuck: AbstractSet[str]) -> Json:
    about, conditions = claim["metadata"], claim["status"].get("conditions")
    if about["name"] in stuck or not _has_room(claim):
        warn(server, about, "VolumeResizeFailed", f'resize volume "pvc-{about["uid"]}" failed: {_NO_ROOM}')
        return {"conditions": [condition("Resizing", holds=True)]}
    if conditions and about["name"] in mounted:
        return {"conditions": [], "capacity": claim["spec"]["resources"]["requests"]}
    return {"conditions": [condition("FileSystemResizePending", holds=True, message=_WAITS)]}


def _has_room(claim: Json) -> bool:
    return wanted(claim) <= whole_number(LARGEST)


def warn(server: ApiServer, about: Json, reason: str, message: str) -> None:
    """Tell in an event why the object with this metadata does not get on, once for each reason."""
    name = f"{about['name']}.{reason.lower()}"
    if server.find(Kind.CORE_EVENT, about["namespace"], name) is None:
        body = {"involvedObject": {"uid": about["uid"]}, "type": "Warning", "reason": reason, "message": message}
        server.create(Kind.CORE_EVENT, about["namespace"], {"metadata": {"name": name}, **body})


def claim_of(pod: Json) -> str:
    """The name of the claim that a Pod mounts; empty if it mounts none."""
    claims = [volume["persistentVolumeClaim"] for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]
    return str(claims[0]["claimName"]) if claims else ""
