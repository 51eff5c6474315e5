"""Waits for what must come true, and watches what must stay true; a failure says what was seen last."""

import time
from collections.abc import Callable
from typing import TypeVar

from e2e.support.kube import KubeError
from etcd_operator.etcd.errors import EtcdError

T = TypeVar("T")

NOT_YET = (AssertionError, LookupError, KubeError, EtcdError)
"""What a check may raise while it does not hold: its own words, a field that is not there, a server that is away."""


def eventually(check: Callable[[], T], *, within: float, every: float = 0.2) -> T:
    """Return what `check()` returns, as soon as it returns at all; asked `every` so many seconds.

    Raises AssertionError with its last objection when it does not within `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            return check()
        except NOT_YET as objection:
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within:.0f} s: {_words(objection)}") from objection
        time.sleep(every)


def throughout(check: Callable[[], object], *, seconds: float, every: float = 0.5) -> None:
    """Return when `check()` held at each look for `seconds`; its first objection ends the wait and is raised."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check()
        time.sleep(every)


def _words(objection: BaseException) -> str:
    name = type(objection).__name__
    return f"{name}: {objection}" if isinstance(objection, LookupError) else str(objection) or name
