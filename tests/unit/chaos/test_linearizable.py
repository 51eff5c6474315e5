"""The proof of linearizability: against histories made by hand, and against the definition itself."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.chaos.linearizable import violations
from e2e.chaos.operations import Operation, Outcome
from tests.unit.chaos.histories import has_an_order, read, refused, swap, write

APART = "keys do not know each other"

GOOD = {
    "one after the other": [write("a", 0, 1), read("a", 2, 3), write("b", 4, 5), read("b", 6, 7)],
    "a key that is not there yet": [read(None, 0, 1), write("a", 0.5, 3), read(None, 0.6, 2)],
    "a read beside a write may see it or not": [write("a", 0, 9), read(None, 1, 2), read("a", 3, 4)],
    "two writes at a time in either order": [write("a", 0, 9), write("b", 0, 9), read("b", 1, 2), read("a", 3, 4)],
    "a write that was given up is done later": [
        write("a", 0, 1), write("u", 2, 3, Outcome.UNKNOWN), read("a", 4, 5), read("u", 6, 7),
    ],
    "a write that was given up is never done": [write("u", 0, 1, Outcome.UNKNOWN), read(None, 2, 3)],
    "a write that failed is not done": [write("f", 0, 1, Outcome.FAILED), read(None, 2, 3)],
    "swaps follow each other": [write("a", 0, 1), swap("a", "b", 2, 3), swap("b", "c", 4, 5), read("c", 6, 7)],
    "a swap is refused with what is there": [write("a", 0, 1), refused("z", "b", "a", 2, 3), read("a", 4, 5)],
    "a swap of which only its successor is known": [
        write("a", 0, 1), swap("a", "b", 2, 3, Outcome.UNKNOWN), swap("b", "c", 2.5, 6), read("c", 7, 8),
    ],
    "a swap may be given up and fail": [write("a", 0, 1), swap("x", "b", 2, 3, Outcome.UNKNOWN), read("a", 4, 5)],
    APART: [write("a", 0, 1, key="x"), read(None, 2, 3, key="y")],
    "moments that touch are at the same time": [write("a", 0, 1), read(None, 1, 2)],
}  # fmt: skip

BAD = {
    "a lost write": ([write("a", 0, 1), read(None, 2, 3)], "lost"),
    "a lost write among others": ([write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)], "lost"),
    "a value that comes back": (
        [write("a", 0, 1), write("b", 0, 9), read("b", 2, 3), read("a", 4, 5), read("b", 6, 7)], "went back",
    ),
    "a read from the future": ([read("a", 0, 1), write("a", 2, 3)], "before it was written"),
    "a value from nowhere": ([write("a", 0, 1), read("z", 2, 3)], "nobody wrote"),
    "a failed write that was done": ([write("f", 0, 1, Outcome.FAILED), read("f", 2, 3)], "not done"),
    "a refused swap that was done": (
        [write("a", 0, 1), refused("z", "b", "a", 2, 3), read("b", 4, 5)], "not done",
    ),
    "two swaps of one value": (
        [write("a", 0, 1), swap("a", "b", 2, 3), swap("a", "c", 2, 3)], "both replaced",
    ),
    "a write between a value and its swap": (
        [write("a", 0, 1), write("b", 2, 3), swap("a", "c", 4, 5)], "lost",
    ),
    "a swap refused with what it expected": (
        [write("a", 0, 1), refused("a", "b", "a", 2, 3)], "found what it expected",
    ),
    "a swap of a value that nobody wrote": ([swap("z", "a", 0, 1)], "nobody wrote"),
    "swaps in a circle": ([swap("b", "a", 0, 9), swap("a", "b", 0, 9)], "circle"),
    "a read of a replaced value within a chain": (
        [write("a", 0, 1), swap("a", "b", 2, 3), read("a", 4, 5)], "before it was written",
    ),
    "two old readers who disagree": (
        [write("a", 0, 9), write("b", 0, 9), read("a", 1, 2), read("b", 3, 4), read("a", 5, 6)], "went back",
    ),
}  # fmt: skip


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_a_history_that_has_an_order_is_accepted(history: list[Operation]) -> None:
    assert violations(history) == ()


@pytest.mark.parametrize(("history", "words"), BAD.values(), ids=BAD.keys())
def test_a_history_that_has_none_is_refused_with_the_evidence(history: list[Operation], words: str) -> None:
    (found,) = violations(history)
    assert words in found.promise
    assert found.operations
    assert set(found.operations) <= set(history)


def test_the_definition_says_the_same_of_these_histories() -> None:
    assert [name for name, history in GOOD.items() if name != APART and not has_an_order(history)] == []
    assert [name for name, (history, _) in BAD.items() if has_an_order(history)] == []


def test_each_broken_key_is_told() -> None:
    history = [
        write("a", 0, 1, key="x"),
        read(None, 2, 3, key="x"),
        write("a", 0, 1, key="y"),
        read(None, 2, 3, key="y"),
    ]
    assert len(violations(history)) == 2


def test_a_value_that_was_written_twice_proves_nothing() -> None:
    with pytest.raises(ValueError, match="a was written twice"):
        violations([write("a", 0, 1), write("a", 2, 3)])


VALUES = ("a", "b", "c", "d", "e", "f")
MOMENTS = st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Up to seven operations with any times and any answers; each value is written at most once."""
    found: list[Operation] = []
    for value in VALUES[: draw(st.integers(1, len(VALUES)))]:
        invoked, completed = draw(MOMENTS)
        other = draw(st.sampled_from(VALUES[:4]))
        outcome = draw(st.sampled_from((Outcome.OK, Outcome.OK, Outcome.UNKNOWN, Outcome.FAILED)))
        match draw(st.sampled_from("wwrrrsx")):
            case "w":
                found.append(write(value, invoked, completed, outcome))
            case "r":
                found.append(read(draw(st.sampled_from((None, *VALUES[:4]))), invoked, completed))
            case "s":
                found.append(swap(other, value, invoked, completed, outcome))
            case "x":
                seen = draw(st.sampled_from((None, *VALUES[:4])))
                found.append(refused(other, value, seen, invoked, completed))
    return found


