"""What one application did, as values: everything that is proved afterwards is proved from these."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self


class Verb(StrEnum):
    """What was asked."""

    READ = "read"
    WRITE = "write"
    SWAP = "compare-and-set"


class Outcome(StrEnum):
    """What is known of it: `UNKNOWN` may have been done, or may be done later, or never."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on one key, with its times in seconds of the machine's monotonic clock.

    `written` is the value of a write or of a compare-and-set, `expected` the value that the latter wants to replace.
    `seen` is what an OK read found, or an OK compare-and-set that was not done (`swapped` is false then); None: no such
    key. `revision` is etcd's when the operation was done, `mod_revision` that of the value seen; both only if it is OK.
    """

    number: int
    verb: Verb
    key: str
    member: str
    invoked: float
    completed: float
    outcome: Outcome
    written: str | None = None
    expected: str | None = None
    swapped: bool = False
    seen: str | None = None
    revision: int = 0
    mod_revision: int = 0
    error: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether it changed its key, and etcd said so."""
        return self.outcome is Outcome.OK and (self.verb is Verb.WRITE or self.swapped)

    @property
    def reads(self) -> bool:
        """Whether it told the value of its key: an OK read, or an OK compare-and-set that was not done."""
        return self.outcome is Outcome.OK and not self.acknowledged

    def line(self) -> str:
        """The operation as a line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Self:
        """The operation that `line` wrote."""
        told: dict[str, Any] = json.loads(line)
        return cls(**{**told, "verb": Verb(told["verb"]), "outcome": Outcome(told["outcome"])})

    def __str__(self) -> str:
        match self.verb:
            case Verb.READ:
                what = f"read {self.key}"
            case Verb.WRITE:
                what = f"write {self.key} = {self.written}"
            case Verb.SWAP:
                what = f"compare-and-set {self.key}: {self.expected} -> {self.written}"
        return f"#{self.number} {what}: {self._answer()} ({self.invoked:.6f} to {self.completed:.6f}, {self.member})"

    def _answer(self) -> str:
        if self.outcome is not Outcome.OK:
            return f"{self.outcome}, {self.error}"
        return f"done at revision {self.revision}" if self.acknowledged else f"saw {self.seen} of {self.mod_revision}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, in words, and the operations that show it."""

    promise: str
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without an acknowledged write; moments of the monotonic clock, in seconds."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


def gaps(operations: Iterable[Operation]) -> Sequence[Gap]:
    """Return the times between acknowledgements of writes that follow each other, in their order."""
    moments = sorted(each.completed for each in operations if each.acknowledged)
    return [Gap(earlier, later) for earlier, later in pairwise(moments)]
