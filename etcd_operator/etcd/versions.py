"""What each supported version of etcd can do and how it wants to be told, as data with sources."""

import re
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
