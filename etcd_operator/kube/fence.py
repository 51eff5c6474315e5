"""Nothing is written by a replica that may no longer lead.

A Lease does not fence by itself: a call in flight is made harmless by its preconditions. What can be guaranteed is that
no call *starts* unless the Lease outlasts it, also when the process was frozen for minutes between two lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json, Kube, Precondition
    from etcd_operator.resources.kinds import Kind


class NotLeading(KubeError):  # noqa: N818 - the field's word for it
    """The time left on the Lease is shorter than the call may take: the call was not started."""


class FencedKube:
    """`inner`, but no write starts unless `remaining()`, in seconds, exceeds the `deadline` of a call."""

    def __init__(self, inner: Kube, *, remaining: Callable[[], float], deadline: float) -> None:
        self._inner = inner
        self._remaining = remaining
        self._deadline = deadline

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """See `Kube.get`."""
        return await self._inner.get(kind, namespace, name)

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Json]:
        """See `Kube.list`."""
        return await self._inner.list(kind, namespace, labels=labels, fields=fields)

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """See `Kube.create`. Raises NotLeading."""
        self._check()
        return await self._inner.create(kind, namespace, body)

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, precondition: Precondition, status: bool = False
    ) -> Json:
        """See `Kube.patch`. Raises NotLeading."""
        self._check()
        return await self._inner.patch(kind, namespace, name, patch, precondition=precondition, status=status)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, precondition: Precondition, grace_seconds: int | None = None
    ) -> None:
        """See `Kube.delete`. Raises NotLeading."""
        self._check()
        await self._inner.delete(kind, namespace, name, precondition=precondition, grace_seconds=grace_seconds)

    def _check(self) -> None:
        left = self._remaining()
        if left <= self._deadline:
            raise NotLeading(f"the Lease has {left:.1f} s left and a call may take {self._deadline:.1f} s")
