"""What a person is shown."""

from io import StringIO

from rich.console import Console

from e2e.bench import report
from e2e.bench.results import Goal, Result


def shown(result: Result, *goals: Goal) -> str:
    screen = StringIO()
    report.show(Console(width=120, file=screen), result, goals)
    return screen.getvalue()


def test_every_run_stands_beside_the_median() -> None:
    text = shown(Result("create", [{"seconds": seconds} for seconds in (7.25, 9.5, 8.0)]))
    assert [cell.strip() for cell in text.splitlines()[4].strip("│").split("│")] == [
        "seconds", "7.25", "9.50", "8.00", "8.00",
    ]  # fmt: skip


def test_runs_of_different_dns_settings_have_tables_of_their_own() -> None:
    text = shown(Result("create", [{"dns": "plain", "seconds": 7.0}, {"dns": "caching", "seconds": 9.0}]))
    assert "create: ours, plain DNS" in text
    assert "create: ours, caching DNS" in text
    assert "7.00" in text.partition("caching DNS")[0]


def test_stages_stand_beside_the_other_figures() -> None:
    assert report.flat({"seconds": 8.0, "stages_seconds": {"formed": 7.5}}) == {"seconds": 8.0, "formed": 7.5}


def test_what_is_true_or_false_has_no_median() -> None:
    text = shown(Result("scale-in", [{"leader_removed": True}, {"leader_removed": False}]))
    assert [cell.strip() for cell in text.splitlines()[4].strip("│").split("│")] == ["leader_removed", "yes", "no", ""]


def test_what_failed_writes_complained_of_is_in_the_file_and_not_in_the_table() -> None:
    assert report.flat({"seconds": 8.0, "failures": ["+0.10 s: no answer"]}) == {"seconds": 8.0}


def test_figures_without_a_goal_are_shown_too() -> None:
    text = shown(Result("idle", [], figures={"failed_writes": 3, "api_writes": 0}), Goal("api_writes", "≤", 0))
    assert "failed_writes: 3" in text
    assert "api_writes ≤ 0: met, it is 0" in text
