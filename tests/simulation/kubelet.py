"""The simulated kubelet: brings a Pod one container further at a time, as its Secrets and its volume are then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from etcd_operator import startcheck
from etcd_operator.resources.flags import DATA_DIR
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER, START_COMMAND, VERSION_CONTAINER
from tests.simulation import gate
from tests.simulation.controllers import claim_of, warn
from tests.simulation.kubernetes import secret_data
from tests.simulation.pod_status import Trouble, back_off, just_ended, stages
from tests.simulation.process import Exit, Launch
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
class Sandbox:
    """A Pod on its node. `stage` is the container that runs, or is to run next, `files` are what it mounts of Secrets.

    `environment` is that of a start check which waits at the gate: it was read when the container began.
    """

    node: str
    ip: str
    stage: str
    files: Mapping[str, bytes]
    running: bool = False
    trouble: Trouble | None = None
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Kubelet:
    """What a kubelet knows of the world; `missing_images` cannot be pulled."""

    server: ApiServer
    etcd: Etcd
    missing_images: frozenset[str]

    def advanced(self, pod: Json, sandbox: Sandbox) -> Sandbox:
        """The Pod one container further, or as it stands."""
        # What was mounted stays when the Secret goes.
        sandbox = replace(sandbox, files={**sandbox.files, **self.files(pod)})
        match sandbox.stage:
            case _ if pod["metadata"]["uid"] in self.etcd.processes:
                return sandbox if sandbox.trouble is None else replace(sandbox, trouble=None)
            case stage if stage == ETCD_CONTAINER and sandbox.running and sandbox.trouble is None:
                return replace(sandbox, trouble=just_ended(self._exit(pod)), running=False)
            case stage if image_trouble := self._pull(pod, stage):
                return replace(sandbox, trouble=image_trouble, running=False)
            case stage if stage == VERSION_CONTAINER:
                return _next(pod, sandbox)
            case stage if stage == START_CHECK_CONTAINER:
                return self._check(pod, sandbox)
            case _:
                return self._start(pod, sandbox)

    def mounts(self, pod: Json) -> bool:
        """Whether the volume and the Secrets are there that the Pod mounts; an event tells what is not."""
        about = pod["metadata"]
        if self._claim_uid(pod) not in self.etcd.volumes:
            words = f'MountVolume.SetUp failed for volume "{claim_of(pod)}": path does not exist'
            warn(self.server, about, "FailedMount", words)
            return False
        for volume in pod["spec"]["volumes"]:
            source = volume.get("secret")
            if source is None:
                continue
            found = secret_data(self.server, about["namespace"], source["secretName"])
            if any(item["key"] not in found for item in source["items"]):
                words = f'MountVolume.SetUp failed: secret "{source["secretName"]}" not found'
                warn(self.server, about, "FailedMount", words)
                return False
        return True

    def files(self, pod: Json) -> dict[str, bytes]:
        """What there is to mount of the member's Secret."""
        return secret_data(self.server, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _pull(self, pod: Json, stage: str) -> Trouble | None:
        image = _container(pod, stage)["image"]
        if image not in self.missing_images:
            return None
        return Trouble("ImagePullBackOff", f'Back-off pulling image "{image}"')

    def _environment(self, pod: Json, container: Json) -> Mapping[str, str] | Trouble:
        """The variables of a container, read from their Secrets as they are now."""
        values: dict[str, str] = {}
        for variable in container.get("env", ()):
            if "value" in variable:
                values[variable["name"]] = variable["value"]
                continue
            source = variable["valueFrom"]["secretKeyRef"]
            found = secret_data(self.server, pod["metadata"]["namespace"], source["name"])
            if source["key"] not in found:
                missing = f'secret "{source["name"]}" not found' if not found else f"couldn't find key {source['key']}"
                return Trouble("CreateContainerConfigError", missing)
            values[variable["name"]] = found[source["key"]].decode()
        return values

    def _check(self, pod: Json, sandbox: Sandbox) -> Sandbox:
        """Run the start check itself on the volume; it may have to wait at the gate."""
        container, about = _container(pod, START_CHECK_CONTAINER), pod["metadata"]
        environment = sandbox.environment or self._environment(pod, container)
        if isinstance(environment, Trouble):
            return replace(sandbox, trouble=environment, running=False)
        options = dict(argument.removeprefix("--").partition("=")[::2] for argument in container["args"])
        volume = Mounted(dict(self.etcd.volumes[self._claim_uid(pod)]))
        try:
            verdict = startcheck.check(
                options["name"],
                volume.at(PurePosixPath(options["data-dir"])),
                permitted=startcheck.members_of(_expanded(options["initial-cluster"], environment)),
                etcd=Path(options["etcd"]),
                ever_started=gate.Question(self.etcd, about["name"], options, sandbox.files).ever_started,
            )
        except gate.Waiting:
            return replace(sandbox, trouble=None, running=True, environment=environment)
        self.etcd.volumes[self._claim_uid(pod)] = volume.files
        if verdict.code is startcheck.ExitCode.PASSED:
            return _next(pod, sandbox)
        trouble = back_off(container["name"], pod, code=verdict.code, reason="Error", message=verdict.to_json())
        return replace(sandbox, trouble=trouble.after(sandbox.trouble), running=False, environment=None)

    def _start(self, pod: Json, sandbox: Sandbox) -> Sandbox:
        """Start etcd as the container runtime does: by the link on the volume."""
        container, about, claim = _container(pod, ETCD_CONTAINER), pod["metadata"], self._claim_uid(pod)
        environment, before = self._environment(pod, container), self.etcd.exits.get(about["uid"])
        if isinstance(environment, Trouble):
            return replace(sandbox, trouble=environment, running=False)
        link = PurePosixPath(container["command"][0])
        if link.is_relative_to(DATA_DIR) and link not in self.etcd.volumes.get(claim, {}):
            message = _NO_SUCH_FILE.format(START_COMMAND)
            trouble = back_off(container["name"], pod, code=128, reason="StartError", message=message)
            return replace(sandbox, trouble=trouble.after(sandbox.trouble), running=False)
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
                files=sandbox.files,
            )
        )
        ended = started if isinstance(started, Exit) else before
        # Who ended before is called running only when it has lasted: else its status would change with each attempt.
        crashed = None if ended is None else _crashed(pod, ended).after(sandbox.trouble)
        return replace(sandbox, trouble=crashed, running=not isinstance(started, Exit))

    def _exit(self, pod: Json) -> Exit:
        """How etcd ended: by itself, or because somebody killed it."""
        return self.etcd.exits.get(pod["metadata"]["uid"], Exit(137, ""))

    def _claim_uid(self, pod: Json) -> str:
        claim = self.server.find(Kind.CLAIM, pod["metadata"]["namespace"], claim_of(pod))
        return "" if claim is None else str(claim["metadata"]["uid"])


def _next(pod: Json, sandbox: Sandbox) -> Sandbox:
    order = stages(pod)
    following = order[order.index(sandbox.stage) + 1]
    return replace(sandbox, stage=following, running=False, trouble=None, environment=None)


def _crashed(pod: Json, ended: Exit) -> Trouble:
    reason, message = ("Error", ended.message) if ended.code else ("Completed", "")
    return back_off(ETCD_CONTAINER, pod, code=ended.code, reason=reason, message=message)


def _container(pod: Json, name: str) -> Json:
    every = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
    found: Json = next(container for container in every if container["name"] == name)
    return found


def _expanded(argument: str, environment: Mapping[str, str]) -> str:
    """The argument with `$(NAME)` replaced, and `$$` by `$`, as the kubelet does."""
    for name, value in environment.items():
        argument = argument.replace(f"$({name})", value)
    return argument.replace("$$", "$")
