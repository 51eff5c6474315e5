"""The list of guards cannot rot: each is found in the source, once, and the operator without it is another program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import guards
from tests.mutants.mutation import Mutation, mutated

PACKAGE = Path(__file__).parents[3] / "etcd_operator"

DECIDES_NOTHING = {"__init__.py", "model.py"}


@pytest.mark.parametrize("mutation", guards.ALL, ids=lambda mutation: f"{mutation.module}: {mutation.guard}")
def test_a_guard_stands_where_it_is_looked_for(mutation: Mutation) -> None:
    mutated((PACKAGE / mutation.module).read_text(), mutation)


def test_every_module_that_decides_has_guards_in_the_list() -> None:
    modules = {f"plan/{path.name}" for path in (PACKAGE / "plan").glob("*.py") if path.name not in DECIDES_NOTHING}
    assert modules - {mutation.module for mutation in guards.ALL} == set()


def test_no_two_mutations_are_the_same() -> None:
    changes = [(mutation.module, mutation.right, mutation.wrong) for mutation in guards.ALL]
    assert len(changes) == len(set(changes))


def test_no_two_guards_of_a_module_have_the_same_name() -> None:
    names = [(mutation.module, mutation.guard) for mutation in guards.ALL]
    assert len(names) == len(set(names))
