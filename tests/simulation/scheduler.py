"""The simulated scheduler: finds a node for each Pod, and a volume for its claim on that node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.observe.parse import SELECTED_NODE
from etcd_operator.resources.kinds import Kind
from tests.simulation import pod_status
from tests.simulation.controllers import bind_claim, claim_of
from tests.simulation.pod_status import report

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer

ROOM = 10
"""How many Pods a node takes that does not say otherwise."""


def node(name: str, *, zone: str, room: int = ROOM) -> Json:
    """A node that is as it should be, for so many Pods."""
    return {
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
        "spec": {},
        "status": {"allocatable": {"pods": room}, "conditions": [pod_status.condition("Ready", holds=True)]},
    }


def schedule(server: ApiServer, etcd: Etcd, pod: Json) -> None:
    """Give the Pod a node, where its claim's volume is if it has one; its status says why if none takes it."""
    about = pod["metadata"]
    claim = server.find(Kind.CLAIM, about["namespace"], claim_of(pod))
    if claim is None or "deletionTimestamp" in claim["metadata"]:
        state = "not found" if claim is None else "is being deleted"
        report(server, pod, pod_status.unschedulable(f'persistentvolumeclaim "{claim_of(pod)}" {state}'))
        return
    if claim["status"]["phase"] == "Lost":
        words = f'persistentvolumeclaim "{claim_of(pod)}" bound to non-existent volume'
        report(server, pod, pod_status.unschedulable(words))
        return
    found = _place(server, claim)
    if isinstance(found, str):
        report(server, pod, pod_status.unschedulable(found))
        return
    name = found["metadata"]["name"]
    if not bind_claim(server, etcd, claim, node=name):
        return
    bound = server.patch(Kind.POD, about["namespace"], about["name"], {"spec": {"nodeName": name}})
    report(server, bound, {"phase": "Pending", "conditions": [pod_status.condition("PodScheduled", holds=True)]})


def _place(server: ApiServer, claim: Json) -> Json | str:
    """The node with the fewest Pods of those that the Pod may run on; if there is none, why."""
    home = claim["metadata"].get("annotations", {}).get(SELECTED_NODE)
    nodes = server.list(Kind.NODE)
    here = [found for found in nodes if home in (None, found["metadata"]["name"])]
    able = [found for found in here if _ready(found) and not found["spec"].get("unschedulable")]
    free = [found for found in able if _used(server, found) < found["status"]["allocatable"]["pods"]]
    if free:
        return min(free, key=lambda found: _used(server, found))
    reason = "Insufficient memory" if able else "untolerated taint" if here else "volume node affinity conflict"
    return f"0/{len(nodes)} nodes are available: {len(nodes)} {reason}."


def _ready(found: Json) -> bool:
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in found["status"]["conditions"])


def _used(server: ApiServer, found: Json) -> int:
    return sum(1 for pod in server.list(Kind.POD) if pod["spec"].get("nodeName") == found["metadata"]["name"])
