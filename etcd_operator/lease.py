"""Which replica leads: one Lease of at most ten seconds, held by writing to it in time.

What a leader must leave to the next one goes with these writes, in an annotation.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from etcd_operator.api import GROUP
from etcd_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, Refused
from etcd_operator.kube.port import Precondition
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from etcd_operator.kube.port import Json, Kube

DURATION = 10.0
"""Seconds a Lease lasts without being renewed."""

RENEW_EVERY = 2.0
"""Seconds between two renewals: four may fail before leadership ends."""

HIGHEST = f"{GROUP}/highest"
"""The annotation with what a leader leaves to the next one: the highest revision that was seen of each cluster."""

ROOM = 200 * 1024
"""Bytes of it at most, for about 1,500 clusters: Kubernetes allows 256 KiB for all annotations of an object."""

log = structlog.get_logger()


class Handover(Protocol):
    """What a leader leaves to the next one, who leads without it as well."""

    def text(self, *, room: int) -> tuple[str, int]:
        """As much of it as `room` bytes can take, and the number of clusters for which there was no room."""

    def take_over(self, text: str) -> None:
        """Learn what another leader's `text` tells. Raises ValueError, and learns nothing, if no leader wrote it so."""


def uptime() -> float:
    """Seconds since the machine started, suspension included: a frozen process or machine finds its Lease run out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leadership:
    """One replica's hold on the Lease. `identity` must be unique for each process, not only for each Pod.

    `handover` has learned what the last leader left when this one begins to lead, and goes with each renewal.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        identity: str,
        handover: Handover,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._handover = handover
        self._clock = clock
        self._valid_until = 0.0
        self._seen: tuple[str, float] = ("", 0.0)
        self._left_out = 0

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
            # Before the write, whose answer may be lost; and it succeeds only on the Lease that was read.
            self._take_over(lease)
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
        kept: Json = {"metadata": {"annotations": {HIGHEST: self._text()}}}
        try:
            await self._kube.patch(Kind.LEASE, self._namespace, self._name, {"spec": spec} | kept, precondition=held)
        except Refused as error:
            # Others' annotations may leave no room for this one, or somebody's policy forbids it: leading matters more.
            log.warning("the Lease is written without its annotation", annotation=HIGHEST, error=error.message)
            await self._kube.patch(Kind.LEASE, self._namespace, self._name, {"spec": spec}, precondition=held)

    def _text(self) -> str:
        text, left_out = self._handover.text(room=ROOM)
        if left_out and not self._left_out:
            log.warning("the Lease has no room for the highest revision seen of every cluster", left_out=left_out)
        self._left_out = left_out
        return text

    def _take_over(self, lease: Json) -> None:
        text = (lease["metadata"].get("annotations") or {}).get(HIGHEST)
        if text is None:
            return
        try:
            self._handover.take_over(text)
        except ValueError as error:
            log.warning("an annotation of the Lease is ignored", annotation=HIGHEST, why=str(error))

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
