"""The seam between the operator and Kubernetes, with one real adapter (client.py) and a simulated one in the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from etcd_operator.resources.kinds import Kind

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must still be true of an object when the server carries a call out; else it answers Conflict."""

    uid: str
    resource_version: str | None = None


class Kube(Protocol):
    """Kubernetes as the operator uses it. Objects are decoded JSON; every call has a deadline of its own.

    All calls raise the errors of `kube.errors`.
    """

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """Read one object, never from a stale cache; `namespace` is None for a kind that has none.

        Raises NotFound when the server knows that it is not there.
        """

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Json]:
        """Read all objects that match both selectors, never from a stale cache; all namespaces for None."""

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create `body`; returns it as stored. Raises AlreadyExists when the name is taken."""

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, precondition: Precondition, status: bool = False
    ) -> Json:
        """Merge `patch` into the object (RFC 7396), or into its status subresource; returns it as stored.

        `precondition` must have a resourceVersion, else ValueError is raised.
        """

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, precondition: Precondition, grace_seconds: int | None = None
    ) -> None:
        """Ask for the deletion; the object may stay for its finalizers. Raises NotFound when it is gone already."""
