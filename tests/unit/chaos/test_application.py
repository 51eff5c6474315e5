"""The application, against a store in memory."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from e2e.chaos import linearizable, revisions
from e2e.chaos.application import SHARES, Application
from e2e.chaos.client import Client, Found, Swap
from e2e.chaos.operations import Operation, Outcome, Verb
from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import UnansweredError, UnreachableError

ONE, OTHER = (Endpoint(name, f"10.0.0.{number}:2379", None) for number, name in enumerate(("one", "other"), start=1))


@dataclass
class Store:
    """One register for each key; `down` members cannot be reached, `mute` ones do what is asked and do not answer."""

    down: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    revision: int = 1
    values: dict[str, tuple[str, int]] = field(default_factory=dict)

    async def read(self, at: Endpoint, key: str, *, within: float) -> Found:
        """What is there."""
        await self._answer(at, within, changes=False)
        value, mod_revision = self.values.get(key, (None, 0))
        return Found(value, mod_revision, self.revision)

    async def write(self, at: Endpoint, key: str, value: str, *, within: float) -> int:
        """Keep the value."""
        if at.member not in self.down:
            self._put(key, value)
        await self._answer(at, within, changes=True)
        return self.values[key][1]

    async def swap(self, at: Endpoint, key: str, value: str, *, expected: str, within: float) -> Swap:
        """Keep the value if the other one is there."""
        done = at.member not in self.down and self.values[key][0] == expected
        if done:
            self._put(key, value)
        found = Found(*self.values[key], self.revision)
        await self._answer(at, within, changes=True)
        return Swap(done, found)

    def _put(self, key: str, value: str) -> None:
        self.revision += 1
        self.values[key] = (value, self.revision)

    async def _answer(self, at: Endpoint, within: float, *, changes: bool) -> None:
        if at.member in self.down:
            raise UnreachableError(at.member, "no route")
        if at.member in self.mute:
            raise UnansweredError(at.member, f"no answer within {within} s", outcome_unknown=changes)


async def history(store: Store, *endpoints: Endpoint, enough: int, clients: int = 3) -> list[Operation]:
    """What an application tells until it has told `enough`."""
    found: list[Operation] = []
    until = asyncio.Event()

    def tell(done: Operation) -> None:
        found.append(done)
        if len(found) >= enough:
            until.set()

    application = Application(cast("Client", store), ("x", "y"), 3000.0, clients, "seed", tell, endpoints)
    await application.run(until)
    return found


async def test_all_that_it_tells_of_a_good_store_is_proved() -> None:
    found = await history(Store(), ONE, OTHER, enough=300)
    assert {each.outcome for each in found} == {Outcome.OK}
    assert linearizable.violations(found) == ()
    assert revisions.violations(found) == ()
    assert {each.member for each in found} == {"one", "other"}


async def test_it_reads_writes_and_swaps_and_most_swaps_are_done() -> None:
    found = await history(Store(), ONE, enough=400)
    counted = Counter(each.verb for each in found)
    assert all(counted[verb] > 400 * share / 100 / 2 for verb, share in SHARES.items())
    assert any(each.swapped for each in found)


async def test_every_value_and_every_number_is_there_once() -> None:
    found = await history(Store(), ONE, enough=200)
    assert len({each.number for each in found}) == len(found)
    written = [each.written for each in found if each.written is not None]
    assert len(set(written)) == len(written)


async def test_a_store_that_loses_a_write_is_found_out() -> None:
    class Forgetful(Store):
        def _put(self, key: str, value: str) -> None:
            self.revision += 1
            if self.revision != 30:
                self.values[key] = (value, self.revision)

    found = await history(Forgetful(), ONE, enough=300)
    assert linearizable.violations(found) or revisions.violations(found)


async def test_an_operation_that_is_not_answered_goes_on_elsewhere_and_its_outcome_is_told() -> None:
    found = await history(Store(mute={"one"}), ONE, OTHER, enough=60, clients=1)
    assert found[0].member == "one"
    assert {each.member for each in found[1:]} == {"other"}
    assert found[0].outcome is (Outcome.FAILED if found[0].verb is Verb.READ else Outcome.UNKNOWN)


async def test_a_write_that_was_never_sent_has_failed() -> None:
    found = await history(Store(down={"one"}), ONE, enough=30)
    assert {each.outcome for each in found} == {Outcome.FAILED}
    assert "no route" in found[0].error


async def test_a_write_of_unknown_outcome_that_was_done_is_proved_all_the_same() -> None:
    found = await history(Store(mute={"one"}), ONE, OTHER, enough=300)
    assert linearizable.violations(found) == ()
    assert revisions.violations(found) == ()


async def test_one_client_does_one_thing_at_a_time() -> None:
    found = await history(Store(), ONE, enough=100, clients=1)
    assert all(earlier.completed <= later.invoked for earlier, later in pairwise(found))


def test_an_operation_is_the_same_after_it_was_a_line() -> None:
    done = Operation(
        3, Verb.SWAP, "x", "one", 1.5, 2.5, Outcome.OK, written="3", expected="2", swapped=True, revision=9
    )
    assert Operation.of(done.line()) == done
