"""Proves that etcd's revisions never ran backwards: what linearizability of each key alone cannot show.

A revision counts the changes of the whole store, so all keys share one order. Whoever answers with an older revision
than an operation that was completed before has forgotten something, whatever key it is about. A store that began anew
beside the first one shows itself so, also where no key betrays it.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

from e2e.chaos.operations import Operation, Outcome, Violation


def violations(history: Iterable[Operation]) -> tuple[Violation, ...]:
    """Return at most one violation of each of the rules that OK operations must keep.

    - No two acknowledged writes have one revision.
    - A value is found with the revision with which its write was acknowledged, always the same.
    - An operation that was invoked after another was completed has no older revision, and a write has a newer one.
    """
    done = sorted((each for each in history if each.outcome is Outcome.OK), key=lambda each: each.invoked)
    rules = (_written_once(done), _found_as_written(done), _forwards(done))
    return tuple(found for rule in rules for found in _first(rule))


def _first(found: Iterator[Violation]) -> Iterator[Violation]:
    for violation in found:
        yield violation
        return


def _written_once(done: Sequence[Operation]) -> Iterator[Violation]:
    seen: dict[int, Operation] = {}
    for each in done:
        if each.acknowledged:
            other = seen.setdefault(each.revision, each)
            if other is not each:
                yield Violation(f"two writes were acknowledged at revision {each.revision}", (other, each))


def _found_as_written(done: Sequence[Operation]) -> Iterator[Violation]:
    known: dict[tuple[str, str | None], tuple[int, Operation]] = {(each.key, None): (0, each) for each in done}
    known |= {(each.key, each.written): (each.revision, each) for each in done if each.acknowledged}
    for each in done:
        if each.reads:
            revision, witness = known.setdefault((each.key, each.seen), (each.mod_revision, each))
            if revision != each.mod_revision:
                yield Violation(
                    f"{each.seen} is of revision {revision}, and was found as of {each.mod_revision}", (witness, each)
                )


def _forwards(done: Sequence[Operation]) -> Iterator[Violation]:
    under_way: list[tuple[float, int, Operation]] = []
    newest: Operation | None = None
    for each in done:
        while under_way and under_way[0][0] < each.invoked:
            ended = heappop(under_way)[2]
            newest = ended if newest is None or ended.revision > newest.revision else newest
        if newest is not None and each.revision < newest.revision + each.acknowledged:
            words = f"revision {newest.revision} was answered, and {each.revision} to an operation that began later"
            yield Violation(words, (newest, each))
        heappush(under_way, (each.completed, each.number, each))
