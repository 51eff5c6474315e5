"""The simulated controllers: whose objects end with their owner, when a claim may go, and what binds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.observe.parse import SELECTED_NODE
from etcd_operator.resources.kinds import Kind
from tests.simulation.kubernetes import PVC_PROTECTION
from tests.simulation.volumes import EMPTY

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer


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


def bind_claim(server: ApiServer, etcd: Etcd, claim: Json, *, node: str) -> None:
    """Give a claim a volume of its own on the node of the first Pod that uses it (WaitForFirstConsumer)."""
    about = claim["metadata"]
    if claim["status"]["phase"] == "Bound":
        return
    etcd.volumes[about["uid"]] = EMPTY
    placed = {"metadata": {"annotations": {SELECTED_NODE: node}}, "spec": {"volumeName": f"pvc-{about['uid']}"}}
    server.patch(Kind.CLAIM, about["namespace"], about["name"], placed)
    server.patch(Kind.CLAIM, about["namespace"], about["name"], {"status": {"phase": "Bound"}}, status=True)


def claim_of(pod: Json) -> str:
    """The name of the claim that a Pod mounts; empty if it mounts none."""
    claims = [volume["persistentVolumeClaim"] for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]
    return str(claims[0]["claimName"]) if claims else ""
