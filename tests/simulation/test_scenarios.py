"""Every scenario ends as it must, however the operator crashes, loses calls, reads what is stale, or comes too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation import scenarios
from tests.simulation.crew import Job

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("job", [Job(scenario.name) for scenario in scenarios.ALL], ids=str)
def test_it_ends_as_it_must_whatever_goes_wrong_on_the_way(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)
