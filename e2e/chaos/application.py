"""Clients that never stop: each does one operation after the other on a few keys, and notes what it was told."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from e2e.chaos.client import Client
from e2e.chaos.operations import Operation, Outcome, Verb
from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import EtcdError

DEADLINE = 1.0
"""Seconds after which a client gives an operation up; what becomes of it is unknown then."""

SHARES = {Verb.READ: 45, Verb.WRITE: 35, Verb.SWAP: 20}
"""How often each is done, in per cent."""


@dataclass
class Application:
    """Some clients of one cluster, in one event loop.

    `endpoints` are those of now, in their order, and may be replaced at any time; `rate` is the sum of all clients, in
    operations a second, and what waits for an answer makes it less; `tell` gets each operation as it ends.
    """

    client: Client
    keys: Sequence[str]
    rate: float
    clients: int
    seed: str
    tell: Callable[[Operation], None]
    endpoints: Sequence[Endpoint] = ()
    _seen: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, until: asyncio.Event) -> None:
        """Work until told otherwise; returns when every operation under way has ended."""
        await asyncio.gather(*(self._work(number, until) for number in range(self.clients)))

    async def _work(self, worker: int, until: asyncio.Event) -> None:
        chance = random.Random(f"{self.seed}/{worker}")  # noqa: S311 - it must be repeatable, not secret
        turn, pause = worker, self.clients / self.rate
        await _rest(pause * worker / self.clients, until)
        while not until.is_set():
            began = time.monotonic()
            if self.endpoints:
                done = await self._do(self.endpoints[turn % len(self.endpoints)], chance)
                self.tell(done)
                turn += done.outcome is not Outcome.OK
            await _rest(began + pause - time.monotonic(), until)

    async def _do(self, at: Endpoint, chance: random.Random) -> Operation:
        number, key = next(self._numbers), chance.choice(self.keys)
        (verb,) = chance.choices(list(SHARES), list(SHARES.values()))
        expected = self._seen.get(key)
        if verb is Verb.SWAP and expected is None:
            verb = Verb.READ
        asked = _Asked(number, verb, key, at, time.monotonic(), expected if verb is Verb.SWAP else None)
        try:
            done = await self._ask(asked)
        except EtcdError as error:
            # A read that was not answered changed nothing, whatever became of it.
            return asked.ended(Outcome.UNKNOWN if error.outcome_unknown else Outcome.FAILED, error=str(error))
        value = done.written if done.acknowledged else done.seen
        if value is not None:
            self._seen[key] = value
        return done

    async def _ask(self, asked: "_Asked") -> Operation:
        match asked.verb:
            case Verb.READ:
                found = await self.client.read(asked.at, asked.key, within=DEADLINE)
                return asked.ended(
                    Outcome.OK, seen=found.value, revision=found.revision, mod_revision=found.mod_revision
                )
            case Verb.WRITE:
                revision = await self.client.write(asked.at, asked.key, asked.value, within=DEADLINE)
                return asked.ended(Outcome.OK, revision=revision, mod_revision=revision)
            case Verb.SWAP:
                assert asked.expected is not None
                swap = await self.client.swap(
                    asked.at, asked.key, asked.value, expected=asked.expected, within=DEADLINE
                )
                return asked.ended(
                    Outcome.OK,
                    swapped=swap.done,
                    seen=None if swap.done else swap.found.value,
                    revision=swap.found.revision,
                    mod_revision=swap.found.mod_revision,
                )


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    verb: Verb
    key: str
    at: Endpoint
    invoked: float
    expected: str | None

    @property
    def value(self) -> str:
        """What it writes: no other operation writes the same."""
        return str(self.number)

    def ended(
        self,
        outcome: Outcome,
        *,
        swapped: bool = False,
        seen: str | None = None,
        revision: int = 0,
        mod_revision: int = 0,
        error: str = "",
    ) -> Operation:
        """The operation, completed now."""
        return Operation(
            number=self.number,
            verb=self.verb,
            key=self.key,
            member=self.at.member,
            invoked=self.invoked,
            completed=time.monotonic(),
            outcome=outcome,
            written=None if self.verb is Verb.READ else self.value,
            expected=self.expected,
            swapped=swapped,
            seen=seen,
            revision=revision,
            mod_revision=mod_revision,
            error=error,
        )


async def _rest(seconds: float, until: asyncio.Event) -> None:
    """Return after `seconds`, or as soon as the event is set."""
    try:
        await asyncio.wait_for(until.wait(), max(seconds, 0))
    except TimeoutError:
        return
