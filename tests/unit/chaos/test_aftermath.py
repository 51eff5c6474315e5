"""The last looks at the data, against members in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from e2e.chaos.aftermath import AT_ONCE, lost, read_all, record_is_clean, same_data
from e2e.chaos.client import Client, Found
from e2e.chaos.operations import Operation
from etcd_operator.etcd.client import Endpoint, EtcdClient, KeyspaceHash, Status
from etcd_operator.observation import Departure, Leaver, Record, Removal, Suspect
from etcd_operator.plan.model import Plan
from tests.builders import an_observation
from tests.unit.chaos.histories import write
from tests.unit.status.write import status_of

ONE, OTHER = (Endpoint(name, f"10.0.0.{number}:2379", None) for number, name in enumerate(("one", "other"), start=1))


@dataclass
class History:
    """The values of one key by revision, as all members have them."""

    values: Mapping[int, str]
    asked: list[str] = field(default_factory=list)

    async def read(self, at: Endpoint, _: str, *, revision: int = 0, within: float) -> Found:
        """Answer as of a revision, or now."""
        assert within > 0
        self.asked.append(at.member)
        newest = max(self.values)
        known = [each for each in self.values if each <= (revision or newest)]
        return Found(self.values[max(known)], max(known), newest) if known else Found(None, 0, newest)


WRITES = [replace(write(f"v{number}", number, number + 0.5), revision=number) for number in range(2, AT_ONCE + 10)]


async def missing(values: Mapping[int, str], *writes: Operation) -> str:
    """What is said of the first lost write."""
    found = await lost(cast("Client", History(values)), writes or WRITES, (ONE, OTHER))
    return "" if not found else f"{found[0].promise}, {found[0].operations[0].written}"


WHOLE = {each.revision: str(each.written) for each in WRITES}


async def test_writes_that_were_overwritten_are_found_at_their_own_revisions() -> None:
    assert not await missing(WHOLE)


async def test_a_write_that_nobody_remembers_is_lost_though_a_later_one_stands() -> None:
    gone = {revision: value for revision, value in WHOLE.items() if revision != AT_ONCE + 5}
    number = AT_ONCE + 5
    assert await missing(gone) == f"lost: at revision {number} there is v{number - 1} of {number - 1}, v{number}"


async def test_the_first_write_of_a_key_is_lost_when_there_is_no_key_then() -> None:
    assert await missing({9: "v9"}, WRITES[0]) == "lost: at revision 2 there is None of 0, v2"


async def test_another_value_at_the_same_revision_is_a_loss() -> None:
    assert "there is other of 3" in await missing({**WHOLE, 3: "other"})


async def test_all_members_are_asked_for_the_past() -> None:
    history = History(WHOLE)
    await lost(cast("Client", history), WRITES, (ONE, OTHER))
    assert history.asked.count("one") == history.asked.count("other") == len(WRITES) // 2


async def test_each_key_is_read_through_each_member_with_a_number_of_its_own() -> None:
    reads = await read_all(cast("Client", History(WHOLE)), ("x", "y"), (ONE, OTHER), first=7)
    assert [(each.number, each.member, each.key) for each in reads] == [
        (7, "one", "x"), (8, "one", "y"), (9, "other", "x"), (10, "other", "y"),
    ]  # fmt: skip
    assert {(each.seen, each.mod_revision) for each in reads} == {(WRITES[-1].written, WRITES[-1].revision)}


@dataclass
class Members:
    """Members with these hashes, by name; the first is ahead of the others."""

    hashes: Mapping[str, int]

    async def status(self, at: Endpoint, *, within: float) -> Status:
        """Tell the newest revision."""
        assert within > 0
        revision = 9 if at is ONE else 7
        return Status(1, 1, 1, 1, 1, 1, revision, "3.6.16", 1, is_learner=False, errors=())

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:
        """Tell the hash of that revision."""
        assert within > 0
        assert revision == 9, "each is asked about the newest revision of all"
        return KeyspaceHash(self.hashes[at.member], -1, revision)


async def test_equal_hashes_are_the_same_data() -> None:
    await same_data(cast("EtcdClient", Members({"one": 5, "other": 5})), (ONE, OTHER))


async def test_different_hashes_are_told_with_the_members() -> None:
    with pytest.raises(AssertionError, match=r"do not hold the same data at revision 9.*other"):
        await same_data(cast("EtcdClient", Members({"one": 5, "other": 6})), (ONE, OTHER))


@pytest.mark.parametrize(
    "record",
    [{"members": ["a"]}, {"members": ["a"], "joining": [], "left": []}, {"members": ["a"], "version": "3.6.16"}],
)
def test_a_record_of_members_and_what_they_run_is_clean(record: dict[str, Any]) -> None:
    record_is_clean({"membership": record})


LEFT = {
    "joining": Record(members=("a",), joining=("b",)),
    "removing": Record(members=("a",), removing=Removal("a", Departure.NODE_LOST, "its node is away")),
    "left": Record(members=("a",), left=(Leaver("b", keep_claim=False),)),
    "suspects": Record(members=("a",), suspects=(Suspect("a", "uid"),)),
    "snapshots": Record(members=("a",), snapshots=True),
}


@pytest.mark.parametrize(("what", "record"), LEFT.items())
def test_what_the_operator_records_only_for_a_while_is_told(what: str, record: Record) -> None:
    status = status_of(an_observation(), Plan("Stable", "everything is as specified", record))
    with pytest.raises(AssertionError, match=what):
        record_is_clean(status)
