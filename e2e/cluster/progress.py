"""Says what is being done and how long that usually takes: a live display for a person, plain lines for a log."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Display(Protocol):
    """Where steps are shown."""

    def begin(self, title: str, usually: str) -> TaskID:
        """Show that `title` began."""

    def end(self, step: TaskID, title: str, outcome: str) -> None:
        """Show how it ended."""

    def note(self, text: str) -> None:
        """Show a line that belongs to no step."""


class LiveDisplay:
    """A spinner and a clock for each running step, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[usually]}"),
            console=console,
            transient=True,
        )
        self._running: set[TaskID] = set()
        self._guard = threading.Lock()

    def begin(self, title: str, usually: str) -> TaskID:
        """Add a spinner; the first one starts the display."""
        with self._guard:
            if not self._running:
                self._progress.start()
            step = self._progress.add_task(title, total=None, usually=usually)
            self._running.add(step)
            return step

    def end(self, step: TaskID, title: str, outcome: str) -> None:
        """Turn the spinner into a line; the last one stops the display, so that others can print."""
        with self._guard:
            self._progress.remove_task(step)
            self._progress.console.print(f"{title}: {outcome}", highlight=False)
            self._running.discard(step)
            if not self._running:
                self._progress.stop()

    def note(self, text: str) -> None:
        """Print above the spinners."""
        self._progress.console.print(text, highlight=False)


class PlainDisplay:
    """One line when a step begins and one when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, title: str, usually: str) -> TaskID:
        """Print what begins."""
        self.note(f"{title} … {usually}".rstrip())
        return TaskID(0)

    def end(self, step: TaskID, title: str, outcome: str) -> None:  # noqa: ARG002 - lines have no identity
        """Print what ended."""
        self.note(f"{title}: {outcome}")

    def note(self, text: str) -> None:
        """Print a line with the time of day."""
        self._console.print(f"{time.strftime('%H:%M:%S')} {text}", highlight=False, soft_wrap=True, markup=False)


def _choose() -> Display:
    console = Console(file=sys.stderr)
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


# Steps run in threads and start other steps: one terminal can have only one live display.
_display: Final[Display] = _choose()


@contextmanager
def step(title: str, *, usually: float = 0) -> Iterator[None]:
    """Show that `title` is being done while the block runs; `usually` is its usual duration in seconds (0: short)."""
    shown = _display.begin(title, f"usually {readable(usually)}" if usually else "")
    began = time.monotonic()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        _display.end(shown, title, f"{outcome} {readable(time.monotonic() - began)}")


def note(text: str) -> None:
    """Show one line to whoever watches."""
    _display.note(text)


def readable(seconds: float) -> str:
    """Return a duration as people say it: `0.4 s`, `12 s`, `1 min 15 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
