"""The order of etcd's revisions, over all keys."""

from dataclasses import replace

import pytest

from e2e.chaos.operations import Operation, Outcome
from e2e.chaos.revisions import violations
from tests.unit.chaos.histories import read, refused, write


def at(operation: Operation, revision: int, mod_revision: int = 0) -> Operation:
    """The operation, done at `revision`; a write is found there, too."""
    found = revision if operation.acknowledged else mod_revision
    return replace(operation, revision=revision, mod_revision=found)


def test_a_history_whose_revisions_only_grow_is_accepted() -> None:
    history = [
        at(read(None, 0, 1), 1),
        at(write("a", 2, 3), 2),
        at(read("a", 4, 5), 2, 2),
        at(refused("z", "b", "a", 6, 7), 2, 2),
        at(write("c", 8, 20, key="other"), 4),
        at(write("d", 9, 10), 3),
        write("u", 11, 12, Outcome.UNKNOWN),
        at(read("u", 13, 14), 5, 5),
        at(read("u", 21, 22), 5, 5),
    ]
    assert violations(history) == ()


def test_operations_at_the_same_time_may_have_any_order() -> None:
    assert violations([at(write("a", 0, 9), 3), at(write("b", 1, 9), 2), at(read("a", 2, 9), 3, 3)]) == ()


BROKEN = {
    "two writes at one revision": ([at(write("a", 0, 9), 2), at(write("b", 0, 9), 2)], "two writes"),
    "a write at an older revision than an answer before": (
        [at(read("x", 0, 1, key="other"), 7, 5), at(write("a", 2, 3), 6)], "revision 7 was answered, and 6",
    ),
    "a write at the revision of an answer before": (
        [at(read("x", 0, 1, key="other"), 7, 5), at(write("a", 2, 3), 7)], "revision 7 was answered, and 7",
    ),
    "a read of an older store": (
        [at(write("a", 0, 1), 8), at(read(None, 2, 3, key="other"), 3)], "revision 8 was answered, and 3",
    ),
    "a value of another revision than promised": (
        [at(write("a", 0, 1), 8), at(read("a", 2, 3), 9, 7)], "a is of revision 8, and was found as of 7",
    ),
    "a value that is found at two revisions": (
        [write("u", 0, 1, Outcome.UNKNOWN), at(read("u", 2, 3), 9, 7), at(read("u", 4, 5), 9, 8)], "found as of 8",
    ),
    "an absent key with a revision": ([at(read(None, 2, 3), 9, 7)], "None is of revision 0"),
}  # fmt: skip


@pytest.mark.parametrize(("history", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_revision_that_contradicts_another_is_told_with_both(history: list[Operation], words: str) -> None:
    (found,) = violations(history)
    assert words in found.promise
    assert set(found.operations) <= set(history)
