"""Which replica leads: one Lease of at most ten seconds, held by writing to it in time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from etcd_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from etcd_operator.kube.port import Precondition
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from etcd_operator.kube.port import Json, Kube

DURATION = 10.0
"""Seconds a Lease lasts without being renewed."""

RENEW_EVERY = 2.0
"""Seconds between two renewals: four may fail before leadership ends."""

log = structlog.get_logger()


def uptime() -> float:
    """Seconds since the machine started, suspension included: a frozen process or machine finds its Lease run out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leadership:
    """One replica's hold on the Lease. `identity` must be unique for each process, not only for each Pod."""

    def __init__(
        self, kube: Kube, *, namespace: str, name: str, identity: str, clock: Callable[[], float] = uptime
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._valid_until = 0.0
        self._seen: tuple[str, float] = ("", 0.0)

    def remaining(self) -> float:
        """Seconds for which no other replica can lead; 0 or less when this one does not."""
        return self._valid_until - self._clock()

    async def hold(self) -> AsyncGenerator[bool, None]:
        """Try to take the Lease, and renew it once taken, for ever; tells after each try whether this replica leads."""
        while True:
            if 0 < self._valid_until <= self._clock():
                # What was begun under a Lease that ran out must end before another one is taken.
                self._valid_until = 0.0
                yield False
            try:
                await self._try()
            except KubeError as error:
                left = round(max(self.remaining(), 0.0), 1)
                log.warning("the Lease could not be renewed", error=str(error), remaining=left)
            yield self.remaining() > 0
            await asyncio.sleep(RENEW_EVERY)

    async def release(self) -> None:
        """Give the Lease up, so that another replica need not wait for its end. Call it after the last write."""
        if self.remaining() <= 0:
            return
        self._valid_until = 0.0
        lease = await self._kube.get(Kind.LEASE, self._namespace, self._name)
        if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
            await self._write(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})

    async def _try(self) -> None:
        asked = self._clock()
        try:
            lease = await self._kube.get(Kind.LEASE, self._namespace, self._name)
        except NotFound:
            await self._create(asked)
            return
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self._identity and not self._run_out(lease):
            self._valid_until = 0.0
            return
        now = _micro_time()
        patch: Json = {"holderIdentity": self._identity, "renewTime": now, "leaseDurationSeconds": int(DURATION)}
        if spec.get("holderIdentity") != self._identity:
            patch |= {"acquireTime": now, "leaseTransitions": spec.get("leaseTransitions", 0) + 1}
            log.info("taking the Lease over", holder=spec.get("holderIdentity"))
        try:
            await self._write(lease, patch)
        except Conflict:
            self._valid_until = 0.0
            return
        self._valid_until = asked + DURATION

    async def _create(self, asked: float) -> None:
        now = _micro_time()
        spec: Json = {"holderIdentity": self._identity, "acquireTime": now, "renewTime": now}
        spec |= {"leaseDurationSeconds": int(DURATION), "leaseTransitions": 0}
        body = {
            "apiVersion": Kind.LEASE.value.api_version,
            "kind": Kind.LEASE.value.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        try:
            await self._kube.create(Kind.LEASE, self._namespace, body)
        except AlreadyExists:
            return
        self._valid_until = asked + DURATION

    async def _write(self, lease: Json, spec: Json) -> None:
        meta = lease["metadata"]
        held = Precondition(meta["uid"], meta["resourceVersion"])
        await self._kube.patch(Kind.LEASE, self._namespace, self._name, {"spec": spec}, precondition=held)

    def _run_out(self, lease: Json) -> bool:
        """Whether another's Lease stood unchanged for its whole duration, by our own clock: none are compared."""
        spec = lease.get("spec") or {}
        version = lease["metadata"]["resourceVersion"]
        if not spec.get("holderIdentity"):
            return True
        if self._seen[0] != version:
            self._seen = (version, self._clock())
        return self._clock() - self._seen[1] > float(spec.get("leaseDurationSeconds", DURATION))


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
