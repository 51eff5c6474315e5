"""The judgement of the benchmarks."""

import json
from pathlib import Path

import pytest

from e2e.bench import create, report
from e2e.bench.__main__ import SCENARIOS
from e2e.bench.results import Goal, Result, missed, ratio


@pytest.mark.parametrize(
    ("relation", "value", "met"), [("≤", 1.6, True), ("≤", 1.61, False), ("<", 1.99, True), ("<", 2.0, False)]
)
def test_a_bound_holds_up_to_itself_or_short_of_it(relation: str, value: float, *, met: bool) -> None:
    bound = 1.6 if relation == "≤" else 2.0
    goal = Goal("figure", "≤" if relation == "≤" else "<", bound)
    assert goal.met(value) is met
    assert missed([goal], {"figure": value}) == (() if met else (goal,))


def test_a_verdict_says_what_was_wanted_and_what_was_found() -> None:
    goal = Goal("ratio", "≤", 1.6)
    assert goal.verdict({"ratio": 1.25}) == "ratio ≤ 1.6: met, it is 1.25"
    assert goal.verdict({"ratio": 2.5}) == "ratio ≤ 1.6: NOT met, it is 2.5"


def test_what_a_cluster_cannot_measure_is_neither_met_nor_missed() -> None:
    goal = Goal("ratio_caching_dns", "≤", 1.6)
    assert goal.verdict({}) == "ratio_caching_dns ≤ 1.6: not measured on this cluster"
    assert missed([goal], {}) == ()


def test_a_ratio_is_that_of_the_medians() -> None:
    ours = [{"seconds": seconds} for seconds in (6.0, 60.0, 9.0)]
    baseline = [{"seconds": seconds} for seconds in (0.1, 6.0, 8.0)]
    assert ratio(ours, baseline, of="seconds") == 1.5


def test_two_figures_of_different_names_can_be_compared() -> None:
    assert ratio([{"beyond": 3.0}], [{"seconds": 2.0}], of="beyond", over="seconds") == 1.5


def test_each_dns_setting_is_held_against_the_baseline_with_plain_dns() -> None:
    ours = [{"dns": "plain", "seconds": 8.0}, {"dns": "caching", "seconds": 9.0}]
    assert create.figures(ours, [{"seconds": 5.0}]) == {"ratio": 1.6, "ratio_caching_dns": 1.8}


def test_a_cluster_whose_dns_cannot_be_switched_gives_one_ratio() -> None:
    assert create.figures([{"dns": "plain", "seconds": 8.0}], [{"seconds": 5.0}]) == {"ratio": 1.6}


def test_the_file_holds_the_runs_of_both_sides_and_the_figures(tmp_path: Path) -> None:
    result = Result("create", [{"seconds": 8.0}], [{"seconds": 5.0}], {"ratio": 1.6})
    file = report.write(result, tmp_path / "build" / "bench")
    assert file.name == "create.json"
    assert json.loads(file.read_text()) == {
        "scenario": "create",
        "runs": [{"seconds": 8.0}],
        "baseline": [{"seconds": 5.0}],
        "ratio": 1.6,
    }


def test_a_scenario_without_a_baseline_names_none() -> None:
    document = Result("idle", [{"api_writes": 0}], figures={"api_writes": 0}).document()
    assert document == {"scenario": "idle", "runs": [{"api_writes": 0}], "api_writes": 0}


def test_the_goals_are_those_of_the_design() -> None:
    quiet = (Goal("extra_write_gap_ms", "≤", 100), Goal("failed_writes", "≤", 0))
    assert {name: tuple(scenario.goals) for name, scenario in SCENARIOS.items()} == {
        "create": (Goal("ratio", "≤", 1.6), Goal("ratio_caching_dns", "≤", 1.6)),
        "idle": (Goal("api_writes", "≤", 0), Goal("cpu_percent", "<", 2), Goal("peak_rss_mib", "≤", 120)),
        "scale-out": (Goal("ratio", "≤", 1.8), *quiet),
        "scale-in": (Goal("ratio", "≤", 0.5), *quiet),
        "one-to-three": (Goal("extra_seconds", "≤", 5), Goal("failed_writes", "≤", 0)),
        "scale-back": (Goal("extra_seconds", "≤", 5), Goal("failed_writes", "≤", 0)),
        "pod-deleted": (Goal("ratio", "≤", 1.5),),
        "leader-killed": (Goal("ratio", "≤", 1.2), Goal("gap_ratio", "≤", 1.2)),
        "leader-drained": (Goal("extra_write_gap_ms", "≤", 100),),
        "volume-lost": (Goal("ratio", "≤", 2),),
        "node-lost": (Goal("ratio", "≤", 2),),
        "config-roll": (Goal("ratio", "≤", 1.6), *quiet),
        "patch-upgrade": quiet,
        "upgrade": quiet,
        "downgrade": quiet,
        "resize-storage": quiet,
    }