@settings(max_examples=600, deadline=None)
@given(histories())
def test_the_proof_agrees_with_the_definition(history: list[Operation]) -> None:
    assert (violations(history) == ()) == has_an_order(history)


def executed(seed: int, *, length: int) -> list[Operation]:
    """A history that a register really could have: each operation is done at a moment within its times."""
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    value: str | None = None
    found: list[Operation] = []
    for moment in range(length):
        invoked, completed = moment - chance.uniform(0, 4), moment + chance.uniform(0, 4)
        match chance.choice(("read", "write", "swap", "lost write")):
            case "read":
                found.append(read(value, invoked, completed))
                continue
            case "swap" if value is not None:
                found.append(swap(value, f"v{moment}", invoked, completed))
            case "lost write":
                found.append(write(f"v{moment}", invoked, completed, Outcome.UNKNOWN))
                if chance.random() < 0.5:
                    continue
            case _:
                found.append(write(f"v{moment}", invoked, completed))
        value = f"v{moment}"
    return found


@settings(max_examples=100, deadline=None)
@given(st.integers())
def test_what_a_register_did_is_always_accepted(seed: int) -> None:
    assert violations(executed(seed, length=60)) == ()


@settings(max_examples=150, deadline=None)
@given(st.integers(), st.data())
def test_a_read_that_is_changed_is_judged_as_by_the_definition(seed: int, data: st.DataObject) -> None:
    history = executed(seed, length=9)
    reads = [place for place, each in enumerate(history) if each.reads]
    values = [each.written for each in history if each.written is not None]
    if reads and values:
        place, value = data.draw(st.sampled_from(reads)), data.draw(st.sampled_from(values))
        history[place] = read(value, history[place].invoked, history[place].completed)
    assert (violations(history) == ()) == has_an_order(history)


def test_a_long_history_is_judged_in_seconds() -> None:
    history = executed(1, length=10_000)
    assert violations(history) == ()
    last = max(each.completed for each in history)
    old = next(each for each in history if each.acknowledged)
    assert violations([*history, read(old.written, last + 1, last + 2)])
