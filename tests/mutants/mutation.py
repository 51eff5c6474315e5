"""A guard of the operator, and its source without it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Mutation:
    """`module`, a path inside the package, with `wrong` in place of `right`: what `guard` says holds no more."""

    module: str
    guard: str
    right: str
    wrong: str

    @property
    def subject(self) -> str:
        """The module's own name, by which its tests are found."""
        return self.module.rpartition("/")[2].removesuffix(".py")


def of(module: str, *guards: tuple[str, str, str]) -> tuple[Mutation, ...]:
    """The mutations of `module`, each by what its guard says, its text, and what stands there without it."""
    return tuple(Mutation(module, *guard) for guard in guards)


def mutated(source: str, mutation: Mutation) -> str:
    """`source` without the guard.

    Raises ValueError when it has the guard's text not exactly once, or is the same program without it, or none: then
    the mutation is to be written anew.
    """
    place = f'{mutation.module}, "{mutation.guard}"'
    if (found := source.count(mutation.right)) != 1:
        raise ValueError(f"{place}: this text is there {found} times, not once:\n{mutation.right}")
    changed = source.replace(mutation.right, mutation.wrong)
    try:
        same = ast.dump(ast.parse(changed)) == _program(source)
    except SyntaxError as error:
        raise ValueError(f"{place}: no program is left: {error}") from error
    if same:
        raise ValueError(f"{place}: the program stays the same with:\n{mutation.wrong}")
    return changed


@lru_cache
def _program(source: str) -> str:
    return ast.dump(ast.parse(source))
