"""What a stable cluster cost, from two readings."""

from dataclasses import replace
from typing import Any

import pytest

from e2e.bench.idle import Reading, changes, figures, neighbours, runs
from e2e.bench.process import Usage, cpu_seconds, peak_rss_mib
from e2e.bench.results import NotMeasuredError

STAT = "1 (etcd operator) x) S 0 1 1 0 -1 4194560 9 8 7 6 1234 66 5 4 20 0 7 0 100 900 800 18446744073709551615"
STATUS = "Name:\tetcd-operator\nVmPeak:\t  900000 kB\nVmHWM:\t   98304 kB\nVmRSS:\t   90000 kB\n"

FIRST = Reading(at=100.0, leader="a", writes=40, usage=Usage(10.0, 90.0), versions={"Pod orders": "7", "Event e": "8"})
LAST = replace(FIRST, at=400.0, usage=Usage(13.0, 96.0))


def test_processor_time_is_the_share_of_one_core_over_the_whole_time() -> None:
    assert figures([FIRST, LAST])["cpu_percent"] == 1.0


def test_the_peak_of_memory_is_the_last_one_read() -> None:
    assert figures([FIRST, LAST])["peak_rss_mib"] == 96.0


def test_a_stable_cluster_has_no_writes() -> None:
    assert figures([FIRST, LAST])["api_writes"] == 0


def test_writes_that_the_operators_count_are_writes() -> None:
    assert figures([FIRST, replace(LAST, writes=42)])["api_writes"] == 2


@pytest.mark.parametrize("versions", [{"Pod orders": "9", "Event e": "8"}, {**FIRST.versions, "Event new": "9"}])
def test_an_object_that_changed_was_written_whatever_the_operators_count(versions: dict[str, str]) -> None:
    assert figures([FIRST, replace(LAST, versions=versions)])["api_writes"] == 1


def test_an_event_that_went_by_age_was_not_written() -> None:
    assert changes(FIRST, replace(LAST, versions={"Pod orders": "7"})) == []


def test_another_leader_makes_the_figures_worthless() -> None:
    with pytest.raises(NotMeasuredError, match="b leads instead of a"):
        figures([FIRST, replace(LAST, leader="b")])


def test_each_stretch_has_its_own_figures_and_the_whole_has_those_of_all() -> None:
    middle = replace(FIRST, at=200.0, usage=Usage(12.0, 95.0))
    assert [run["cpu_percent"] for run in runs([FIRST, middle, LAST])] == [2.0, 0.5]
    assert [run["seconds"] for run in runs([FIRST, middle, LAST])] == [100.0, 200.0]
    assert figures([FIRST, middle, LAST])["cpu_percent"] == 1.0


def test_a_stable_neighbour_is_named_and_one_that_needs_work_spoils_the_figures() -> None:
    def cluster(name: str, action: str) -> dict[str, Any]:
        return {"metadata": {"namespace": "shop", "name": name}, "status": {"plan": {"action": action}}}

    assert neighbours([cluster("orders", "Stable")]) == ["shop/orders"]
    with pytest.raises(NotMeasuredError, match=r"work to do for shop/stuck \(FormCluster\)"):
        neighbours([cluster("orders", "Stable"), cluster("stuck", "FormCluster")])


def test_the_kernels_figures_are_read_whatever_the_program_is_called() -> None:
    assert cpu_seconds(STAT) == 13.0
    assert peak_rss_mib(STATUS) == 96.0


def test_a_process_that_has_ended_has_no_peak() -> None:
    with pytest.raises(NotMeasuredError, match="has ended"):
        peak_rss_mib("Name:\tetcd-operator\nState:\tZ (zombie)\n")
