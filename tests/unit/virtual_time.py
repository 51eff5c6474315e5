"""An event loop whose time passes only by waiting: hours in a test cost nothing, and nothing is left to chance."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    """Never waits for a file: when nothing is ready, the time of the next timer has come."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; else let `timeout` seconds pass at once."""
        ready = super().select(0)
        if ready:
            return ready
        assert timeout is not None, "every task waits for something that nobody will do"
        self.now += max(timeout, 0.0)
        return []


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's own loop on the time of its selector."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.now


def run(scenario: Coroutine[Any, Any, Result]) -> Result:
    """Run `scenario` in virtual time and return its result."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(scenario)


def now() -> float:
    """The time inside a scenario, in seconds since its start."""
    return asyncio.get_running_loop().time()
