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


READS_NONE_OF_3_5 = Version(3, 7, 0)
"""From this version on, etcd panics at an entry of its log that 3.5 wrote ("execute job failed: unmarshal should never
fail"): 3.5 tells the others its address as a v2 request, which 3.6 still reads (its applyEntryNormal) and 3.7 does not
(its apply.Apply). Tried on 3.5.35, 3.6.16 and 3.7.3: a cluster that went from one to the other without a snapshot in
3.6 does not start with 3.7. A snapshot comes by itself after `--snapshot-count` entries only."""


def needs_snapshot(oldest: Version | None, target: Version) -> bool:
    """Whether a log with entries of `oldest` (None: of whatever version) needs a snapshot before `target` reads it."""
    return target >= READS_NONE_OF_3_5 and (oldest is None or oldest < Version(3, 6, 0))


@dataclass(frozen=True, slots=True)
class Defect:
    """What a minor version did wrong before the release `fixed`, in words, with etcd's own issue where there is one."""

    fixed: Version
    what: str


DEFECTS = (
    Defect(Version(3, 5, 3), "a member that is killed under load may have other data than the others (#13766)"),
    Defect(Version(3, 5, 5), "a cluster of one may lose writes that it has acknowledged (#14370)"),
    Defect(Version(3, 5, 6), "a member that is killed while it defragments may differ from the others (#14685)"),
    Defect(Version(3, 5, 23), "a member that defragments while it receives a snapshot damages its data"),
    Defect(Version(3, 6, 5), "a member that defragments while it receives a snapshot damages its data"),
    Defect(Version(3, 5, 26), "members that were removed may come back with etcd 3.6 (#20967)"),
    Defect(Version(3, 6, 4), "a member may not start again after a promotion (#20387)"),
    Defect(Version(3, 5, 28), "a member whose process stood still may answer with old data"),
    Defect(Version(3, 6, 9), "a member whose process stood still may answer with old data"),
)
"""What concerns the data, the gravest first: from etcd's CHANGELOG and the issues that are named."""


def doubt(version: Version) -> str | None:
    """Why nobody should run this release, with what to write instead; None if nothing is known against it."""
    newest = NEWEST[version.minor]
    way = f"write {newest}, or spec.allowUnsafeVersion: true to run it all the same"
    for defect in DEFECTS:
        if version.minor == defect.fixed.minor and version < defect.fixed:
            return f"with etcd {version} {defect.what}, mended in {defect.fixed}: {way}"
    if version > newest:
        return f"this operator knows nothing of etcd {version}, and was tried with {newest}: {way}"
    return None


def objection(running: Collection[Version], target: Version) -> str | None:
    """Why members that run these versions (at least one) cannot be brought to `target`, with what to write instead.

    None if they can: within a minor version to any release, up by one minor version from the release that etcd asks
    for, and down by one (etcd-rules.md §4). As long as a member still runs the lower minor version, the way back needs
    nothing: the cluster's data is still of that version.
    """
    lowest, highest = min(running), max(running)
    for stranger in (lowest, highest):
        if (stranger.major, stranger.minor) not in _FLAGS:
            return f"a member runs etcd {stranger}, from which this operator knows no way"
    if target.minor > lowest.minor + 1:
        step = NEWEST[lowest.minor + 1]
        return f"etcd goes up one minor version at a time, and {lowest} runs: write {step} first, then {target}"
    if target.minor == lowest.minor + 1 and lowest < GATES[target.minor]:
        gate, step = GATES[target.minor], NEWEST[lowest.minor]
        asks = f"before etcd 3.{target.minor} all members must run {gate} or newer"
        return f"{asks}, and {lowest} runs: write {step} first"
    if target.minor < highest.minor - 1:
        step = NEWEST[highest.minor - 1]
        return f"etcd goes down one minor version at a time, and {highest} runs: write {step} first, then {target}"
    if target.minor < lowest.minor and target < GATES[highest.minor]:
        return f"from etcd {target} there is no way up to 3.{highest.minor} again: write {NEWEST[target.minor]}"
    return None


PREFIX = "experimental-"


