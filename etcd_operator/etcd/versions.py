"""What each supported version of etcd can do, how it wants to be told, and which way leads to it: data with sources."""

import re
from collections.abc import Collection
from dataclasses import dataclass

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release of etcd, such as 3.6.16. Ordered; prints as people write it."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Flags:
    """The command-line arguments whose spelling depends on the minor version.

    `skip_peer_client_san` turns off the check of a connecting peer's address against the names in its certificate,
    which can never hold behind a ClusterIP (etcd-rules.md §7). `corruption_checks` compare a member's data with its
    peers' before it serves, and the hash of each compaction afterwards (etcd-rules.md §6).
    """

    skip_peer_client_san: str
    corruption_checks: tuple[str, ...]


_SINCE_3_6 = Flags(
    skip_peer_client_san="--peer-skip-client-san-verification=true",
    corruption_checks=("--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true",),
)

# From `etcd --help` of 3.5.35, 3.6.16 and 3.7.3; 3.7 does not start with any `--experimental-` flag.
_FLAGS = {
    (3, 5): Flags(
        skip_peer_client_san="--experimental-peer-skip-client-san-verification=true",
        corruption_checks=(
            "--experimental-initial-corrupt-check=true",
            "--experimental-compact-hash-check-enabled=true",
        ),
    ),
    (3, 6): _SINCE_3_6,
    (3, 7): _SINCE_3_6,
}


NEWEST = {5: Version(3, 5, 35), 6: Version(3, 6, 16), 7: Version(3, 7, 3)}
"""The newest release of each minor version that this operator was tried with, to name to people."""

GATES = {6: Version(3, 5, 32), 7: Version(3, 6, 11)}
"""What all members must run before the first of them runs this minor version.

From etcd's own guides: upgrade_3_6.md ("all of your 3.5 members are updated to 3.5.32 or later": members that were
removed may come back otherwise, #20967), and upgrade_3_7.md.
"""


_READS_NONE_OF_3_5 = Version(3, 7, 0)
"""From this version on, etcd panics at an entry of its log that 3.5 wrote ("execute job failed: unmarshal should never
fail"): 3.5 tells the others its address as a v2 request, which 3.6 still reads (its applyEntryNormal) and 3.7 does not
(its apply.Apply). Tried on 3.5.35, 3.6.16 and 3.7.3: a cluster that went from one to the other without a snapshot in
3.6 does not start with 3.7. A snapshot comes by itself after `--snapshot-count` entries only."""


def needs_snapshot(oldest: Version | None, target: Version) -> bool:
    """Whether a log with entries of `oldest` (None: of whatever version) needs a snapshot before `target` reads it."""
    return target >= _READS_NONE_OF_3_5 and (oldest is None or oldest < Version(3, 6, 0))


def objection(running: Collection[Version], target: Version) -> str | None:
    """Why members that run these versions (at least one) cannot be brought to `target`, with what to write instead.

    None if they can: within a minor version to any release, and up by one minor version from the release that etcd asks
    for. Back as well, as long as a member still runs the lower minor version: then the cluster's data is still of that
    version (etcd-rules.md §4).
    """
    lowest, highest = min(running), max(running)
    if target.minor > lowest.minor + 1:
        step = NEWEST[lowest.minor + 1]
        return f"etcd goes up one minor version at a time, and {lowest} runs: write {step} first, then {target}"
    if target.minor == lowest.minor + 1 and lowest < GATES[target.minor]:
        gate, step = GATES[target.minor], NEWEST[lowest.minor]
        asks = f"before etcd 3.{target.minor} all members must run {gate} or newer"
        return f"{asks}, and {lowest} runs: write {step} first"
    if target.minor < lowest.minor:
        return (
            f"every member runs etcd {lowest} or newer, whose data etcd 3.{target.minor} does not open: write "
            f"{highest}, or restore a snapshot into a new cluster"
        )
    return None


def parse_version(text: str) -> Version:
    """The version that `text` names, such as "3.6.16"; raises ValueError, in words for its author, if there is none.

    Only versions of a supported minor pass, so that `flags_of` knows every version that was parsed.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a version of etcd: write three numbers, for example 3.6.16')
    version = Version(*(int(part) for part in found.groups()))
    if (version.major, version.minor) not in _FLAGS:
        supported = ", ".join(f"{major}.{minor}" for major, minor in sorted(_FLAGS))
        raise ValueError(f"etcd {version} is not supported: write a version of {supported}, for example 3.6.16")
    return version


def flags_of(version: Version) -> Flags:
    """How this version spells the arguments that differ between versions; raises KeyError for an unsupported minor."""
    return _FLAGS[version.major, version.minor]
