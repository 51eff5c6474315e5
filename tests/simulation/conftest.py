"""One event loop and one count for all simulations, and certificates that are signed once, not a thousand times."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from etcd_operator import pki
from tests.simulation.explore import Explorer, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session", autouse=True)
def _quiet_and_quick() -> Iterator[None]:
    """Silence the operator's log, and let one authority sign each leaf only once a day.

    Signing alone would take a third of the time; a leaf that was signed before is as good as a new one here.
    """
    signed: dict[object, pki.KeyPair] = {}
    issue = pki.issue

    def issue_once(ca: pki.KeyPair, profile: pki.Profile, **how: Any) -> pki.KeyPair:
        key = (ca.certificate, profile, how["common_name"], tuple(how["names"]), how["now"].date())
        if key not in signed:
            signed[key] = issue(ca, profile, **how)
        return signed[key]

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(pki, "issue", issue_once)
        yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop in which the operator's passes run; nothing in them ever waits."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def explorer(loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Explorer:
    """An explorer that adds to the count of the session."""
    return Explorer(loop, request.config.stash.setdefault(TALLY, Tally()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was tried."""
    tally = config.stash.get(TALLY, None)
    if tally is not None:
        terminalreporter.section("simulation")
        terminalreporter.line(
            f"{tally.scenarios} scenarios, {tally.perturbations} disturbed runs, {tally.ticks} ticks, "
            f"{len(tally.states)} distinct states"
        )
