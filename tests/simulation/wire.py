"""The operator's line to everything outside it, and everything that can go wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from etcd_operator.resources.kinds import Kind
    from tests.simulation.changes import Change
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer
    from tests.simulation.port import Call

Answer = TypeVar("Answer")


class Crashed(Exception):  # noqa: N818 - not an error of the operator: its end
    """The operator's process has ended. Nothing that it meant to do after this is done."""


class Mishap(Enum):
    """What befalls one write or change."""

    CRASH = "the operator ends when it is committed"
    LOST_REPLY = "its reply is lost"
    LOST_CALL = "it never arrives"


@dataclass(frozen=True, slots=True)
class Fate:
    """What one pass of the operator meets: a mishap at its call number `at`, and reads of what was true before.

    `stale` maps a kind to the server as it was. `past` is etcd as it was: members tell that of themselves, while the
    member list is a quorum's and never stale, unless the whole pass is `frozen`: the operator has looked, was stopped,
    and acts now on what it saw then. The empty fate is an ordinary pass.
    """

    at: int | None = None
    mishap: Mishap | None = None
    stale: Mapping[Kind, ApiServer] = field(default_factory=dict)
    past: Etcd | None = None
    frozen: bool = False

    def of(self, number: int) -> Mishap | None:
        """What befalls the call with this number, counted from 0."""
        return self.mishap if number == self.at else None


@dataclass(slots=True)
class Wire:
    """Carries writes to the API server and changes to etcd, in their order. `on_send` is told just before each."""

    fate: Fate
    on_send: Callable[[Call | Change], None]
    sent: list[Call | Change] = field(default_factory=list)
    _dead: bool = False

    def alive(self) -> None:
        """Raises Crashed once the operator has."""
        if self._dead:
            raise Crashed

    def send(self, call: Call | Change, carry_out: Callable[[], Answer], *, lost: Callable[[], Exception]) -> Answer:
        """Let a call meet its fate; raises what the other side answers, `lost` without an answer, or Crashed."""
        self.alive()
        mishap = self.fate.of(len(self.sent))
        self.sent.append(call)
        if mishap is Mishap.LOST_CALL:
            raise lost()
        self.on_send(call)
        try:
            answer = carry_out()
        finally:
            self._dead = mishap is Mishap.CRASH
        if mishap is Mishap.CRASH:
            raise Crashed
        if mishap is Mishap.LOST_REPLY:
            raise lost()
        return answer
