"""Runs rendered Pods of members as a kubelet does, with Docker: real etcd under exactly the command line we render.

One Docker network stands for the cluster: each member's container has the name of the member's Service there. A start
check that asks other members runs there too, with this machine's Python in the place of the operator's image.
"""

from __future__ import annotations

import base64
import http.client
import os
import secrets
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.types import EndpointConfig

from e2e.cluster import engine
from e2e.cluster.waiting import until
from etcd_operator import startcheck
from etcd_operator.resources.flags import DATA_DIR
from etcd_operator.resources.names import METRICS_PORT, Identity, member_host
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

    from etcd_operator.api.cluster import Json

DEADLINE = 60.0
MOUNT = DATA_DIR.rpartition("/")[0]
PYTHON = tuple(
    dict.fromkeys(("/usr", "/lib", "/lib64", sys.base_prefix, sys.prefix, str(Path(startcheck.__file__).parents[1])))
)
"""Where this machine has Python, what it needs, and the package: mounted where the operator's image has its own."""


@dataclass(slots=True)
class Kubelet:
    """The Pods of one test, on a network of their own."""

    directory: Path
    identity: Identity
    secrets: dict[str, Json] = field(default_factory=dict)
    _network: Network | None = None
    _pods: dict[str, Running] = field(default_factory=dict)

    def start(self, pod: Json) -> Running:
        """Run the start check, if there is one, and if it passes etcd. Ends the member's earlier Pod first."""
        running = self.create(pod)
        if running.has_start_check:
            running.verdict = running.run_start_check()
        if running.verdict in (None, startcheck.ExitCode.PASSED):
            running.run_etcd()
        return running

    def create(self, pod: Json) -> Running:
        """Start nothing yet. Ends the member's earlier Pod first; its volume stays."""
        name = pod["metadata"]["name"]
        if name in self._pods:
            self._pods[name].remove()
        running = Running(self, pod, self.directory / name)
        running.volume.mkdir(parents=True, exist_ok=True)
        self._pods[name] = running
        return running

    def close(self) -> None:
        """End every Pod and take the network away."""
        for running in self._pods.values():
            running.remove()
        if self._network is not None:
            self._network.remove()

    def network(self) -> Network:
        """The network of the Pods, made when it is first needed."""
        if self._network is None:
            self._network = engine.client().networks.create(f"etcd-operator-test-{secrets.token_hex(4)}")
        return self._network


