"""The application as a process of its own, so that nothing delays it, and the side of it that a run holds."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from e2e.chaos.application import Application
from e2e.chaos.client import Client
from e2e.chaos.operations import Operation
from e2e.support.etcd import endpoints
from e2e.support.kube import Kind, Kube, KubeError
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.ownership import CLUSTER, MEMBER, ROLE, VOTER

REFRESH = 0.5
"""Seconds between two looks at which members there are."""

ENDS_WITHIN = 15.0
"""Seconds for the operations under way to end, and for their lines to arrive."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the application is to do: with which EtcdCluster, on which keys, at which rate (operations a second)."""

    kubeconfig: str
    namespace: str
    cluster: str
    keys: tuple[str, ...]
    rate: float
    clients: int
    seed: str


class Traffic:
    """An application that works while the context is open; raises AssertionError when its process has died."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._operations: list[Operation] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "e2e.chaos.traffic"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(self._order)))
        self._process.stdin.close()
        self._reader = threading.Thread(target=self._read, name="traffic")
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(ENDS_WITHIN)
        finally:
            self._process.kill()
            self._reader.join()
        assert self._process.returncode == 0 or kind is not None, "the application died; its last words stand above"

    def so_far(self) -> tuple[Operation, ...]:
        """Return every operation that has ended until now; raises AssertionError when the process has died."""
        assert self._process.returncode is not None or self._process.poll() is None, "the application died"
        return tuple(self._operations)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self._operations.extend(Operation.of(line) for line in lines)


def voters(kube: Kube, namespace: str, cluster: str) -> tuple[Endpoint, ...]:
    """Return where the Pods answer that the Service of the cluster would lead to; raises KubeError."""
    pods = kube.list(Kind.POD, namespace, labels=f"{CLUSTER}={cluster},{ROLE}={VOTER}")
    admitted = {pod["metadata"]["labels"][MEMBER] for pod in pods if _takes_clients(pod["status"])}
    return tuple(at for member, at in endpoints(kube, namespace, cluster).items() if member in admitted)


def _takes_clients(status: dict[str, list[dict[str, str]]]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))


async def _resolve(application: Application, order: Order, until: asyncio.Event) -> None:
    kube = Kube(Path(order.kubeconfig))
    while not until.is_set():
        try:
            found = await asyncio.to_thread(voters, kube, order.namespace, order.cluster)
        except KubeError:
            # An application keeps the addresses it knows while it cannot ask for others.
            found = ()
        application.endpoints = found or application.endpoints
        await asyncio.sleep(REFRESH)


def _tell(operation: Operation) -> None:
    sys.stdout.write(f"{operation.line()}\n")
    sys.stdout.flush()


async def _main() -> None:
    told = json.load(sys.stdin)
    order = Order(**{**told, "keys": tuple(told["keys"])})
    until = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, until.set)
    client = Client()
    application = Application(client, order.keys, order.rate, order.clients, order.seed, _tell)
    resolving = asyncio.create_task(_resolve(application, order, until))
    working = asyncio.create_task(application.run(until))
    try:
        for ended in asyncio.as_completed((working, resolving)):
            await ended
            until.set()
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(_main())
