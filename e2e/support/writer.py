"""A client that never stops writing: what it was promised must be readable afterwards, and how long it had to wait."""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient


class Writer:
    """Writes `<prefix>/000000`, `<prefix>/000001` … in a thread, each once, from entering to leaving the context.

    A write that fails goes on at the next member with the next key. `interval` and `within`, the patience for one
    write, are in seconds.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], *, prefix: str = "write", interval: float = 0.02, within: float = 1.0
    ) -> None:
        self._endpoints = tuple(endpoints.values())
        self._prefix = prefix
        self._interval = interval
        self._within = within
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()), name="writer")
        self._acknowledged: list[tuple[float, str]] = []
        self._failures: list[tuple[float, str]] = []
        self._began = 0.0
        self._ended: float | None = None

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._ended = time.monotonic()

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """The keys that etcd promised to keep; the value of each is its own name."""
        return tuple(key for _, key in self._acknowledged)

    @property
    def failures(self) -> tuple[str, ...]:
        """What stood against the writes that failed; some of them may have been done all the same."""
        return tuple(words for _, words in self._failures)

    def longest_gap(self, *, since: float = 0.0) -> float:
        """The longest time in seconds without an acknowledged write, from the beginning until the end or until now.

        `since` is a moment of `time.monotonic()`; nothing before it counts.
        """
        writes = [at for at, _ in tuple(self._acknowledged) if at > since]
        moments = [max(since, self._began), *writes, self._ended or time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))

    async def _write(self) -> None:
        client = GrpcEtcdClient()
        try:
            turns = self._turns()
            at = next(turns)
            for number in itertools.count():
                if self._stopping.is_set():
                    return
                key = f"{self._prefix}/{number:06}"
                began = time.monotonic()
                try:
                    await client.put(at, key.encode(), key.encode(), within=self._within)
                except EtcdError as error:
                    self._failures.append((time.monotonic(), str(error)))
                    at = next(turns)
                else:
                    self._acknowledged.append((time.monotonic(), key))
                await asyncio.sleep(max(0.0, began + self._interval - time.monotonic()))
        finally:
            await client.close()

    def _turns(self) -> Iterator[Endpoint]:
        return itertools.cycle(self._endpoints)
