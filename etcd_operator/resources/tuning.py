"""etcd's settings as they are in force: what the user wrote, else what suits the volume, the memory and the version.

Each choice says why, for the status. What is chosen here is no setting of the user's (settings.py): an operator that
chooses otherwise restarts no member, and the next Pod of each has the new choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import parse_version
from etcd_operator.resources.quantity import quantity, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.api.cluster import ClusterSpec

AUTO = "auto"

_MEBIBYTE = 2**20
LARGEST_QUOTA = 8 * 2**30
"""From etcd's own guide (system limits: "8 GiB is a suggested maximum size"): a larger database starts slowly."""

SMALLEST_QUOTA = 16 * _MEBIBYTE

_SNAPSHOT_COUNT = {
    5: (10_000, "as in etcd 3.6; 3.5 itself would keep 100000 transactions in memory"),
    6: (10_000, "etcd's own"),
    7: (10_000, "etcd's own"),
}
"""By minor version: from `etcd --help` of each, and from etcd's CHANGELOG-3.6 ("decrease snapshot-count default")."""

_RETENTION = {"Periodic": "1h", "Revision": "10000"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The value of one setting, and why it is that."""

    setting: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a member's etcd is started with. The quota in bytes, times in milliseconds."""

    quota: int
    compaction_mode: str
    compaction_retention: str
    snapshot_count: int
    heartbeat_ms: int
    election_ms: int


def tuning(spec: ClusterSpec) -> Tuning:
    """The settings of a member whose volume is the one in `spec`."""
    etcd = spec.etcd
    return Tuning(
        quota=_quota(spec)[0],
        compaction_mode=etcd.auto_compaction_mode,
        compaction_retention=etcd.auto_compaction_retention or _RETENTION[etcd.auto_compaction_mode],
        snapshot_count=etcd.snapshot_count or _snapshot_count(spec)[0],
        heartbeat_ms=etcd.heartbeat_ms or _HEARTBEAT_MS,
        election_ms=etcd.election_ms or _ELECTION_MS,
    )


_HEARTBEAT_MS, _ELECTION_MS = 100, 1000
_OWN_TIMES = "etcd's own, for members within one region"


def choices(spec: ClusterSpec) -> Iterator[Choice]:
    """Every setting that the user left to the operator, with the reason for its value."""
    etcd, chosen = spec.etcd, tuning(spec)
    if etcd.quota == AUTO:
        yield Choice("etcd.quota", quantity(chosen.quota), _quota(spec)[1])
    if etcd.auto_compaction_retention is None:
        kept = "history of an hour" if etcd.auto_compaction_mode == "Periodic" else "last 10000 revisions"
        reason = f"the {kept} is kept; etcd itself would keep all of it"
        yield Choice("etcd.autoCompaction.retention", chosen.compaction_retention, reason)
    if etcd.snapshot_count is None:
        yield Choice("etcd.snapshotCount", str(chosen.snapshot_count), _snapshot_count(spec)[1])
    if etcd.heartbeat_ms is None:
        yield Choice("etcd.heartbeatMs", str(chosen.heartbeat_ms), _OWN_TIMES)
    if etcd.election_ms is None:
        yield Choice("etcd.electionMs", str(chosen.election_ms), _OWN_TIMES)


def volume(spec: ClusterSpec) -> int:
    """How many bytes the member's volume holds that etcd may count on: never more than what is asked for."""
    asked = whole_number(spec.storage.size)
    return asked if spec.storage.holds is None else min(asked, spec.storage.holds)


def too_small_for_quota(spec: ClusterSpec) -> bool:
    """Whether the member's volume has no room for the quota that is asked for, and first has to be a larger one."""
    holds = spec.storage.holds
    return spec.etcd.quota != AUTO and holds is not None and whole_number(spec.etcd.quota) >= holds


def warning(spec: ClusterSpec) -> str | None:
    """What speaks against the memory limit; None if nothing does. etcd works in memory on all of its database."""
    limit, quota = _memory_limit(spec), tuning(spec).quota
    if limit is None or limit >= quota:
        return None
    return (
        f"the memory limit of {quantity(limit)} is below etcd's quota of {quantity(quota)}: a full database does not "
        "fit; write resources.limits.memory of twice the quota, or a smaller etcd.quota"
    )


def _quota(spec: ClusterSpec) -> tuple[int, str]:
    holds = volume(spec)
    if too_small_for_quota(spec):
        return holds // 8 * 7, f"{spec.etcd.quota} is asked for, of which a volume of {quantity(holds)} has no room"
    if spec.etcd.quota != AUTO:
        return whole_number(spec.etcd.quota), "as written"
    bounds = [
        (holds // 2, f"half of the volume of {quantity(holds)}: logs, snapshots and defragmentation need the rest"),
        (LARGEST_QUOTA, f"the largest that etcd's guide suggests, on a volume of {quantity(holds)}"),
    ]
    limit = _memory_limit(spec)
    if limit is not None:
        bounds.append((limit // 2, f"half of the memory limit of {quantity(limit)}"))
    size, reason = min(bounds)
    if size < SMALLEST_QUOTA:
        return SMALLEST_QUOTA, f"the smallest that makes sense: {reason}"
    return size // _MEBIBYTE * _MEBIBYTE, reason


def _memory_limit(spec: ClusterSpec) -> int | None:
    limit = spec.resources.get("limits", {}).get("memory")
    return None if limit is None else whole_number(str(limit))


def _snapshot_count(spec: ClusterSpec) -> tuple[int, str]:
    return _SNAPSHOT_COUNT[parse_version(spec.version).minor]
