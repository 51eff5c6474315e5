"""A guard that is not found where it was, or whose absence changes nothing, must not pass for one that was tried."""

from __future__ import annotations

import pytest

from tests.mutants.mutation import Mutation, mutated

SOURCE = "def may(voters):\n    return voters > 1 and voters < 8\n"


def without(right: str, wrong: str) -> str:
    return mutated(SOURCE, Mutation("plan/may.py", "the last one stays", right, wrong))


def test_the_guard_is_replaced_and_nothing_else() -> None:
    assert without("voters > 1 and ", "") == "def may(voters):\n    return voters < 8\n"


def test_a_guard_that_is_gone_is_told_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"plan/may\.py, \"the last one stays\": .* 0 times"):
        without("voters > 2", "")


def test_a_guard_that_is_there_twice_is_told() -> None:
    with pytest.raises(ValueError, match="2 times, not once"):
        without("voters ", "members ")


def test_a_change_that_leaves_no_program_is_told() -> None:
    with pytest.raises(ValueError, match="no program is left"):
        without("voters > 1 and ", "and ")


def test_a_change_that_changes_nothing_is_told() -> None:
    with pytest.raises(ValueError, match="stays the same"):
        without("voters > 1", "(voters > 1)")
