"""What a continuous writer lived through: pure values, so that gaps and failures can be counted in a test."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Self

from e2e.bench.results import NotMeasuredError


@dataclass(frozen=True, slots=True)
class Write:
    """One write: when it was sent and acknowledged, in seconds of the machine's monotonic clock.

    `acknowledged` is None when no answer came in time or the answer was no; `error` says which.
    """

    number: int
    sent: float
    acknowledged: float | None
    error: str = ""

    def line(self) -> str:
        """The write as a line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class History:
    """All writes of a writer, by number."""

    writes: tuple[Write, ...]

    @classmethod
    def read(cls, lines: Iterable[str]) -> Self:
        """The history of what `Write.line` wrote, in whatever order."""
        return cls(tuple(sorted((Write(**json.loads(line)) for line in lines), key=lambda write: write.number)))

    def between(self, start: float, end: float) -> Self:
        """What was sent from one moment of the monotonic clock until another, in seconds."""
        return type(self)(tuple(write for write in self.writes if start <= write.sent < end))

    def failed(self) -> int:
        """How many writes were not acknowledged within their deadline."""
        return sum(write.acknowledged is None for write in self.writes)

    def failures(self, *, since: float) -> list[str]:
        """The failed writes in words, with the seconds from `since` until they were sent."""
        failed = (write for write in self.writes if write.acknowledged is None)
        return [f"{write.sent - since:+.2f} s: {write.error}" for write in failed]

    def longest_gap_ms(self) -> float:
        """The longest time between two acknowledgements that follow each other, in ms.

        Raises NotMeasuredError when fewer than two writes were acknowledged.
        """
        earlier, later = self._longest_gap()
        return round((later - earlier) * 1000, 1)

    def longest_gap_began(self) -> float:
        """The moment of the acknowledgement before that gap, in seconds of the monotonic clock."""
        return self._longest_gap()[0]

    def _longest_gap(self) -> tuple[float, float]:
        moments = sorted(write.acknowledged for write in self.writes if write.acknowledged is not None)
        if len(moments) < 2:
            last = self.writes[-1].error if self.writes else "the writer ended before it began"
            raise NotMeasuredError(f"{len(moments)} of {len(self.writes)} writes were acknowledged: {last}")
        return max(pairwise(moments), key=lambda pair: pair[1] - pair[0])
