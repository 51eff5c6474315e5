"""Proves that the status never lied: what it says of etcd is held against what etcd itself answers.

The two are never asked at the same moment, and an operator needs some seconds to see what has happened. So a single
comparison proves nothing. It is a lie when every comparison finds the same contradiction for longer than `WITHIN`, and
one operator led and reached the API server all that time. Then it stood in the status, and was untrue, throughout.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from e2e.chaos.operations import Violation

WITHIN = 10.0
"""Seconds after which the status must not contradict etcd any more."""

RENEWED_WITHIN = 4.0
"""Seconds within which an operator that works is seen to renew its Lease again: it does so every two.

One that paused for longer is not held to account for that time: its process stood still, or nobody answered it. Nor is
it for a time of that length in which nobody looked.
"""

Span = tuple[float, float]
"""A time, from one moment to another."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What of the status contradicted etcd's answers at a moment; moments are in seconds of the monotonic clock.

    The status was read after `began`, and what contradicts it was so at `found` at the latest. `leader` is the process
    that holds the Lease of the operators, "" for none and when the API server did not answer; `renewal` is a text that
    changes with each renewal of the Lease.
    """

    began: float
    found: float
    leader: str = ""
    renewal: str = ""
    contradictions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lasting:
    """A contradiction, since when it stood, and for how many seconds certainly."""

    contradiction: str
    since: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many comparisons counted, and for how long contradictions lasted: each at its longest, the longest first."""

    compared: int
    lasting: tuple[Lasting, ...] = ()

    @property
    def longest(self) -> float:
        """Seconds that the longest contradiction lasted."""
        return max((each.seconds for each in self.lasting), default=0.0)

    @property
    def lies(self) -> tuple[Violation, ...]:
        """What the status said for too long although etcd answered otherwise."""
        return tuple(
            Violation(f"the status lied for {each.seconds:.1f} s, from {each.since:.3f} on: {each.contradiction}")
            for each in self.lasting
            if each.seconds > WITHIN
        )


def judge(comparisons: Iterable[Comparison], unfair: Sequence[Span] = ()) -> Verdict:
    """Say how long each contradiction stood in a status for which an operator can be held to account.

    Time counts from the first comparison that shows a contradiction to the last that does, as long as all between show
    it and one process leads. A comparison in an `unfair` time, in which the operator may not reach whom we reach, or
    the reverse, shows nothing and interrupts.
    """
    longest: dict[str, Lasting] = {}
    compared = 0
    for reign in _reigns(sorted(comparisons, key=lambda comparison: comparison.began)):
        since: dict[str, float] = {}
        for each in reign:
            fair = not any(begin <= each.found and each.began <= end for begin, end in unfair)
            compared += fair
            since = {words: since.get(words, each.found) for words in each.contradictions} if fair else {}
            for words, begin in since.items():
                seconds = max(each.began - begin, 0.0)
                if words not in longest or seconds > longest[words].seconds:
                    longest[words] = Lasting(words, begin, seconds)
    return Verdict(compared, tuple(sorted(longest.values(), key=lambda lasting: -lasting.seconds)))


def _reigns(ordered: Iterable[Comparison]) -> Iterator[Sequence[Comparison]]:
    """Those comparisons during which one process led without a pause, for each time that one did.

    That it leads is known from a renewal on, up to the last comparison before another one: the Lease of one that was
    killed, or that nobody answered for a while, stands on.
    """
    reign: list[Comparison] = []
    led, heard, renewal = 0, 0.0, ("", "")
    last: Comparison | None = None
    for each in ordered:
        renewed = bool(each.leader) and (each.leader, each.renewal) != renewal
        if last is None or each.leader != last.leader or each.began - heard > RENEWED_WITHIN:
            yield reign[:led]
            reign, led = [], 0
        elif renewed:
            led = len(reign)
        if renewed:
            heard, renewal = each.began, (each.leader, each.renewal)
        if each.leader:
            reign.append(each)
        last = each
    yield reign[:led]
