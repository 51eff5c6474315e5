"""The benchmarks as a command."""

from typer.testing import CliRunner

from e2e.bench.__main__ import SCENARIOS, app


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    answer = CliRunner().invoke(app, ["creation"])
    assert answer.exit_code == 2
    for name in SCENARIOS:
        assert name in answer.output


def test_fewer_than_one_run_is_refused() -> None:
    assert CliRunner().invoke(app, ["create", "--runs", "0"]).exit_code == 2
