"""The simulated nodes: a scheduler that finds a place for each Pod, and kubelets that run one container at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from etcd_operator import startcheck
from etcd_operator.resources.flags import DATA_DIR
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, START_COMMAND, VERSION_CONTAINER
from tests.simulation import pod_status
from tests.simulation.controllers import bind_claim, claim_of
from tests.simulation.etcd import Exit, Launch
from tests.simulation.kubernetes import secret_data
from tests.simulation.pod_status import Trouble, back_off
from tests.simulation.volumes import Mounted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.kube.port import Json
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer

_NO_SUCH_FILE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: exec: "{0}": stat {0}: no such file or directory: unknown'
)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine for `room` Pods."""

    room: int = 10
    on: bool = True


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A Pod on its node: `stage` is the container that runs, or is to run next."""

    ip: str
    stage: str = VERSION_CONTAINER
    running: bool = False
    trouble: Trouble | None = None


@dataclass(slots=True)
class Nodes:
    """Every node with what runs on it.

    `missing_images` cannot be pulled; Pods of members in `held` do not get on until they are let go. `homes` are the
    nodes of volumes, which cannot move.
    """

    server: ApiServer
    etcd: Etcd
    nodes: dict[str, Node] = field(default_factory=lambda: {f"node-{number}": Node() for number in range(5)})
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    missing_images: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    _addresses: int = 0

    def copy(self, server: ApiServer, etcd: Etcd) -> Nodes:
        """The same nodes beside another server and etcd, whose later changes are their own."""
        return replace(
            self,
            server=server,
            etcd=etcd,
            nodes=dict(self.nodes),
            sandboxes=dict(self.sandboxes),
            homes=dict(self.homes),
        )

    def step(self) -> None:
        """Bring each Pod one container further."""
        for pod in self.server.list(Kind.POD):
            if pod["metadata"]["name"] in self.held or _failed(pod):
                continue
            if "nodeName" not in pod["spec"]:
                self._schedule(pod)
            elif self.nodes[pod["spec"]["nodeName"]].on:
                self._end(pod) if "deletionTimestamp" in pod["metadata"] else self._run(pod)

    def restart_container(self, pod: Json) -> None:
        """Kill etcd; the kubelet starts the container again in place."""
        self.etcd.kill(pod["metadata"]["uid"])

    def restart_sandbox(self, pod: Json) -> None:
        """Kill the whole Pod on its node, init containers and network included; its object stays."""
        self.etcd.kill(pod["metadata"]["uid"])
        self.sandboxes.pop(pod["metadata"]["uid"], None)

    def power_off(self, name: str) -> None:
        """Switch a node off. After a while Kubernetes calls its Pods not ready; nothing else of them changes."""
        self.nodes[name] = replace(self.nodes[name], on=False)
        for pod in self._on(name):
            self.restart_sandbox(pod)
            conditions = pod["status"].get("conditions", [])
            not_ready = [
                {**condition, "status": "False"} if condition["type"] == "Ready" else condition
                for condition in conditions
            ]
            self._report(pod, {**pod["status"], "conditions": not_ready})

    def power_on(self, name: str) -> None:
        """Switch a node on again: the kubelet makes every sandbox anew."""
        self.nodes[name] = replace(self.nodes[name], on=True)

    def _on(self, name: str) -> list[Json]:
        return [pod for pod in self.server.list(Kind.POD) if pod["spec"].get("nodeName") == name]

    def _schedule(self, pod: Json) -> None:
        about = pod["metadata"]
        claim = self.server.find(Kind.CLAIM, about["namespace"], claim_of(pod))
        if claim is None or "deletionTimestamp" in claim["metadata"]:
            state = "not found" if claim is None else "is being deleted"
            self._report(pod, pod_status.unschedulable(f'persistentvolumeclaim "{claim_of(pod)}" {state}'))
            return
        home = self.homes.get(claim["metadata"]["uid"])
        free = [
            name
            for name, node in self.nodes.items()
            if node.on and len(self._on(name)) < node.room and home in (None, name)
        ]
        if not free:
            count = len(self.nodes)
            self._report(pod, pod_status.unschedulable(f"0/{count} nodes are available: {count} Insufficient memory."))
            return
        node = min(free, key=lambda name: len(self._on(name)))
        self.homes[claim["metadata"]["uid"]] = node
        bind_claim(self.server, self.etcd, claim)
        bound = self.server.patch(Kind.POD, about["namespace"], about["name"], {"spec": {"nodeName": node}})
        scheduled = [pod_status.condition("PodScheduled", holds=True)]
        self._report(bound, {"phase": "Pending", "conditions": scheduled})

    def _end(self, pod: Json) -> None:
        """First the processes, then the object."""
        about = pod["metadata"]
        if about["uid"] in self.sandboxes:
            self.restart_sandbox(pod)
        else:
            self.server.remove(Kind.POD, about["namespace"], about["name"])

    def _run(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        sandbox = self.sandboxes.get(uid)
        if sandbox is None:
            if not self._mounts(pod):
                return
            self._addresses += 1
            sandbox = Sandbox(f"10.244.{self._addresses // 250}.{self._addresses % 250}")
        else:
            sandbox = self._advanced(pod, sandbox)
        self.sandboxes[uid] = sandbox
        process = self.etcd.processes.get(uid)
        ready = process is not None and process.serving and self.etcd.leader_of(process) is not None
        status = pod_status.of(
            pod,
            ip=sandbox.ip,
            stage=sandbox.stage,
            trouble=sandbox.trouble,
            running=sandbox.running,
            ready=ready,
        )
        self._report(pod, status)

    def _advanced(self, pod: Json, sandbox: Sandbox) -> Sandbox:
        match sandbox.stage:
            case _ if sandbox.running and pod["metadata"]["uid"] in self.etcd.processes:
                return sandbox
            case stage if image_trouble := self._pull(pod, stage):
                return replace(sandbox, trouble=image_trouble, running=False)
            case "etcd-version":
                return replace(sandbox, stage=START_CHECK_CONTAINER, trouble=None)
            case "start-check":
                trouble = self._check(pod)
                stage = START_CHECK_CONTAINER if trouble else ETCD_CONTAINER
                return replace(sandbox, stage=stage, trouble=trouble)
            case _:
                trouble = self._start(pod, sandbox)
                return replace(sandbox, trouble=trouble, running=trouble is None)

    def _mounts(self, pod: Json) -> bool:
        """Whether the Secrets are there that the Pod mounts; an event tells which is not."""
        about = pod["metadata"]
        for volume in pod["spec"]["volumes"]:
            source = volume.get("secret")
            if source is None:
                continue
            found = secret_data(self.server, about["namespace"], source["secretName"])
            if any(item["key"] not in found for item in source["items"]):
                self._warn(pod, "FailedMount", f'MountVolume.SetUp failed: secret "{source["secretName"]}" not found')
                return False
        return True

    def _warn(self, pod: Json, reason: str, message: str) -> None:
        about = pod["metadata"]
        name = f"{about['name']}.{reason.lower()}"
        if self.server.find(Kind.CORE_EVENT, about["namespace"], name) is None:
            body = {"involvedObject": {"uid": about["uid"]}, "type": "Warning", "reason": reason, "message": message}
            self.server.create(Kind.CORE_EVENT, about["namespace"], {"metadata": {"name": name}, **body})

    def _pull(self, pod: Json, stage: str) -> Trouble | None:
        image = _container(pod, stage)["image"]
        return (
            Trouble("ImagePullBackOff", f'Back-off pulling image "{image}"') if image in self.missing_images else None
        )

    def _environment(self, pod: Json, container: Json) -> Mapping[str, str] | Trouble:
        """The variables of a container, read from their Secrets as they are now."""
        values: dict[str, str] = {}
        for variable in container.get("env", ()):
            source = variable["valueFrom"]["secretKeyRef"]
            found = secret_data(self.server, pod["metadata"]["namespace"], source["name"])
            if source["key"] not in found:
                missing = f'secret "{source["name"]}" not found' if not found else f"couldn't find key {source['key']}"
                return Trouble("CreateContainerConfigError", missing)
            values[variable["name"]] = found[source["key"]].decode()
        return values

    def _check(self, pod: Json) -> Trouble | None:
        """Run the start check itself on the volume."""
        container = _container(pod, START_CHECK_CONTAINER)
        environment = self._environment(pod, container)
        if isinstance(environment, Trouble):
            return environment
        options = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
        claim = self._claim_uid(pod)
        volume = Mounted(dict(self.etcd.volumes[claim]))
        verdict = startcheck.check(
            options["name"],
            volume.at(PurePosixPath(options["data-dir"])),
            permitted=startcheck.members_of(_expanded(options["initial-cluster"], environment)),
            etcd=Path(options["etcd"]),
        )
        self.etcd.volumes[claim] = volume.files
        if verdict.code is startcheck.ExitCode.PASSED:
            return None
        return back_off(container["name"], pod, code=verdict.code, reason="Error", message=verdict.to_json())

    def _start(self, pod: Json, sandbox: Sandbox) -> Trouble | None:
        """Start etcd as the container runtime does: by the link on the volume."""
        container, about, claim = _container(pod, ETCD_CONTAINER), pod["metadata"], self._claim_uid(pod)
        environment = self._environment(pod, container)
        if isinstance(environment, Trouble):
            return environment
        link = PurePosixPath(container["command"][0])
        if link.is_relative_to(DATA_DIR) and link not in self.etcd.volumes[claim]:
            message = _NO_SUCH_FILE.format(START_COMMAND)
            return back_off(container["name"], pod, code=128, reason="StartError", message=message)
        started = self.etcd.launch(
            Launch(
                namespace=about["namespace"],
                pod=about["uid"],
                claim=claim,
                member=about["name"],
                ip=sandbox.ip,
                version=container["image"].rpartition(":v")[2],
                arguments=tuple(_expanded(argument, environment) for argument in container["args"]),
                environment=environment,
                files=secret_data(self.server, about["namespace"], about["name"]),
            )
        )
        if isinstance(started, Exit):
            return back_off(container["name"], pod, code=started.code, reason="Error", message=started.message)
        return None

    def _claim_uid(self, pod: Json) -> str:
        claim = self.server.get(Kind.CLAIM, pod["metadata"]["namespace"], claim_of(pod))
        return str(claim["metadata"]["uid"])

    def _report(self, pod: Json, status: Json) -> None:
        about = pod["metadata"]
        replaced = {**dict.fromkeys(pod.get("status", {})), **status}
        self.server.patch(Kind.POD, about["namespace"], about["name"], {"status": replaced}, status=True)


def _failed(pod: Json) -> bool:
    """Whether no kubelet cares for the Pod any more: it was evicted, and only its object is left."""
    return bool(pod["status"]["phase"] == "Failed" and "deletionTimestamp" not in pod["metadata"])


def _container(pod: Json, name: str) -> Json:
    every = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
    found: Json = next(container for container in every if container["name"] == name)
    return found


def _expanded(argument: str, environment: Mapping[str, str]) -> str:
    """The argument with `$(NAME)` replaced, and `$$` by `$`, as the kubelet does."""
    for name, value in environment.items():
        argument = argument.replace(f"$({name})", value)
    return argument.replace("$$", "$")
