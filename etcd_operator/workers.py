"""One task per cluster: a stuck cluster never delays another, and an event only wakes the task of its own cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from etcd_operator.kube.errors import KubeError, NotFound
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from etcd_operator.kube.port import Kube
    from etcd_operator.metrics import Metrics

FIRST_RETRY, LAST_RETRY = 0.5, 15.0
"""Seconds after the first failed pass, and at most; doubled in between."""

GATHERING = 0.1
"""Seconds between two passes at least: what one has written comes back as events by then, and the next sees to all."""

RESYNC = 30.0
"""Seconds between two lists of all clusters: what a lost watch event would have told is noticed by then."""

log = structlog.get_logger()


class Pass(Protocol):
    """What a worker repeats: one pass for one cluster."""

    async def run_pass(self) -> float:
        """Returns the seconds after which to look again; raises NotFound when the cluster is gone."""

    async def close(self) -> None:
        """Lets go of what the passes held."""


@dataclass(slots=True)
class _Worker:
    task: asyncio.Task[None]
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Workers:
    """The running loops, one for each cluster, while this replica leads.

    `keep` is told the UIDs of all clusters whenever all were listed: what is kept of others can go.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        start: Callable[[str, str], Pass],
        namespaces: tuple[str, ...],
        metrics: Metrics,
        keep: Callable[[Container[str]], None],
    ) -> None:
        self._kube = kube
        self._start = start
        self._namespaces = namespaces or (None,)
        self._metrics = metrics
        self._keep = keep
        self._workers: dict[tuple[str, str], _Worker] = {}
        self._leading = False

    def wake(self, namespace: str, name: str) -> None:
        """Something changed about the cluster: look at it now. Ignored while another replica leads."""
        if not self._leading:
            return
        worker = self._workers.get((namespace, name))
        if worker is None:
            task = asyncio.create_task(self._run(namespace, name), name=f"cluster {namespace}/{name}")
            self._workers[namespace, name] = worker = _Worker(task)
        worker.wake.set()

    async def lead(self) -> None:
        """Serve all clusters until cancelled; then every loop has ended."""
        self._leading = True
        try:
            while True:
                await self._resync()
                await asyncio.sleep(RESYNC)
        finally:
            self._leading = False
            tasks = [worker.task for worker in self._workers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._workers.clear()

    async def _resync(self) -> None:
        uids: set[str] = set()
        all_listed = True
        for namespace in self._namespaces:
            try:
                for body in await self._kube.list(Kind.CLUSTER, namespace):
                    about = body["metadata"]
                    uids.add(about["uid"])
                    key = (about["namespace"], about["name"])
                    if key not in self._workers:
                        self.wake(*key)
            except KubeError as error:
                log.warning("the clusters could not be listed", namespace=namespace, error=error.message)
                all_listed = False
        if all_listed:
            self._keep(uids)

    async def _run(self, namespace: str, name: str) -> None:
        structlog.contextvars.bind_contextvars(namespace=namespace, cluster=name)
        passes = self._start(namespace, name)
        pause = FIRST_RETRY
        try:
            while True:
                wake = self._workers[namespace, name].wake
                wake.clear()
                try:
                    delay = await self._timed(passes, namespace, name)
                    pause = FIRST_RETRY
                except NotFound:
                    if wake.is_set():
                        continue
                    log.info("the cluster is gone")
                    return
                except KubeError as error:
                    log.warning("pass failed", error=error.message)
                    delay = min(error.retry_after or pause, LAST_RETRY)
                    pause = min(2.0 * pause, LAST_RETRY)
                except Exception:
                    # A bug met by one cluster must neither end its loop nor pass in silence.
                    log.exception("pass crashed")
                    delay = LAST_RETRY
                await asyncio.sleep(GATHERING)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), max(delay - GATHERING, 0.0))
        finally:
            self._workers.pop((namespace, name), None)
            self._metrics.forget(namespace, name)
            await passes.close()

    async def _timed(self, passes: Pass, namespace: str, name: str) -> float:
        started, outcome = time.perf_counter(), "failed"
        try:
            delay = await passes.run_pass()
            outcome = "done"
            return delay
        finally:
            self._metrics.passes.labels(namespace, name, outcome).inc()
            self._metrics.pass_seconds.observe(time.perf_counter() - started)
