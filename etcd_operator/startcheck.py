"""Runs before etcd in every member Pod and decides whether a process may start on the data directory it finds.

A member that starts over from nothing votes again for what it forgot, and acknowledged writes are gone without a word
(docs/adr/0004-start-guard.md). Standard library only: it runs alone, as `python3 -I -m etcd_operator.startcheck`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TERMINATION_LOG = Path("/dev/termination-log")


class ExitCode(IntEnum):
    """How the check ends; the numbers are those of sysexits.h. A wrong command line ends with argparse's 2."""

    PASSED = 0
    DATA_LOST = 65
    CANNOT_LOOK = 74

    @property
    def word(self) -> str:
        """The code as the termination message says it, such as DataLost."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found, with one sentence for a person."""

    code: ExitCode
    message: str

    def to_json(self) -> str:
        """One line, which becomes the container's termination message."""
        return json.dumps({"verdict": self.code.word, "message": self.message})


def verdict_of(termination_message: str) -> Verdict | None:
    """Read a termination message back; None if the check did not write it."""
    try:
        found = json.loads(termination_message)
        code = next(code for code in ExitCode if code.word == found["verdict"])
        return Verdict(code, str(found["message"]))
    except (ValueError, KeyError, TypeError, StopIteration):
        return None


def members_of(initial_cluster: str) -> frozenset[str]:
    """The names in a value of etcd's `--initial-cluster`.

    Raises ValueError when it is not one: what cannot be read neither permits a first start nor proves a loss.
    """
    items = [item.partition("=") for item in initial_cluster.split(",")]
    if any(not name or "://" not in url for name, _, url in items):
        raise ValueError(f'"{initial_cluster}" is not a list of members: write name=url, separated by commas')
    return frozenset(name for name, _, _ in items)


def check(member: str, data_dir: Path, *, permitted: frozenset[str], etcd: Path) -> Verdict:
    """Decide whether `member` may start on `data_dir`, and make `member/start`, the only way to start it, if so.

    With a write-ahead log it may, whatever else holds: that is etcd's own test of an initialised directory
    (wal.Exist), and nobody is asked, so that a cluster comes back while the operator is down. Without one it may only
    if `permitted`, the names of those who may start for the first time, has it. A database alone proves nothing then:
    a first start that could not reach its peers leaves one before it has a log (seen on 3.5.35, 3.6.16 and 3.7.3), but
    never a snapshot, which is made of a log.

    Raises OSError when the volume cannot be read or written: not to see is not to see nothing. Never deletes data.
    """
    home = data_dir / "member"
    _names(data_dir.parent)
    if any(name.endswith(".wal") for name in _names_or_none(home / "wal")):
        _make_start(home, etcd)
        return Verdict(ExitCode.PASSED, f"{member} starts on the data it has")
    remains = _names_or_none(home / "snap")
    if member not in permitted:
        return Verdict(ExitCode.DATA_LOST, _loss(member, home, remains))
    if any(name.endswith((".snap", ".snap.db")) for name in remains):
        return Verdict(ExitCode.DATA_LOST, _loss(member, home, remains))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_start(home, etcd)
    return Verdict(ExitCode.PASSED, f"{member} starts for the first time")


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def _names_or_none(directory: Path) -> list[str]:
    try:
        return _names(directory)
    except FileNotFoundError:
        return []


def _loss(member: str, home: Path, remains: Sequence[str]) -> str:
    if remains:
        return (
            f"the write-ahead log of {member} is gone from {home / 'wal'}, but other data is still in {home / 'snap'}"
        )
    return f"the data of {member} is gone: {home} is empty, and it is not a first start"


def _make_start(home: Path, etcd: Path) -> None:
    """Make the symbolic link through which the kernel finds etcd, and which goes when the volume is emptied.

    Writes nothing when it is there: a full disk does not keep a member from starting.
    """
    start = home / "start"
    if start.is_symlink() and start.readlink() == etcd:
        return
    unfinished = home / "start.new"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(etcd)
    unfinished.replace(start)


def main(arguments: Sequence[str] | None = None, *, termination_log: Path = TERMINATION_LOG) -> ExitCode:
    """Check, say what was found on standard output and, when etcd must not start, in the termination message."""
    options = _parser().parse_args(arguments)
    try:
        verdict = check(options.name, options.data_dir, permitted=options.initial_cluster, etcd=options.etcd)
    except OSError as error:
        verdict = Verdict(ExitCode.CANNOT_LOOK, f"the volume of {options.name} cannot be used: {error}")
    print(verdict.message, flush=True)  # noqa: T201 - standard output is this container's log
    if verdict.code is not ExitCode.PASSED:
        _leave(verdict, termination_log)
    return verdict.code


def _leave(verdict: Verdict, termination_log: Path) -> None:
    """Leave the verdict for the operator; the exit code says the same, so a failure here changes nothing."""
    try:
        termination_log.write_text(verdict.to_json())
    except OSError as error:
        print(f"cannot write the termination message: {error}", file=sys.stderr)  # noqa: T201 - the container's log


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="startcheck", description=__doc__)
    parser.add_argument("--name", required=True, help="the member's name")
    parser.add_argument("--data-dir", required=True, type=Path, help="etcd's data directory, on the member's volume")
    parser.add_argument(
        "--initial-cluster",
        required=True,
        type=_permission,
        help="name=url,…: who may start on an empty data directory",
    )
    parser.add_argument("--etcd", type=Path, default=Path("/usr/local/bin/etcd"), help="the program to start")
    return parser


def _permission(text: str) -> frozenset[str]:
    try:
        return members_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
