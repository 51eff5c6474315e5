"""The benchmarks as a command."""

from typing import Any

import pytest
from typer.testing import CliRunner

from e2e.bench.__main__ import SCENARIOS, app
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import Result
from e2e.cluster import NotOurClusterError


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    answer = CliRunner().invoke(app, ["creation"])
    assert answer.exit_code == 2
    for name in SCENARIOS:
        assert name in answer.output


def test_fewer_than_one_run_is_refused() -> None:
    assert CliRunner().invoke(app, ["create", "--runs", "0"]).exit_code == 2


def test_what_needs_power_over_nodes_is_skipped_on_a_cluster_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def end(self) -> None:
            """There is nothing to end."""

    def refused(_: Any) -> Result:
        raise NotOurClusterError("cannot power node-2 off: the cluster was not made here")

    def start(*_: Any, **__: Any) -> Nowhere:
        return Nowhere()

    monkeypatch.setattr(Bench, "start", start)
    monkeypatch.setitem(SCENARIOS, "node-lost", Scenario("", (), refused))
    answer = CliRunner().invoke(app, ["node-lost"])
    assert answer.exit_code == 0
    assert "node-lost is not measured: cannot power node-2 off" in answer.output
