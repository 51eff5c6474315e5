"""The operator as its image runs it, as a process on this machine, against the API server of the tests."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.apiserver import ApiServer, Json

READY_SECONDS = 30.0
POLL_SECONDS = 0.1
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/etcd-operator"


def eventually(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Return as soon as `condition` holds; fail with `what` did not happen after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(POLL_SECONDS)


@dataclass(slots=True)
class OperatorProcess:
    """One replica. Its log, one JSON object a line, is in `log`."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    @classmethod
    def started(cls, server: ApiServer, directory: Path, *, lease_namespace: str, namespaces: tuple[str, ...]) -> Self:
        """Start a replica with the administrator's credentials."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command = [
            *(sys.executable, "-m", "etcd_operator", "run", "--start-check-image=example.com/etcd-operator:1"),
            *(f"--lease-namespace={lease_namespace}", f"--http-port={port}"),
            *(f"--namespace={namespace}" for namespace in namespaces),
        ]
        log = directory / f"operator-{port}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env={**environment, "KUBECONFIG": str(server.kubeconfig)},
            )
        return cls(process, log, port)

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def ready(self) -> bool:
        """What its readiness probe would see."""
        return self.running and self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """The status and the text that it answers with at `path`; 0 without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, start: str) -> float:
        """The sum of the samples whose line begins with `start`."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(start)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def terminate(self) -> float:
        """Ask it to end as the kubelet does; returns the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - begun

    def lines(self) -> list[Json]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def told(self, event: str, **fields: str) -> bool:
        """Whether its log has a line with this event and these fields."""
        wanted = {"event": event, **fields}
        return any(wanted.items() <= line.items() for line in self.lines())


@contextmanager
def operator(
    server: ApiServer, directory: Path, *, lease_namespace: str = "default", namespaces: tuple[str, ...] = ()
) -> Iterator[OperatorProcess]:
    """A replica that is ready, and gone afterwards however the test ends."""
    replica = OperatorProcess.started(server, directory, lease_namespace=lease_namespace, namespaces=namespaces)
    try:
        eventually(lambda: replica.ready() or not replica.running, within=READY_SECONDS, what="the operator is ready")
        assert replica.running, replica.log.read_text()[-2000:]
        yield replica
    finally:
        if replica.running:
            replica.process.kill()
        replica.process.wait()
