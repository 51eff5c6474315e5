"""Runs programs for their effect: silent while all is well, and with the log's place and end when not."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.cluster.errors import LocalClusterError

LAST_LINES = 15


def logged(
    command: Sequence[str | Path], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run `command` and append what it prints to `log`; `env` is added to the environment.

    Raises LocalClusterError with the log's path and last lines when it fails.
    """
    with log.open("a") as output:
        output.write(f"$ {' '.join(map(str, command))}\n")
        output.flush()
        done = subprocess.run(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        raise LocalClusterError(f"{Path(command[0]).name} failed; its log is {log}, which ends:\n{tail(log)}")


def output(command: Sequence[str | Path], *, timeout: float = 60, stdin: str | None = None) -> str:
    """Return what `command`, which reads `stdin`, prints within `timeout` seconds.

    Raises LocalClusterError with its complaint when it fails or does not end.
    """
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise LocalClusterError(f"`{shown}` did not end within {timeout:.0f} s") from error
    if done.returncode:
        raise LocalClusterError(f"`{shown}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def succeeds(command: Sequence[str | Path], *, timeout: float = 60) -> bool:
    """Return whether `command` ends well within `timeout` seconds; what it prints is dropped."""
    try:
        return (
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=timeout, check=False,
            ).returncode == 0
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join(f"    {line}" for line in lines)
