"""What the operator chooses where the user writes nothing, and why; what is written stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.etcd.versions import NEWEST
from etcd_operator.resources.tuning import LARGEST_QUOTA, Tuning, choices, tuning, warning
from tests.builders import a_spec

if TYPE_CHECKING:
    from etcd_operator.api.cluster import ClusterSpec

MEBIBYTE, GIBIBYTE = 2**20, 2**30


def limited(memory: str | None, **changes: Any) -> ClusterSpec:
    """A spec with this memory limit."""
    return a_spec(resources={"limits": {"memory": memory}} if memory else {}, **changes)


AUTO = [
    ("8Gi", None, None, 4 * GIBIBYTE, "half of the volume of 8Gi"),
    ("10Gi", None, None, 5 * GIBIBYTE, "half of the volume of 10Gi"),
    ("32Gi", None, None, LARGEST_QUOTA, "the largest that etcd's guide suggests, on a volume of 32Gi"),
    ("16Gi", 8 * GIBIBYTE, None, 4 * GIBIBYTE, "half of the volume of 8Gi"),
    ("8Gi", 10 * GIBIBYTE, None, 4 * GIBIBYTE, "half of the volume of 8Gi"),
    ("8Gi", None, "2Gi", GIBIBYTE, "half of the memory limit of 2Gi"),
    ("8Gi", None, "64Gi", 4 * GIBIBYTE, "half of the volume of 8Gi"),
    ("1G", None, None, 476 * MEBIBYTE, "half of the volume of 1000000000"),
    ("20Mi", None, None, 16 * MEBIBYTE, "the smallest that makes sense: half of the volume of 20Mi"),
]


@pytest.mark.parametrize(("size", "holds", "memory", "quota", "reason"), AUTO)
def test_the_quota_suits_the_volume_and_the_memory(
    size: str, holds: int | None, memory: str | None, quota: int, reason: str
) -> None:
    asked = limited(memory, storage={"size": size}, etcd={"quota": "auto"})
    spec = replace(asked, storage=replace(asked.storage, holds=holds))
    assert tuning(spec).quota == quota
    (choice,) = (choice for choice in choices(spec) if choice.setting == "etcd.quota")
    assert choice.reason.startswith(reason)


@pytest.mark.parametrize(("holds", "quota"), [(8, 7), (10, 8.75), (11, 10), (None, 10)])
def test_a_quota_is_never_as_large_as_the_volume(holds: int | None, quota: float) -> None:
    asked = a_spec(etcd={"quota": "10Gi"}, storage={"size": "16Gi"})
    has = None if holds is None else holds * GIBIBYTE
    assert tuning(replace(asked, storage=replace(asked.storage, holds=has))).quota == quota * GIBIBYTE


@pytest.mark.parametrize("minor", NEWEST)
def test_every_minor_version_has_its_choices(minor: int) -> None:
    spec = a_spec(version=str(NEWEST[minor]))
    assert tuning(spec) == Tuning(4 * GIBIBYTE, "Periodic", "1h", 10_000, 100, 1000)
    assert {choice.setting: choice.value for choice in choices(spec)} == {
        "etcd.quota": "4Gi",
        "etcd.autoCompaction.retention": "1h",
        "etcd.snapshotCount": "10000",
        "etcd.heartbeatMs": "100",
        "etcd.electionMs": "1000",
    }
    assert all(choice.reason for choice in choices(spec))


def test_history_that_is_counted_in_revisions_has_a_number_of_its_own() -> None:
    spec = a_spec(etcd={"autoCompaction": {"mode": "Revision"}})
    assert tuning(spec).compaction_retention == "10000"


def test_what_is_written_is_not_chosen() -> None:
    written = {
        "quota": "1.5Gi",
        "autoCompaction": {"mode": "Periodic", "retention": "9h"},
        "snapshotCount": 500,
        "heartbeatMs": 50,
        "electionMs": 700,
    }
    spec = a_spec(etcd=written)
    assert tuning(spec) == Tuning(3 * GIBIBYTE // 2, "Periodic", "9h", 500, 50, 700)
    assert list(choices(spec)) == []


@pytest.mark.parametrize(
    ("memory", "quota", "warns"),
    [("1Gi", "2Gi", True), ("2Gi", "2Gi", False), ("1Gi", "auto", False), (None, "8Gi", False)],
)
def test_a_memory_limit_below_the_quota_is_warned_of(memory: str | None, quota: str, *, warns: bool) -> None:
    spec = limited(memory, etcd={"quota": quota}, storage={"size": "32Gi"})
    said = warning(spec)
    assert (said is not None) is warns
    assert said is None or said.startswith("the memory limit of 1Gi is below etcd's quota of 2Gi")
