"""Builders of histories, and the definition of linearizability by trying every order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from e2e.chaos.operations import Operation, Outcome, Verb

_numbers = count()


def write(value: str, invoked: float, completed: float, outcome: Outcome = Outcome.OK, key: str = "k") -> Operation:
    return Operation(next(_numbers), Verb.WRITE, key, "m", invoked, completed, outcome, written=value)


def read(value: str | None, invoked: float, completed: float, key: str = "k") -> Operation:
    return Operation(next(_numbers), Verb.READ, key, "m", invoked, completed, Outcome.OK, seen=value)


def swap(
    expected: str, value: str, invoked: float, completed: float, outcome: Outcome = Outcome.OK, key: str = "k"
) -> Operation:
    """A compare-and-set that was done, unless its outcome is another."""
    return Operation(
        next(_numbers), Verb.SWAP, key, "m", invoked, completed, outcome,
        written=value, expected=expected, swapped=outcome is Outcome.OK,
    )  # fmt: skip


def refused(expected: str, value: str, seen: str | None, invoked: float, completed: float) -> Operation:
    """A compare-and-set that was not done, for it found `seen`."""
    return replace(swap(expected, value, invoked, completed), swapped=False, seen=seen)


def has_an_order(operations: Sequence[Operation]) -> bool:
    """Whether the operations of one key have a valid order, by the definition: each is tried."""
    certain = [each for each in operations if each.outcome is Outcome.OK]
    unknown = [each for each in operations if each.outcome is Outcome.UNKNOWN and each.verb is not Verb.READ]
    return any(_ordered((*certain, *chosen), None) for chosen in _subsets(unknown))


def _ordered(left: Sequence[Operation], value: str | None) -> bool:
    if not left:
        return True
    for each in left:
        others = [other for other in left if other is not each]
        if any(other.outcome is Outcome.OK and other.completed < each.invoked for other in others):
            continue
        for after in _apply(each, value):
            if _ordered(others, after):
                return True
    return False


def _apply(each: Operation, value: str | None) -> Iterator[str | None]:
    """The value after the operation, if its answer could be given at `value`."""
    match each.verb, each.outcome:
        case Verb.WRITE, _:
            yield each.written
        case Verb.READ, _:
            if each.seen == value:
                yield value
        case Verb.SWAP, Outcome.UNKNOWN:
            yield each.written if each.expected == value else value
        case Verb.SWAP, _:
            if each.swapped and each.expected == value:
                yield each.written
            if not each.swapped and each.seen == value != each.expected:
                yield value


def _subsets(operations: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    for chosen in range(1 << len(operations)):
        yield tuple(each for place, each in enumerate(operations) if chosen >> place & 1)
