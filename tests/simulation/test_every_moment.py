"""Accidents at each moment of a creation, a scale-out, a scale-in and a replacement, not only where one thought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.crew import Job
from tests.simulation.interruptions import ALL

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("job", [Job("a creation", accident.says) for accident in ALL["a creation"][1]], ids=str)
def test_a_creation_gets_over_it_at_any_moment(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)


@pytest.mark.parametrize("job", [Job("a scale-out", accident.says) for accident in ALL["a scale-out"][1]], ids=str)
def test_a_scale_out_gets_over_it_at_any_moment(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)


@pytest.mark.parametrize("job", [Job("a scale-in", accident.says) for accident in ALL["a scale-in"][1]], ids=str)
def test_a_scale_in_gets_over_it_at_any_moment(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)


@pytest.mark.parametrize("job", [Job("a replacement", accident.says) for accident in ALL["a replacement"][1]], ids=str)
def test_a_replacement_gets_over_it_at_any_moment(explored: Callable[[Job], None], job: Job) -> None:
    explored(job)
