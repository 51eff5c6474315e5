"""Which of etcd's last words prove that a member's data is damaged. Pure.

On these words a member is replaced and its volume deleted, so no words count that sound data may bring about as well.
Tried on 3.5.35, 3.6.16 and 3.7.3, such are:

- `invalid database` and `couldn't find local name`: of files that cannot be read for a moment, too;
- `file size too small` and a SIGBUS: after a first start on a full disk, too;
- `failed to repair WAL`: when there is no room for the repaired copy, too (server/storage/wal/repair.go);
- `found data inconsistency with peers`: by a sound member while it is a peer that is damaged, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAST_LEVELS = frozenset({"fatal", "panic"})
_PANIC = "panic: "
_EVERY = ("3.5.35", "3.6.16", "3.7.3")


@dataclass(frozen=True, slots=True)
class Sign:
    """Words that only damaged data brings about, as patterns for the whole of a log line's `msg` and `error`.

    A sign without an `error` also holds for what the Go runtime prints of a panic, which has none. `means` is the
    sentence for a person; it may use the groups of `said`, and never holds anything of a user's data. `versions` are
    those that said it, and whose words are kept in the tests.
    """

    said: str
    means: str
    error: str | None = None
    versions: tuple[str, ...] = _EVERY

    def read(self, said: str, error: str) -> str | None:
        """The sentence, if these are the words."""
        found = re.fullmatch(self.said, said)
        if found is None or not re.fullmatch(self.error or ".*", error):
            return None
        return self.means.format(**found.groupdict())


SIGNS = (
    # The leader remembers what the member had confirmed (go.etcd.io/raft/v3/log.go).
    Sign(
        r"tocommit\((?P<confirmed>\d+)\) is out of range \[lastIndex\((?P<end>\d+)\)\]\. "
        r"Was the raft log corrupted, truncated, or lost\?",
        means="its write-ahead log has lost entries that it had confirmed: up to {confirmed}, and it ends at {end}",
    ),
    # Each record has a checksum over itself and all before it (server/storage/wal).
    Sign(
        r"discovery failed",
        error=r"walpb: crc mismatch"
        r"(: expected: [0-9a-f]+ computed: [0-9a-f]+)?(: in file '[0-9a-f-]+\.wal' at position: \d+)?",
        means="its write-ahead log is damaged: a checksum does not match",
    ),
    Sign(
        r"discovery failed",
        error=r"wal: crc mismatch",
        means="its write-ahead log is damaged: the checksums of two of its files do not match",
        versions=("3.5.35",),
    ),
    Sign(
        r"discovery failed",
        error=r"proto: (Record: wiretype end group for non-group|illegal wireType \d+|"
        r"wrong wireType = \d+ for field \w+)",
        means="its write-ahead log is damaged: a record cannot be decoded",
        versions=("3.5.35", "3.6.16"),
    ),
    # Which kind of space follows the colon differs from build to build (google.golang.org/protobuf).
    Sign(
        r"discovery failed",
        error=r"proto:\scannot parse invalid wire-format data",
        means="its write-ahead log is damaged: a record cannot be decoded",
        versions=("3.7.3",),
    ),
    Sign(
        r"failed to read WAL, cannot be repaired",
        error=r"unexpected EOF: \[wal\] max entry size limit exceeded when (decoding|reading) \"[0-9a-f-]+\.wal\", .*",
        means="its write-ahead log is damaged: one of its files breaks off, and it is not the last",
    ),
    Sign(
        r"failed to open WAL",
        error=r"wal: file not found",
        means="its write-ahead log is damaged: one of its files is missing",
        versions=("3.5.35",),
    ),
    Sign(
        r"failed to open WAL",
        error=r"openAtIndex failed: \[openAtIndex\] selectWALFiles failed: "
        r"wal: file not found which matches the snapshot index '\d+'",
        means="its write-ahead log is damaged: one of its files is missing",
        versions=("3.6.16", "3.7.3"),
    ),
    # The first record names the member (go.etcd.io/raft/v3/raft.go); 3.7 follows a nil pointer, which may be anything.
    Sign(
        r"cannot use none as id",
        means="its write-ahead log is damaged: it holds nothing, not even the member's ID",
        versions=("3.5.35", "3.6.16"),
    ),
    # Both copies of the first page could be read, and neither has its checksum (go.etcd.io/bbolt).
    Sign(
        r"failed to open database",
        error=r"checksum error",
        means="its database is damaged: the checksum of its first pages does not match",
    ),
    Sign(
        r"assertion failed: Page expected to be: \d+, but self identifies as \d+",
        means="its database is damaged: a page holds something else",
    ),
    Sign(
        r"assertion failed: page \d+: has unexpected type/flags: [0-9a-f]+",
        means="its database is damaged: a page is of no known kind",
    ),
    Sign(
        r"freepages: failed to get all reachable pages \(.+\)",
        means="its database is damaged: its pages do not form a tree",
    ),
    # A database is written before its snapshot is noted. The only other way to these words: one stat(2) of the database
    # fails while open(2) and read(2) of it succeed.
    Sign(
        r"failed to recover v3 backend from snapshot",
        error=r"failed to find database snapshot file \(snap: snapshot file doesn't exist\)",
        means="its database is gone, or older than its last snapshot",
    ),
)


def damage(container_message: str) -> str | None:
    """One sentence that says how a member's data is damaged, if etcd's last words prove it; else None.

    `container_message` is what Kubernetes keeps of the log of a container that ended: at most its last 80 lines and
    2 KiB, so it may begin amid a line. Words that are not whole prove nothing.
    """
    said = tuple(_last_words(container_message))
    read = (sign.read(*words) for words in said for sign in SIGNS)
    return next((sentence for sentence in read if sentence is not None), None)


def _last_words(message: str) -> Iterator[tuple[str, str]]:
    """Text and error of what etcd ended with: log lines of the last levels, and panics as the Go runtime prints them.

    A user's text, such as a key, may stand in a line but never make one: etcd writes it as a string of JSON.
    """
    for line in message.splitlines():
        if line.startswith(_PANIC):
            yield line.removeprefix(_PANIC), ""
        elif line.startswith("{"):
            entry = _entry(line)
            if entry.get("level") in _LAST_LEVELS:
                yield str(entry.get("msg", "")), str(entry.get("error", ""))


def _entry(line: str) -> dict[str, object]:
    try:
        entry: dict[str, object] = json.loads(line)
    except ValueError:
        return {}
    return entry
