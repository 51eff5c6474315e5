"""An application that never stops writing. It runs as a process of its own, so that no harness delays it."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from e2e.bench.application import Application, Puts, WriteError
from e2e.bench.history import History, Write
from e2e.bench.results import NotMeasuredError
from etcd_operator.etcd.client import Endpoint, Tls

RATE: Final = 50
"""Writes a second."""

DEADLINE: Final = 1.0
"""Seconds after which a write has failed."""

FIRST_WITHIN: Final = 30.0
"""Seconds until the first acknowledgement, else nothing is written."""

READY: Final = "the first write is acknowledged"


class Writer:
    """A writer that runs while the context is open: `RATE` writes a second, whatever becomes of earlier ones.

    It writes through the first endpoint until a write fails there, then through the next, and so on in turn; a Service
    is one endpoint. Keys are `<prefix>/<number>`, each written once, with the number as value. Entering the context
    raises NotMeasuredError when no write is acknowledged within `FIRST_WITHIN` seconds.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, prefix: str) -> None:
        self._order = json.dumps({"prefix": prefix, "endpoints": [packed(at) for at in endpoints]})
        self._lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "e2e.bench.writer"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self._order)
        process.stdin.close()
        if process.stdout.readline().rstrip() != READY:
            process.stdout.close()
            process.wait()
            raise NotMeasuredError(f"the writer had no write acknowledged within {FIRST_WITHIN:.0f} s")
        self._process = process
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        with process.stdout:
            self._lines = process.stdout.readlines()
        process.wait()

    def history(self) -> History:
        """All that was written; complete once the context is closed."""
        return History.read(self._lines)


async def write(
    client: Puts,
    endpoints: Sequence[Endpoint],
    *,
    prefix: str,
    until: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> list[Write]:
    """Write until told otherwise; returns every write, those included that were under way at the end.

    `ready()` is called once, at the first acknowledgement.
    """
    turn = 0
    waiting = True

    async def one(number: int) -> Write:
        nonlocal turn, waiting
        used, sent = turn, time.monotonic()
        try:
            key, value = f"{prefix}/{number}".encode(), str(number).encode()
            await client.put(endpoints[used % len(endpoints)], key, value, within=DEADLINE)
        except WriteError as error:
            if turn == used:
                turn += 1
            return Write(number, sent, None, str(error))
        acknowledged = time.monotonic()
        if waiting:
            waiting = False
            ready()
        return Write(number, sent, acknowledged)

    began = time.monotonic()
    writes: list[asyncio.Task[Write]] = []
    while not until.is_set():
        writes.append(asyncio.create_task(one(len(writes))))
        pause = began + len(writes) / RATE - time.monotonic()
        await asyncio.sleep(max(pause, 0))
    return await asyncio.gather(*writes)


def packed(at: Endpoint) -> dict[str, Any]:
    """The endpoint as JSON, credentials included: it goes to the writer's standard input and nowhere else."""
    tls = at.tls
    if tls is None:
        return {"member": at.member, "address": at.address}
    files = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    encoded = {name: b64encode(pem).decode() for name, pem in files.items() if pem is not None}
    return {"member": at.member, "address": at.address, "tls": encoded, "server_name": tls.server_name}


def unpacked(told: dict[str, Any]) -> Endpoint:
    """The endpoint that `packed` told."""
    if "tls" not in told:
        return Endpoint(told["member"], told["address"], None)
    files = {name: b64decode(pem) for name, pem in told["tls"].items()}
    tls = Tls(files["ca"], files.get("certificate"), files.get("key"), told["server_name"])
    return Endpoint(told["member"], told["address"], tls)


async def _main() -> None:
    order = json.load(sys.stdin)
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, until.set)
    too_late = loop.call_later(FIRST_WITHIN, until.set)

    def ready() -> None:
        too_late.cancel()
        print(READY, flush=True)

    endpoints = [unpacked(told) for told in order["endpoints"]]
    client = Application()
    for done in await write(client, endpoints, prefix=order["prefix"], until=until, ready=ready):
        print(done.line())
    await client.close()


if __name__ == "__main__":
    asyncio.run(_main())
