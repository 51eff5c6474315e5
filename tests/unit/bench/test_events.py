"""What is made of the runs of a scenario in which something happens."""

from typing import Any

from e2e.bench.events import Event, figures
from e2e.bench.history import History, Write
from e2e.bench.probe import Served


def run(seconds: float, *, gap: float = 50.0, control: float = 40.0, failed: int = 0, **more: float) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "longest_write_gap_ms": gap,
        "control_longest_write_gap_ms": control,
        "failed_writes": failed,
        **more,
    }


S = [{"seconds": seconds} for seconds in (4.0, 5.0, 60.0)]


def test_the_extra_gap_is_the_difference_of_the_medians_and_not_the_median_of_the_differences() -> None:
    runs = [run(1, gap=100, control=90), run(1, gap=200, control=20), run(1, gap=300, control=30)]
    found = figures(runs, S)
    assert found["longest_write_gap_ms"] == 200
    assert found["extra_write_gap_ms"] == 170


def test_one_failed_write_in_one_run_is_not_lost_in_a_median() -> None:
    assert figures([run(1), run(1), run(1, failed=2)], S)["failed_writes"] == 2


def test_the_ratio_is_that_of_the_median_over_the_median_of_s() -> None:
    assert figures([run(8), run(9), run(100)], S)["ratio"] == 1.8


def test_what_is_counted_beyond_kubernetes_patience_has_its_own_ratio() -> None:
    runs = [run(36.0, beyond_patience_seconds=10.0)]
    found = figures(runs, S, of="beyond_patience_seconds")
    assert found["ratio"] == 2.0
    assert found["seconds"] == 36.0


def test_a_run_tells_how_long_it_took_and_what_an_application_noticed_and_when() -> None:
    during = History((Write(0, 9.5, 9.6), Write(1, 10.25, None, "no answer"), Write(2, 11.0, 11.1)))
    control = History((Write(3, 20.0, 20.0), Write(4, 20.0, 20.05)))
    event = Event(
        10.0,
        Served(redundant=12.0, all=12.5, answered={}, served={}, listings=()),
        13.0,
        during,
        control,
        {"pods_deleted": 0.1},
    )
    found = event.run()
    assert found["seconds"] == 2.0
    assert found["all_serve_seconds"] == 2.5
    assert found["settled_seconds"] == 3.0
    assert found["longest_write_gap_ms"] == 1500.0
    assert found["longest_write_gap_after_seconds"] == -0.4
    assert found["control_longest_write_gap_ms"] == 50.0
    assert (found["writes"], found["failed_writes"], found["failures"]) == (3, 1, ["+0.25 s: no answer"])
