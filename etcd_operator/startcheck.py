"""Runs before etcd in every member Pod and decides whether a process may start on the data directory it finds.

A member that starts over from nothing votes again for what it forgot, and acknowledged writes are gone without a word
(docs/adr/0004-start-guard.md). Standard library only: it runs alone, as `python3 -I -m etcd_operator.startcheck`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def nobody_says_so() -> bool:
    """The answer when there is nobody to ask whether the member has ever started."""
    return False


def check(
    member: str,
    data_dir: Path,
    *,
    permitted: frozenset[str],
    etcd: Path,
    ever_started: Callable[[], bool] = nobody_says_so,
) -> Verdict:
    """Decide whether `member` may start on `data_dir`, and make `member/start-<member>`, its only way to start, if so.

    On what another member wrote it may not: `member/owner`, made before the first start, says whose it is. With a
    write-ahead log it may, whatever else holds: that is etcd's own test of an initialised directory (wal.Exist), and
    nobody is asked, so that a cluster comes back while the operator is down. Without one it may only if `permitted`,
    the names of those who may start for the first time, has it, and if it has not `ever_started`: a question to the
    other members, which takes as long as they need to know (docs/adr/0006-gate.md). A database alone proves nothing
    then: a first start that could not reach its peers leaves one before it has a log (seen on 3.5.35, 3.6.16 and
    3.7.3), but never a snapshot, which is made of a log.

    Raises OSError when the volume cannot be read or written: not to see is not to see nothing. Never deletes data.
    """
    home = data_dir / "member"
    _names(data_dir.parent)
    initialised = any(name.endswith(".wal") for name in _names_or_none(home / "wal"))
    owner = _target(home / "owner")
    if owner not in (None, Path(member)):
        return Verdict(ExitCode.DATA_LOST, f"the volume of {member} holds the data of {owner}")
    if initialised:
        with suppress(OSError):  # a full disk does not keep a member from starting
            _link(home / "owner", Path(member))
        _link(home / f"start-{member}", etcd)
        return Verdict(ExitCode.PASSED, f"{member} starts on the data it has")
    remains = _names_or_none(home / "snap")
    if member not in permitted or any(name.endswith((".snap", ".snap.db")) for name in remains):
        return Verdict(ExitCode.DATA_LOST, _loss(member, home, remains, because="it is not a first start"))
    if ever_started():
        return Verdict(ExitCode.DATA_LOST, _loss(member, home, remains, because="etcd lists it as started"))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _link(home / "owner", Path(member))
    _link(home / f"start-{member}", etcd)
    return Verdict(ExitCode.PASSED, f"{member} starts for the first time")


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def _names_or_none(directory: Path) -> list[str]:
    try:
        return _names(directory)
    except FileNotFoundError:
        return []


def _loss(member: str, home: Path, remains: Sequence[str], *, because: str) -> str:
    if remains:
        return (
            f"the write-ahead log of {member} is gone from {home / 'wal'}, but other data is still in {home / 'snap'}"
        )
    return f"the data of {member} is gone: {home} is empty, and {because}"


def _target(link: Path) -> Path | None:
    return link.readlink() if link.is_symlink() else None


def _link(link: Path, target: Path) -> None:
    """Make a symbolic link, whole or not at all; what it says goes when the volume is emptied.

    Writes nothing when it is there: a full disk does not keep a member from starting.
    """
    if _target(link) == target:
        return
    unfinished = link.parent / f"{link.name}.new"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(target)
    unfinished.replace(link)


def main(arguments: Sequence[str] | None = None, *, termination_log: Path = TERMINATION_LOG) -> ExitCode:
    """Check, say what was found on standard output and, when etcd must not start, in the termination message."""
    options = _options(arguments)
    try:
        verdict = check(
            options.name,
            options.data_dir,
            permitted=options.initial_cluster,
            etcd=options.etcd,
            ever_started=partial(_ask, options) if options.ask else nobody_says_so,
        )
    except OSError as error:
        verdict = Verdict(ExitCode.CANNOT_LOOK, f"the volume of {options.name} cannot be used: {error}")
    _say(verdict.message)
    if verdict.code is not ExitCode.PASSED:
        _leave(verdict, termination_log)
    return verdict.code


def _ask(options: argparse.Namespace) -> bool:
    from etcd_operator.gate import Files, Question, ever_started  # a member with its data waits for none of it

    files = Files(options.ca, options.certificate, options.key) if options.ca else None
    question = Question(options.peer_url, options.cluster_id, files)
    return ever_started(question, options.ask, wait=options.wait, say=lambda words: _say(f"{options.name}: {words}"))


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - standard output is this container's log


def _leave(verdict: Verdict, termination_log: Path) -> None:
    """Leave the verdict for the operator; the exit code says the same, so a failure here changes nothing."""
    try:
        termination_log.write_text(verdict.to_json())
    except OSError as error:
        print(f"cannot write the termination message: {error}", file=sys.stderr)  # noqa: T201 - the container's log


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
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
    asking = parser.add_argument_group("before a start on an empty data directory")
    asking.add_argument("--ask", type=_urls, default=(), help="url,…: peer URLs of other members to ask")
    asking.add_argument("--wait", action="store_true", help="wait until they list this member, and as not started")
    asking.add_argument("--peer-url", help="this member's own, which they know it by")
    asking.add_argument("--cluster-id", type=_cluster_id, help="hexadecimal; what another cluster says does not count")
    asking.add_argument("--peer-trusted-ca-file", dest="ca", type=Path, help="as etcd's, for peers that speak https")
    asking.add_argument("--peer-cert-file", dest="certificate", type=Path, help="likewise")
    asking.add_argument("--peer-key-file", dest="key", type=Path, help="likewise")
    options = parser.parse_args(arguments)
    if options.wait and not options.ask:
        parser.error("--wait needs --ask: name at least one other member's peer URL")
    if options.ask and not options.peer_url:
        parser.error("--ask needs --peer-url: the members know this one by it")
    encrypted = any(url.startswith("https://") for url in options.ask)
    if {file is not None for file in (options.ca, options.certificate, options.key)} != {encrypted}:
        parser.error("give --peer-trusted-ca-file, --peer-cert-file and --peer-key-file to ask https, none to ask http")
    return options


def _permission(text: str) -> frozenset[str]:
    try:
        return members_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _urls(text: str) -> tuple[str, ...]:
    urls = tuple(text.split(",")) if text else ()
    if any("://" not in url for url in urls):
        raise argparse.ArgumentTypeError(f'"{text}" is not a list of URLs: write url,url')
    return urls


def _cluster_id(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'"{text}" is not a cluster ID: write it in hexadecimal') from error


def _end(*_: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # the first process of a container has no default for it, and would wait on
    sys.exit(main())
