"""Accidents at each moment of what is done to a cluster, not only where one thought of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.crew import Job
from tests.simulation.interruptions import ALL

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("job", [Job(story) for story in ALL], ids=str)
def test_a_cluster_gets_over_whatever_befalls_it_at_any_moment_of(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)
