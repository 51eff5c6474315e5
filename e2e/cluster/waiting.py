"""Waits for conditions, always with an end and with words for what did not come."""

import time
from collections.abc import Callable

from e2e.cluster.errors import LocalClusterError


def until(condition: Callable[[], bool], what: str, *, seconds: float, every: float = 0.1) -> None:
    """Return as soon as `condition()` is true, asked `every` so many seconds.

    Raises LocalClusterError ("… did not come true: `what`") after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LocalClusterError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(every)
