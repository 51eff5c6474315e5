"""The operator's side of the simulated API server: the `Kube` port, and its writes as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from etcd_operator.kube.errors import Refused, Unreachable

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json, Precondition
    from etcd_operator.resources.kinds import Kind
    from tests.simulation.kubernetes import ApiServer
    from tests.simulation.wire import Wire


class Verb(Enum):
    """What changes an object."""

    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Call:
    """A write on its way to the API server, as data: it can be delayed, lost, or delivered a second time."""

    verb: Verb
    kind: Kind
    namespace: str
    name: str
    body: Json = field(default_factory=dict)
    precondition: Precondition | None = None
    status: bool = False
    grace_seconds: int | None = None

    def __str__(self) -> str:
        return f"{self.verb.value} {self.kind.value.kind} {self.name}{self._details}"

    @property
    def _details(self) -> str:
        """What a reader of a story wants to know of it."""
        if not self.status:
            return " at once" if self.grace_seconds == 0 else ""
        said = self.body["status"]
        words = [str(part) for part in (said.get("membership"), said.get("plan", {}).get("reason")) if part]
        return f" ({'; '.join(words or said)})"

    def carry_out(self, server: ApiServer) -> Json:
        """Let it arrive. Raises what the API server answers."""
        match self.verb:
            case Verb.CREATE:
                return server.create(self.kind, self.namespace, self.body)
            case Verb.PATCH:
                return server.patch(
                    self.kind,
                    self.namespace,
                    self.name,
                    self.body,
                    precondition=self.precondition,
                    status=self.status,
                )
            case Verb.DELETE:
                server.delete(
                    self.kind,
                    self.namespace,
                    self.name,
                    precondition=self.precondition,
                    grace_seconds=self.grace_seconds,
                )
                return {}


class SimKube:
    """`Kube`, over a simulated API server."""

    def __init__(self, server: ApiServer, wire: Wire) -> None:
        self._server = server
        self._wire = wire

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """See `Kube.get`."""
        return self._view(kind).get(kind, namespace or "", name)

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Json]:
        """See `Kube.list`."""
        return self._view(kind).list(kind, namespace, labels=labels, fields=fields)

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """See `Kube.create`."""
        return self._write(Call(Verb.CREATE, kind, namespace, body["metadata"]["name"], body))

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, precondition: Precondition, status: bool = False
    ) -> Json:
        """See `Kube.patch`."""
        return self._write(Call(Verb.PATCH, kind, namespace, name, patch, precondition, status))

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, precondition: Precondition, grace_seconds: int | None = None
    ) -> None:
        """See `Kube.delete`."""
        self._write(Call(Verb.DELETE, kind, namespace, name, precondition=precondition, grace_seconds=grace_seconds))

    def _view(self, kind: Kind) -> ApiServer:
        self._wire.alive()
        if kind in self._server.forbidden:
            raise Refused(f"{kind.value.plural} is forbidden", code=403, reason="Forbidden")
        return self._wire.fate.stale.get(kind, self._server)

    def _write(self, call: Call) -> Json:
        return self._wire.send(
            call, lambda: call.carry_out(self._server), lost=lambda: Unreachable("the API server did not answer")
        )
