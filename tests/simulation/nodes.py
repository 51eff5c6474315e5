"""The simulated nodes: machines that are on, cut off or off, what runs there, and what Kubernetes makes of silence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.status.moment import timestamp
from tests.simulation import pod_status
from tests.simulation.controllers import claim_of
from tests.simulation.kubelet import Kubelet, Sandbox
from tests.simulation.pod_status import report, stages
from tests.simulation.scheduler import node, schedule

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.kube.port import Json
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer

ZONES = {"node-0": "a", "node-1": "b", "node-2": "c", "node-3": "a", "node-4": "b"}

GRACE = timedelta(seconds=10)
"""For how long a node may be silent before Kubernetes calls it not ready."""

EVICTION = timedelta(seconds=30)
"""For how long it may be that before its Pods are deleted, which nobody on the node carries out."""


class Power(Enum):
    """How a machine is."""

    ON = "on"
    CUT = "its kubelet reaches nobody, and its processes run on"
    OFF = "off"


@dataclass(slots=True)
class Nodes:
    """Every machine with what runs on it, by the UID of the Pod.

    `silent` are the nodes that are not on, since when, and `ran` the Pods whose etcd ever ran. `missing_images` cannot
    be pulled; Pods of members in `held` do not get on until they are let go, and the volumes of those in `stuck` do not
    grow.
    """

    server: ApiServer
    etcd: Etcd
    power: dict[str, Power] = field(default_factory=dict)
    silent: dict[str, datetime] = field(default_factory=dict)
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    ran: frozenset[str] = frozenset()
    missing_images: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    _addresses: int = 0

    @classmethod
    def of(cls, server: ApiServer, etcd: Etcd) -> Nodes:
        """Five nodes in three zones."""
        nodes = cls(server, etcd)
        for name in ZONES:
            nodes.come(name)
        return nodes

    def copy(self, server: ApiServer, etcd: Etcd) -> Nodes:
        """The same nodes beside another server and etcd, whose later changes are their own."""
        return replace(
            self,
            server=server,
            etcd=etcd,
            power=dict(self.power),
            silent=dict(self.silent),
            sandboxes=dict(self.sandboxes),
        )

    def come(self, name: str, **how: int) -> None:
        """A new node."""
        self.power[name] = Power.ON
        self.server.create(Kind.NODE, "", node(name, zone=ZONES[name], **how))

    def become(self, *names: str, room: int) -> None:
        """These nodes, for so many Pods each, instead of those that there are, on which nothing has run yet."""
        for name in list(self.power):
            del self.power[name]
            self.server.delete(Kind.NODE, "", name)
        for name in names:
            self.come(name, room=room)

    def have(self, image: str, *names: str) -> None:
        """These nodes name the image among those that they have."""
        for name in names:
            part = {"status": {"images": [{"names": [image]}]}}
            self.server.patch(Kind.NODE, "", name, part, status=True)

    def go(self, name: str) -> None:
        """A node is off for good, and its object is deleted."""
        self.power_off(name)
        self.server.delete(Kind.NODE, "", name)

    def cordon(self, name: str, *, cordoned: bool = True) -> None:
        """No new Pods for this node, or again."""
        self.server.patch(Kind.NODE, "", name, {"spec": {"unschedulable": cordoned or None}})

    def cut_off(self, name: str) -> None:
        """The API server hears the node no more; its processes run on."""
        self.power[name] = Power.CUT
        self.silent[name] = self.server.now

    def power_off(self, name: str) -> None:
        """Switch a node off: its processes end, and nobody says so."""
        self.cut_off(name)
        self.power[name] = Power.OFF
        for uid in [uid for uid, sandbox in self.sandboxes.items() if sandbox.node == name]:
            self._kill(uid)

    def power_on(self, name: str) -> None:
        """The node is back: its kubelet makes every sandbox anew that is not there."""
        self.power[name] = Power.ON
        self.silent.pop(name, None)

    def restart_container(self, pod: Json) -> None:
        """Kill etcd; the kubelet starts the container again in place."""
        self.etcd.kill(pod["metadata"]["uid"])

    def restart_sandbox(self, pod: Json) -> None:
        """Kill the whole Pod on its node, init containers and network included; its object stays."""
        self._kill(pod["metadata"]["uid"])

    def mounted(self) -> frozenset[str]:
        """The claims of Pods of which a kubelet that reaches the API server takes care."""
        return frozenset(
            claim_of(pod)
            for pod in self.server.list(Kind.POD)
            if (box := self.sandboxes.get(pod["metadata"]["uid"])) is not None and self.power[box.node] is Power.ON
        )

    def step(self) -> None:
        """Bring each Pod one container further, and let Kubernetes notice which nodes are silent."""
        for pod in self.server.list(Kind.POD):
            if pod["metadata"]["name"] in self.held or _failed(pod):
                continue
            if "nodeName" not in pod["spec"]:
                schedule(self.server, self.etcd, pod)
            elif self.power.get(pod["spec"]["nodeName"]) is Power.ON:
                self._end(pod) if "deletionTimestamp" in pod["metadata"] else self._run(pod)
        self._end_orphans()
        self._notice()

    def _kill(self, uid: str) -> None:
        self.etcd.kill(uid)
        self.sandboxes.pop(uid, None)

    def _end(self, pod: Json) -> None:
        """First the processes, then the object."""
        about = pod["metadata"]
        if about["uid"] in self.sandboxes:
            self._kill(about["uid"])
        else:
            self.server.remove(Kind.POD, about["namespace"], about["name"])

    def _end_orphans(self) -> None:
        """A kubelet that reaches the API server ends what has no Pod any more; any other does not know."""
        pods = {pod["metadata"]["uid"] for pod in self.server.list(Kind.POD)}
        for uid, sandbox in list(self.sandboxes.items()):
            if uid not in pods and self.power[sandbox.node] is Power.ON:
                self._kill(uid)

    def _run(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        kubelet = Kubelet(self.server, self.etcd, self.missing_images)
        sandbox = self.sandboxes.get(uid)
        if sandbox is None:
            if not kubelet.mounts(pod):
                report(self.server, pod, pod_status.nothing_yet(pod, ran=uid in self.ran))
                return
            self._addresses += 1
            ip = f"10.244.{self._addresses // 250}.{self._addresses % 250}"
            sandbox = Sandbox(pod["spec"]["nodeName"], ip, stages(pod)[0], kubelet.files(pod))
        else:
            sandbox = kubelet.advanced(pod, sandbox)
        self.sandboxes[uid] = sandbox
        self.etcd.files[uid] = sandbox.files
        process = self.etcd.processes.get(uid)
        self.ran |= frozenset() if process is None else {uid}
        ready = process is not None and (process.serving or self.etcd.takes_part(process)) and not process.learns
        status = pod_status.of(
            pod,
            ip=sandbox.ip,
            stage=sandbox.stage,
            trouble=sandbox.trouble,
            running=sandbox.running,
            ready=ready and process is not None and self.etcd.leader_of(process) is not None,
            ran=uid in self.ran,
        )
        report(self.server, pod, status)

    def _notice(self) -> None:
        """What the controllers of nodes and Pods do: mark who is silent, evict from it, and forget who is gone."""
        now = self.server.now
        for found in self.server.list(Kind.NODE):
            name = found["metadata"]["name"]
            if name not in self.silent:
                self._tell(found, "True")
            elif now - self.silent[name] >= GRACE:
                self._tell(found, "Unknown")
        known = {found["metadata"]["name"] for found in self.server.list(Kind.NODE)}
        for pod in self.server.list(Kind.POD):
            about, name = pod["metadata"], pod["spec"].get("nodeName")
            if name is not None and name not in known:
                self.server.remove(Kind.POD, about["namespace"], about["name"])
            elif name in self.silent and now - self.silent[name] >= GRACE:
                report(self.server, pod, pod_status.not_ready(pod))
                if now - self.silent[name] >= GRACE + EVICTION:
                    self.server.delete(Kind.POD, about["namespace"], about["name"])

    def _tell(self, found: Json, status: str) -> None:
        (ready,) = found["status"]["conditions"]
        if ready["status"] != status or "lastTransitionTime" not in ready:
            changed = {**ready, "status": status, "lastTransitionTime": timestamp(self.server.now)}
            part = {"status": {"conditions": [changed]}}
            self.server.patch(Kind.NODE, "", found["metadata"]["name"], part, status=True)


def _failed(pod: Json) -> bool:
    """Whether no kubelet cares for the Pod any more: it was evicted, and only its object is left."""
    return bool(pod["status"]["phase"] == "Failed" and "deletionTimestamp" not in pod["metadata"])
