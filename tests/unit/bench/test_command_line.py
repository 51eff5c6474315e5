"""The benchmarks as a command."""

from typing import Any

import pytest
from typer.testing import CliRunner

from e2e.bench.__main__ import SCENARIOS, app
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import NotMeasuredError, Result
from e2e.cluster import NotOurClusterError


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    answer = CliRunner().invoke(app, ["creation"])
    assert answer.exit_code == 2
    for name in SCENARIOS:
        assert name in answer.output


def test_fewer_than_one_run_is_refused() -> None:
    assert CliRunner().invoke(app, ["create", "--runs", "0"]).exit_code == 2


class Nowhere:
    """A bench without a cluster."""

    def end(self) -> None:
        """There is nothing to end."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: Any, **__: Any) -> Nowhere:
        return Nowhere()

    monkeypatch.setattr(Bench, "start", start)


def fails(error: Exception) -> Scenario:
    def measure(_: Any) -> Result:
        raise error

    return Scenario("", (), measure)


def test_what_needs_power_over_nodes_is_skipped_on_a_cluster_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = NotOurClusterError("cannot power node-2 off: the cluster was not made here")
    monkeypatch.setitem(SCENARIOS, "node-lost", fails(elsewhere))
    answer = CliRunner().invoke(app, ["node-lost"])
    assert answer.exit_code == 0
    assert "node-lost is not measured: cannot power node-2 off" in answer.output


def test_a_scenario_that_cannot_be_measured_keeps_no_other_from_it_and_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SCENARIOS, "scale-out", fails(NotMeasuredError("5 voters did not all answer")))
    monkeypatch.setitem(SCENARIOS, "scale-in", fails(AssertionError("not within 180 s")))
    answer = CliRunner().invoke(app, ["scale-out", "scale-in"])
    assert answer.exit_code == 1
    assert "scale-out is not measured: 5 voters did not all answer" in answer.output
    assert "scale-in is not measured: not within 180 s" in answer.output
