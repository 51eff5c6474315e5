"""Every scenario ends as it must, however the operator crashes, loses calls, reads what is stale, or comes too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation import scenarios

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer
    from tests.simulation.scenario import Scenario


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.name)
def test_it_ends_as_it_must_whatever_goes_wrong_on_the_way(explorer: Explorer, scenario: Scenario) -> None:
    explorer.explore(scenario)
