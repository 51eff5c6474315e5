"""Breaks the operator on purpose, one guard at a time, to show that the simulation would notice."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Fault:
    """A change of the source of `module`: `right` is replaced by `wrong`; `scenario` must say `noticed` of it."""

    says: str
    module: ModuleType
    right: str
    wrong: str
    scenario: Scenario
    noticed: str


@contextmanager
def broken(fault: Fault) -> Iterator[None]:
    """Give the module's functions the code of its changed source, wherever they are already in use, for a while.

    Raises AssertionError when the source has no such place, or more than one: then the fault is to be written anew.
    """
    source = inspect.getsource(fault.module)
    assert source.count(fault.right) == 1, f"{fault.module.__name__} has no single {fault.right!r}"
    changed: dict[str, Any] = {"__name__": fault.module.__name__}
    exec(compile(source.replace(fault.right, fault.wrong), str(fault.module.__file__), "exec"), changed)  # noqa: S102
    functions, others = _functions(vars(fault.module), fault.module), _functions(changed, fault.module)
    before = {name: function.__code__ for name, function in functions.items()}
    try:
        for name, function in functions.items():
            function.__code__ = others[name].__code__
        yield
    finally:
        for name, function in functions.items():
            function.__code__ = before[name]


def _functions(names: Mapping[str, Any], module: ModuleType) -> dict[str, FunctionType]:
    """Every function that the module itself defines, those of its classes included, by qualified name."""
    found: dict[str, FunctionType] = {}
    for value in names.values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = vars(value).values() if isinstance(value, type) else (value,)
        found |= {entry.__qualname__: entry for entry in members if isinstance(entry, FunctionType)}
    return found
