"""Runs rendered Pods of members as a kubelet does, with Docker: real etcd under exactly the command line we render.

One Docker network stands for the cluster: each member's container has the name of the member's Service there.
"""

from __future__ import annotations

import base64
import http.client
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docker.types import EndpointConfig

from e2e.cluster import engine
from e2e.cluster.waiting import until
from etcd_operator import startcheck
from etcd_operator.resources.flags import DATA_DIR, TLS_DIR
from etcd_operator.resources.names import METRICS_PORT, Identity, member_host
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER

if TYPE_CHECKING:
    from pathlib import Path

    from docker.models.containers import Container
    from docker.models.networks import Network

    from etcd_operator.api.cluster import Json

DEADLINE = 60.0
MOUNT = DATA_DIR.rpartition("/")[0]


@dataclass(slots=True)
class Kubelet:
    """The Pods of one test, on a network of their own."""

    directory: Path
    identity: Identity
    secrets: dict[str, Json] = field(default_factory=dict)
    _network: Network | None = None
    _pods: dict[str, Running] = field(default_factory=dict)

    def start(self, pod: Json) -> Running:
        """Run the start check and, if it passes, etcd. Ends the member's earlier Pod first; its volume stays."""
        running = self._sandbox(pod)
        running.verdict = running.run_start_check()
        if running.verdict is startcheck.ExitCode.PASSED:
            running.run_etcd()
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

    def _sandbox(self, pod: Json) -> Running:
        name = pod["metadata"]["name"]
        if name in self._pods:
            self._pods[name].remove()
        running = Running(self, pod, self.directory / name)
        running.volume.mkdir(parents=True, exist_ok=True)
        self._pods[name] = running
        return running


@dataclass(slots=True)
class Running:
    """A Pod that was started, on its volume."""

    kubelet: Kubelet
    pod: Json
    directory: Path
    verdict: startcheck.ExitCode | None = None
    _container: Container | None = None

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

    def run_start_check(self) -> startcheck.ExitCode:
        """Run the init container's command line, here, on the volume."""
        body = self._find(START_CHECK_CONTAINER)
        arguments = [argument.replace(DATA_DIR, f"{self.volume}/data") for argument in self._expanded(body)]
        return startcheck.main(arguments, termination_log=self.directory / "termination-log")

    def run_etcd(self) -> None:
        """Start the main container; its environment and files are those of the Secret as it is now."""
        body = self._find(ETCD_CONTAINER)
        files = self._write_files()
        self.stop()
        engine_client, network = engine.client(), self.kubelet.network()
        host = member_host(self.kubelet.identity, self.name)
        endpoint = EndpointConfig(engine_client.api._version, aliases=[host])  # noqa: SLF001 - the type wants it
        self._container = engine_client.containers.create(
            body["image"],
            entrypoint=body["command"],
            command=self._expanded(body),
            environment=self._environment(body),
            network=network.name,
            networking_config={network.name: endpoint},
            user=f"{os.getuid()}:{os.getgid()}",
            read_only=True,
            cap_drop=["ALL"],
            volumes={str(self.volume): {"bind": MOUNT}, str(files): {"bind": TLS_DIR, "mode": "ro"}},
        )
        self._container.start()

    def stop(self) -> None:
        """End etcd as Kubernetes does, and forget its container."""
        if self._container is not None:
            self._container.stop(timeout=30)
            self.remove()

    def remove(self) -> None:
        """Kill and forget the container."""
        if self._container is not None:
            self._container.remove(force=True)
            self._container = None

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
        references = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in body["env"]}
        return {name: self._secret(reference["key"]).decode() for name, reference in references.items()}

    def _expanded(self, body: Json) -> list[str]:
        arguments: list[str] = body["args"]
        for name, value in self._environment(body).items():
            arguments = [argument.replace(f"$({name})", value) for argument in arguments]
        return [argument.replace("$$", "$") for argument in arguments]

    def _secret(self, key: str) -> bytes:
        return base64.b64decode(self.kubelet.secrets[self.name]["data"][key])

    def _write_files(self) -> Path:
        files = self.directory / "files"
        files.mkdir(exist_ok=True)
        for volume in self.pod["spec"]["volumes"]:
            for item in volume.get("secret", {}).get("items", ()):
                (files / item["path"]).write_bytes(self._secret(item["key"]))
        return files