@dataclass(frozen=True, slots=True)
class Spelling:
    """The minor versions that have a flag for a setting: those with the prefix in its name, and those without it."""

    prefixed: tuple[int, ...]
    plain: tuple[int, ...]


_STABLE_SINCE_3_6 = Spelling(prefixed=(5, 6), plain=(6, 7))

# 3.7 has no flag for it: it is a feature gate (`etcd --help` of 3.6 names which), and the operator gives etcd
# `--feature-gates` itself.
_GATE_SINCE_3_6 = Spelling(prefixed=(5, 6), plain=())

SPELLINGS = {
    "bootstrap-defrag-threshold-megabytes": _STABLE_SINCE_3_6,
    "compact-hash-check-time": _STABLE_SINCE_3_6,
    "compaction-batch-limit": _STABLE_SINCE_3_6,
    "compaction-sleep-interval": _STABLE_SINCE_3_6,
    "corrupt-check-time": _STABLE_SINCE_3_6,
    "distributed-tracing-address": _STABLE_SINCE_3_6,
    "distributed-tracing-instance-id": _STABLE_SINCE_3_6,
    "distributed-tracing-sampling-rate": _STABLE_SINCE_3_6,
    "distributed-tracing-service-name": _STABLE_SINCE_3_6,
    "downgrade-check-time": _STABLE_SINCE_3_6,
    "enable-distributed-tracing": _STABLE_SINCE_3_6,
    "enable-lease-checkpoint": _GATE_SINCE_3_6,
    "enable-lease-checkpoint-persist": _GATE_SINCE_3_6,
    "log-format": Spelling(prefixed=(), plain=(6, 7)),
    "memory-mlock": _STABLE_SINCE_3_6,
    "snapshot-catchup-entries": _STABLE_SINCE_3_6,
    "stop-grpc-service-on-defrag": _GATE_SINCE_3_6,
    "txn-mode-write-with-shared-buffer": _GATE_SINCE_3_6,
    "warning-apply-duration": _STABLE_SINCE_3_6,
    "warning-unary-request-duration": Spelling(prefixed=(6,), plain=(6, 7)),
    "watch-progress-notify-interval": _STABLE_SINCE_3_6,
}
"""The settings that users may make by a flag of another name, or by none, in another minor version.

Tried on 3.5.35, 3.6.16 and 3.7.3; `--help` of 3.5 conceals experimental-snapshot-catchup-entries. The sources of 3.6.0
and 3.7.0 have the same flags. In those of 3.5.11 three are missing: stop-grpc-service-on-defrag and
snapshot-catchup-entries came with 3.5.14, compaction-sleep-interval with 3.5.16, long before the first release that may
run without spec.allowUnsafeVersion. crds/etcdcluster.yaml refuses by this table, and tests compare.
"""


def flags_for(setting: str, version: Version) -> tuple[str, ...]:
    """The flags (without dashes) by which this version takes a setting of SPELLINGS, that without the prefix first.

    Empty if it has none; raises KeyError if the setting is not in the table.
    """
    spelling = SPELLINGS[setting]
    plain = (setting,) if version.minor in spelling.plain else ()
    return (*plain, PREFIX + setting) if version.minor in spelling.prefixed else plain


def knows_flag(version: Version, name: str) -> bool:
    """Whether this version starts with the flag `name` (without dashes), which is one that users may set.

    False for a name with the prefix that no version has; True for any other that is not in the table, as nothing is
    known of it. The API refuses a flag that spec.version does not know.
    """
    setting = name.removeprefix(PREFIX)
    if setting not in SPELLINGS:
        return setting == name
    return name in flags_for(setting, version)


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


def running_version(text: str) -> Version:
    """The release that a member says it runs, which may be one of any minor version, and have a suffix such as -rc.1.

    Raises ValueError if etcd does not begin with three numbers, as it always does.
    """
    found = _VERSION.match(text)
    if found is None:
        raise ValueError(f'a member says that it runs "{text}", which is not a version of etcd')
    return Version(*(int(part) for part in found.groups()))


def flags_of(version: Version) -> Flags:
    """How this version spells the arguments that differ between versions; raises KeyError for an unsupported minor."""
    return _FLAGS[version.major, version.minor]