@dataclass(slots=True)
class Running:
    """A Pod that was started, on its volume."""

    kubelet: Kubelet
    pod: Json
    directory: Path
    verdict: startcheck.ExitCode | None = None
    _container: Container | None = None
    _check: Container | None = None

    @property
    def name(self) -> str:
        """The member's name."""
        name: str = self.pod["metadata"]["name"]
        return name

    @property
    def volume(self) -> Path:
        """What is mounted at /var/lib/etcd."""
        return self.directory / "volume"

    @property
    def member(self) -> Path:
        """The directory in which etcd keeps its data."""
        return self.volume / DATA_DIR.removeprefix(f"{MOUNT}/") / "member"

    def empty_the_volume(self) -> None:
        """Lose everything, as a new or foreign disk has."""
        for path in self.volume.iterdir():
            shutil.rmtree(path)

    def lose_the_log(self) -> None:
        """Lose the write-ahead log only."""
        shutil.rmtree(self.member / "wal")

    @property
    def has_start_check(self) -> bool:
        """Whether the Pod has the init container."""
        return any(container["name"] == START_CHECK_CONTAINER for container in self.pod["spec"]["initContainers"])

    def run_start_check(self) -> startcheck.ExitCode:
        """Run the init container's command line on the volume: here, or among the members if it asks them."""
        arguments = self._expanded(self._find(START_CHECK_CONTAINER))
        if any(argument.startswith("--ask=") for argument in arguments):
            self.begin_start_check()
            return self.await_start_check()
        here = [argument.replace(DATA_DIR, f"{self.volume}/data") for argument in arguments]
        return startcheck.main(here, termination_log=self._termination_log)

    def begin_start_check(self) -> None:
        """Start the init container, which may wait at the gate."""
        body = self._find(START_CHECK_CONTAINER)
        self.end_start_check()
        self._termination_log.write_text("")
        python = {path: {"bind": path, "mode": "ro"} for path in PYTHON}
        log = {str(self._termination_log): {"bind": str(startcheck.TERMINATION_LOG)}}
        self._check = self._create(
            self._find(ETCD_CONTAINER)["image"],
            body,
            environment={"PATH": f"{sys.prefix}/bin"},
            volumes={**python, **log},
        )
        self._check.start()

    def await_start_check(self) -> startcheck.ExitCode:
        """Return how the init container ended, once it has."""
        assert self._check is not None, f"the start check of {self.name} does not run"
        self.verdict = startcheck.ExitCode(self._check.wait(timeout=DEADLINE)["StatusCode"])
        return self.verdict

    def end_start_check(self) -> int | None:
        """End the init container as Kubernetes does, and return its code; None if there is none."""
        if self._check is None:
            return None
        check, self._check = self._check, None
        check.stop(timeout=30)
        code: int = check.wait(timeout=DEADLINE)["StatusCode"]
        check.remove(force=True)
        return code

    @property
    def at_gate(self) -> bool:
        """Whether the init container runs, as Kubernetes would tell."""
        assert self._check is not None, f"the start check of {self.name} does not run"
        self._check.reload()
        running: bool = self._check.attrs["State"]["Running"]
        return running

    @property
    def start_check_seconds(self) -> float:
        """How long the init container ran, Python's own start included."""
        assert self._check is not None, f"the start check of {self.name} does not run"
        self._check.reload()
        began, ended = (datetime.fromisoformat(self._check.attrs["State"][key]) for key in ("StartedAt", "FinishedAt"))
        return (ended - began).total_seconds()

    def start_check_log(self) -> list[str]:
        """The lines that the init container wrote."""
        assert self._check is not None, f"the start check of {self.name} does not run"
        written: bytes = self._check.logs()
        return written.decode().splitlines()

    @property
    def message(self) -> startcheck.Verdict | None:
        """What the start check left for the operator."""
        return startcheck.verdict_of(self._termination_log.read_text())

    def run_etcd(self) -> None:
        """Start the main container; its environment and files are those of the Secret as it is now."""
        body = self._find(ETCD_CONTAINER)
        self.stop()
        self._container = self._create(body["image"], body)
        self._container.start()

    def stop(self) -> None:
        """End etcd as Kubernetes does, and forget its container."""
        if self._container is not None:
            self._container.stop(timeout=30)
            self._container.remove(force=True)
            self._container = None

    def remove(self) -> None:
        """Kill and forget the containers."""
        for container in (self._container, self._check):
            if container is not None:
                container.remove(force=True)
        self._container = self._check = None

    def probe(self, path: str, *, seconds: float = 15.0) -> tuple[int, str]:
        """Ask as the kubelet does: the HTTP status and the answer. Raises OSError when nothing answers."""
        connection = http.client.HTTPConnection(self.address, METRICS_PORT, timeout=seconds)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def await_probe(self, path: str) -> None:
        """Return when the probe succeeds."""
        until(lambda: self._succeeds(path), f"{path} of {self.name} succeeds: {self.log()}", seconds=DEADLINE)

    def await_exit(self) -> int:
        """Return how etcd ended, once it has."""
        code: int = self._running.wait(timeout=DEADLINE)["StatusCode"]
        return code

    def log(self) -> str:
        """What etcd wrote."""
        written: bytes = self._running.logs()
        return written.decode()

    @property
    def address(self) -> str:
        """The IP address."""
        self._running.reload()
        networks: dict[str, Any] = self._running.attrs["NetworkSettings"]["Networks"]
        address: str = networks[self.kubelet.network().name]["IPAddress"]
        return address

    def _succeeds(self, path: str) -> bool:
        with suppress(OSError):
            return self.probe(path)[0] == http.HTTPStatus.OK
        return False

    @property
    def _running(self) -> Container:
        assert self._container is not None, f"{self.name} does not run"
        return self._container

    def _find(self, name: str) -> Json:
        every = [*self.pod["spec"]["initContainers"], *self.pod["spec"]["containers"]]
        found: Json = next(container for container in every if container["name"] == name)
        return found

    def _environment(self, body: Json) -> dict[str, str]:
        return {entry["name"]: entry.get("value") or self._referred(entry) for entry in body["env"]}

    def _referred(self, entry: Json) -> str:
        return self._secret(entry["valueFrom"]["secretKeyRef"]["key"]).decode()

    def _expanded(self, body: Json) -> list[str]:
        arguments: list[str] = body["args"]
        for name, value in self._environment(body).items():
            arguments = [argument.replace(f"$({name})", value) for argument in arguments]
        return [argument.replace("$$", "$") for argument in arguments]

    def _secret(self, key: str) -> bytes:
        return base64.b64decode(self.kubelet.secrets[self.name]["data"][key])

    def _create(
        self,
        image: str,
        body: Json,
        *,
        environment: dict[str, str] | None = None,
        volumes: dict[str, dict[str, str]] | None = None,
    ) -> Container:
        """A container of the Pod: on the members' network, under the member's name, with nothing but its mounts."""
        engine_client, network = engine.client(), self.kubelet.network()
        host = member_host(self.kubelet.identity, self.name)
        endpoint = EndpointConfig(engine_client.api._version, aliases=[host])  # noqa: SLF001 - the type wants it
        return engine_client.containers.create(
            image,
            entrypoint=body["command"],
            command=self._expanded(body),
            environment={**self._environment(body), **(environment or {})},
            network=network.name,
            networking_config={network.name: endpoint},
            user=f"{os.getuid()}:{os.getgid()}",
            read_only=True,
            cap_drop=["ALL"],
            volumes={**self._mounts(body), **(volumes or {})},
        )

    def _mounts(self, body: Json) -> dict[str, dict[str, str]]:
        """The container's mounts; files are those of the Secret as it is now."""
        mounts = {mount["name"]: mount for mount in body["volumeMounts"]}
        return {
            str(self._source(volume)): {
                "bind": mounts[volume["name"]]["mountPath"],
                "mode": "ro" if mounts[volume["name"]].get("readOnly") else "rw",
            }
            for volume in self.pod["spec"]["volumes"]
            if volume["name"] in mounts
        }

    def _source(self, volume: Json) -> Path:
        if "secret" not in volume:
            return self.volume
        directory: Path = self.directory / volume["name"]
        directory.mkdir(exist_ok=True)
        for item in volume["secret"]["items"]:
            (directory / item["path"]).write_bytes(self._secret(item["key"]))
        return directory

    @property
    def _termination_log(self) -> Path:
        return self.directory / "termination-log"
