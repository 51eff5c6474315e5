"""Proves that a history of reads, writes and compare-and-sets of registers, each value written once, is linearizable.

The question. Each key is a register that begins as None. A history is linearizable if its operations can be put in one
order in which each read finds the last value written before it, each compare-and-set that was done replaces exactly the
value it expected, and an operation that was completed before another was invoked stands before it ("real time").
An operation whose outcome is unknown may be left out, or stand anywhere after its invocation: it counts as completed
at infinity. One that failed for certain is left out. Keys are independent of each other (linearizability is local:
Herlihy and Wing 1990, theorem 1), so each is checked alone.

Who is left out. Reads without an answer say nothing. A write of unknown outcome whose value nobody saw, neither a read
nor a compare-and-set that took effect, is left out without loss: taken out of a valid order it leaves a valid order,
since nothing between it and the next write read anything. All others took effect, and so did the writer of each
value that one of them replaced.

Chains. Values are unique, so it is known which write each read saw. In a valid order the reads of a value stand between
its write and the next write, and the compare-and-set that replaced it *is* the next write. A write, the reads of its
value, the compare-and-set that replaced this value, the reads of that one's value, and so on until no compare-and-set
follows: this is a chain. In every valid order a chain stands together, with its links (a write and its reads) in their
sequence. Two compare-and-sets that replaced one value, or a chain without a first plain write, have no valid order.

Between chains. Let `end(C)` be the earliest completion in chain C and `start(C)` the latest invocation. If end(C) <
start(D), an operation of C precedes one of D in real time, so C stands before D. Write this C -> D.
- If C -> D and D -> C, there is no valid order.
- If no two chains are such a pair, the relation has no cycle at all. For assume one, and let C be the chain in it with
  the smallest end, B its predecessor, and A the predecessor of B, which is not C, as the cycle is longer than two. Then
  end(C) <= end(A) < start(B), so C -> B, while B -> C: such a pair after all.

Sufficient. Let no link contain an operation that was completed before one of an earlier link (or the write of its own
link) was invoked, and let the relation have no cycle. Order the chains by it, links in their sequence, the write of a
link first, its reads by invocation. Each read then finds its value, and each compare-and-set what it expected. Real
time holds as well: let y stand after x and have been completed before x was invoked. In one link both would be reads
in the order of invocation, and y's invocation, hence its completion, would not be before x's; in one chain the
assumption excludes it; in chains D of y and C of x, end(D) <= completed(y) < invoked(x) <= start(C), so D -> C although
D stands after C. None is possible. So the tests below are necessary and sufficient.

The pairs are found in n log n: D forms one with C if end(C) < start(D) and start(C) > end(D); among all C with
end(C) < start(D), which are a prefix of the chains sorted by end, only the one with the latest start need be looked at,
or the second latest, if the latest is D itself.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from e2e.chaos.operations import Operation, Outcome, Verb, Violation

_BEGINNING = Operation(-1, Verb.WRITE, "", "", -inf, -inf, Outcome.OK)
"""The write of None, before everything."""


class _BrokenError(Exception):
    def __init__(self, promise: str, *operations: Operation) -> None:
        super().__init__(promise)
        self.violation = Violation(promise, tuple(each for each in operations if each is not _BEGINNING))


@dataclass(frozen=True, slots=True)
class _Chain:
    """The operation that was completed first, and the one that was invoked last."""

    ended: Operation
    started: Operation

    @property
    def end(self) -> float:
        return _completed(self.ended)

    @property
    def start(self) -> float:
        return self.started.invoked


def violations(history: Iterable[Operation]) -> tuple[Violation, ...]:
    """Return for each key whose operations are not linearizable the first reason that was found, by key.

    `history` has all operations that wrote a value that may have been read, each value once in its key. Raises
    ValueError when one is there twice: then nothing can be proved.
    """
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for each in history:
        by_key[each.key].append(each)
    found = []
    for _, operations in sorted(by_key.items()):
        try:
            _check(operations)
        except _BrokenError as broken:
            found.append(broken.violation)
    return tuple(found)


def _check(operations: Sequence[Operation]) -> None:
    writers = _writers(operations)
    readers: dict[str | None, list[Operation]] = defaultdict(list)
    for each in operations:
        if each.reads:
            if each.verb is Verb.SWAP and each.seen == each.expected:
                raise _BrokenError("a compare-and-set was refused although it found what it expected", each)
            readers[each.seen].append(each)
    effective = _effective(writers, readers)
    chains = tuple(_chains(effective, readers))
    _compare(chains)


def _writers(operations: Iterable[Operation]) -> dict[str | None, Operation]:
    writers: dict[str | None, Operation] = {None: _BEGINNING}
    for each in operations:
        if each.verb is Verb.READ:
            continue
        if each.written in writers:
            raise ValueError(f"{each.written} was written twice: {writers[each.written]} and {each}")
        writers[each.written] = each
    return writers


def _effective(
    writers: Mapping[str | None, Operation], readers: Mapping[str | None, Sequence[Operation]]
) -> dict[str | None, Operation]:
    """The writes that took effect, by value: the acknowledged ones, and those whose value somebody found."""
    found: dict[str | None, Operation] = {None: _BEGINNING}
    seen: list[tuple[str | None, Operation]] = [(value, each[0]) for value, each in readers.items()]
    seen += [(value, write) for value, write in writers.items() if write.acknowledged]
    while seen:
        value, witness = seen.pop()
        if value in found:
            continue
        if value not in writers:
            raise _BrokenError(f"{value} was found, which nobody wrote", witness)
        write = writers[value]
        if write.outcome is Outcome.FAILED or (write.outcome is Outcome.OK and not write.acknowledged):
            raise _BrokenError(f"{value} was found, though its write was not done", write, witness)
        found[value] = write
        if write.verb is Verb.SWAP:
            seen.append((write.expected, write))
    return found


def _chains(
    effective: Mapping[str | None, Operation], readers: Mapping[str | None, Sequence[Operation]]
) -> Iterator[_Chain]:
    following: dict[str | None, str | None] = {}
    for value, write in effective.items():
        if write.verb is not Verb.SWAP:
            continue
        if write.expected in following:
            other = effective[following[write.expected]]
            raise _BrokenError(f"two compare-and-sets both replaced {write.expected}", other, write)
        following[write.expected] = value
    left = dict(effective)
    for first, write in effective.items():
        if write.verb is not Verb.SWAP:
            links = []
            value = first
            while True:
                links.append((left.pop(value), readers.get(value, ())))
                if value not in following:
                    break
                value = following[value]
            yield _chain(links)
    if left:
        raise _BrokenError("compare-and-sets replaced each other's values in a circle", *left.values())


def _chain(links: Sequence[tuple[Operation, Sequence[Operation]]]) -> _Chain:
    started = ended = links[0][0]
    for write, reads in links:
        for group in ((write,), reads):
            for each in group:
                if _completed(each) < started.invoked:
                    raise _BrokenError("an operation found or replaced a value before it was written", started, each)
            started = max((started, *group), key=lambda each: each.invoked)
            ended = min((ended, *group), key=_completed)
    return _Chain(ended, started)


def _compare(chains: Sequence[_Chain]) -> None:
    by_end = sorted(chains, key=lambda chain: chain.end)
    ends = [chain.end for chain in by_end]
    latest: list[tuple[_Chain, ...]] = [()]
    for chain in by_end:
        latest.append(tuple(sorted((*latest[-1], chain), key=lambda each: each.start, reverse=True)[:2]))
    for one in chains:
        for other in latest[bisect_left(ends, one.start)]:
            if other is not one and other.start > one.end:
                raise _BrokenError(
                    "the register went back to a value that had been replaced, or an acknowledged write was lost",
                    *sorted({one.ended, one.started, other.ended, other.started}, key=lambda each: each.invoked),
                )


def _completed(operation: Operation) -> float:
    return operation.completed if operation.outcome is Outcome.OK else inf
