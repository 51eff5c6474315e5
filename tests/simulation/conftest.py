"""One event loop, one crew and one count for all simulations."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog

from etcd_operator import pki
from tests.simulation.crew import Crew, Job
from tests.simulation.explore import Tally
from tests.simulation.quick import quiet_and_quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session", autouse=True)
def _quiet_and_quick() -> Iterator[None]:
    """As in the processes of the crew, and as it was before for the tests after these."""
    before = structlog.get_config()
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(pki, "issue", pki.issue)
        quiet_and_quick()
        yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop in which the operator's passes run; nothing in them ever waits."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def crew(request: pytest.FixtureRequest) -> Iterator[Crew]:
    """The crew, at work on the jobs of all tests that were selected."""
    params = (item.callspec.params for item in request.session.items if hasattr(item, "callspec"))
    crew = Crew([param["job"] for param in params if "job" in param])
    yield crew
    crew.dismiss()


@pytest.fixture
def explored(crew: Crew, request: pytest.FixtureRequest) -> Callable[[Job], None]:
    """Waits for the result of a job, and adds to the count of the session."""
    tally = request.config.stash.setdefault(TALLY, Tally())
    return lambda job: tally.add(crew.result(job))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was tried."""
    tally = config.stash.get(TALLY, None)
    if tally is not None:
        terminalreporter.section("simulation")
        terminalreporter.line(
            f"{tally.scenarios} scenarios, {tally.perturbations} disturbed runs, {tally.ticks} ticks, "
            f"{len(tally.states)} distinct states"
        )
