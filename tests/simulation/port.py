"""The operator's side of the simulated API server: the `Kube` port, and everything that can go wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from etcd_operator.kube.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from etcd_operator.kube.port import Json, Precondition
    from etcd_operator.resources.kinds import Kind
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer


class Crashed(Exception):  # noqa: N818 - not an error of the operator: its end
    """The operator's process has ended. Nothing that it meant to do after this is done."""


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
        return f"{self.verb.value} {self.kind.value.kind} {self.name}{' (status)' if self.status else ''}"

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


class Mishap(Enum):
    """What befalls one write."""

    CRASH = "the operator ends when it is committed"
    LOST_REPLY = "its reply is lost"
    LOST_CALL = "it never arrives"


@dataclass(frozen=True, slots=True)
class Fate:
    """What one pass of the operator meets: a mishap at its write number `at`, and reads of `stale` kinds from a past.

    `stale` maps a kind to the server as it was, and `stale_etcd` is etcd as it was; the empty fate is an ordinary pass.
    """

    at: int | None = None
    mishap: Mishap | None = None
    stale: Mapping[Kind, ApiServer] = field(default_factory=dict)
    stale_etcd: Etcd | None = None

    def of(self, number: int) -> Mishap | None:
        """What befalls the write with this number, counted from 0."""
        return self.mishap if number == self.at else None


class SimKube:
    """`Kube`, over a simulated API server. `on_write(call)` is told of each write just before it is carried out."""

    def __init__(self, server: ApiServer, *, fate: Fate, on_write: Callable[[Call], None]) -> None:
        self._server = server
        self._fate = fate
        self._on_write = on_write
        self._dead = False
        self.calls: list[Call] = []

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """See `Kube.get`."""
        return self._view(kind).get(kind, namespace, name)

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

    def alive(self) -> None:
        """Raises Crashed once the operator has."""
        if self._dead:
            raise Crashed

    def _view(self, kind: Kind) -> ApiServer:
        self.alive()
        return self._fate.stale.get(kind, self._server)

    def _write(self, call: Call) -> Json:
        self.alive()
        mishap = self._fate.of(len(self.calls))
        self.calls.append(call)
        if mishap is Mishap.LOST_CALL:
            raise Unreachable("the API server did not answer")
        self._on_write(call)
        try:
            answer = call.carry_out(self._server)
        finally:
            self._dead = mishap is Mishap.CRASH
        if mishap is Mishap.CRASH:
            raise Crashed
        if mishap is Mishap.LOST_REPLY:
            raise Unreachable("the API server did not answer")
        return answer
