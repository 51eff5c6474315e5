"""What real etcd says last on damaged data, and in troubles that are none: only for the former is a volume deleted.

One follower of three is killed. Then it gets a copy of its data again and again, damaged in another way each time.
"""

import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from etcd_operator.observe.evidence import damage
from tests.integration.etcd_servers import Lab, Server, healthy, until

WITHIN = 3.0
KEPT_LINES, KEPT_BYTES = 80, 2048
"""What Kubernetes keeps of a log as the termination message."""

NOT_NAMED = "someone-else=http://127.0.0.1:1"
AS_IN_A_POD = {"GOTRACEBACK": "none"}
EARLY = [f"early/{number:04}".encode() for number in range(60)]
LATE = [f"later/{number:04}".encode() for number in range(60)]
PAGE = 4096

CONFIRMED_ENTRIES_ARE_GONE = "its write-ahead log has lost entries that it had confirmed"


@dataclass(frozen=True, slots=True)
class Patient:
    """The follower. Its peers run on, and the leader remembers what it had confirmed when it was killed.

    `now` is a copy of its data directory of that moment, `before` one from when it had only the early keys.
    """

    server: Server
    peers: tuple[Server, ...]
    now: Path
    before: Path

    @property
    def log(self) -> Path:
        """The only file of its write-ahead log."""
        (file,) = (self.server.data / "member" / "wal").glob("*.wal")
        return file

    @property
    def database(self) -> Path:
        """Its database."""
        return self.server.data / "member" / "snap" / "db"

    def give(self, data: Path) -> None:
        """Let it have a copy of this data and nothing else."""
        self.server.close()
        shutil.rmtree(self.server.data)
        shutil.copytree(data, self.server.data)

    def keep(self, data: Path) -> None:
        """Kill it, and make this the copy of its data."""
        self.server.kill()
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.server.data, data)

    def start(self, *arguments: str) -> None:
        """Start it as its Pod does."""
        self.server.start(NOT_NAMED, state="existing", arguments=arguments, environment=AS_IN_A_POD)

    async def last_words(self, *arguments: str) -> str:
        """Start it, and return what it said last when it has ended."""
        self.start(*arguments)
        return await last_words(self.server)


async def last_words(server: Server) -> str:
    """What Kubernetes keeps of what `server` wrote, once it has ended."""

    async def ended() -> int:
        return server.exit_code()

    await until(ended)
    lines = server.output().encode().splitlines(keepends=True)[-KEPT_LINES:]
    return b"".join(lines)[-KEPT_BYTES:].decode(errors="replace")


@pytest.fixture(scope="module")
async def patient(version: Version, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Patient]:
    """A follower that was killed; tests leave its peers as they found them."""
    lab, client = Lab(tmp_path_factory.mktemp("patient")), GrpcEtcdClient()
    try:
        servers = [lab.server(version, f"m{number}") for number in range(3)]
        for server in servers:
            server.start(servers, arguments=["--snapshot-count=20"])
        for server in servers:
            await healthy(client, server)
        follower = await a_follower(client, servers)
        peers = tuple(server for server in servers if server is not follower)
        patient = Patient(follower, peers, now=lab.directory / "now", before=lab.directory / "before")
        await write(client, patient, EARLY)
        patient.keep(patient.before)
        follower.start(NOT_NAMED, arguments=["--snapshot-count=20"])
        await write(client, patient, LATE)
        patient.keep(patient.now)
        yield patient
    finally:
        await client.close()
        lab.close()


async def a_follower(client: GrpcEtcdClient, servers: list[Server]) -> Server:
    for server in servers:
        status = await client.status(server.endpoint(), within=WITHIN)
        if status.member_id != status.leader_id:
            return server
    raise AssertionError("everybody leads")


async def write(client: GrpcEtcdClient, patient: Patient, keys: list[bytes]) -> None:
    """Write the keys through a peer; return when the patient has them all."""
    for key in keys:
        await until(partial(client.put, patient.peers[0].endpoint(), key, key, within=WITHIN))

    async def has_the_last() -> None:
        read = await client.get(patient.server.endpoint(), keys[-1], serializable=True, within=WITHIN)
        assert read.value == keys[-1]

    await until(has_the_last)


def late_in_the_log(patient: Patient) -> int:
    """A place amid a record that the patient had confirmed."""
    return patient.log.read_bytes().rindex(LATE[30])


def overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(content)


def cut(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)


def the_log_was_cut_off(patient: Patient) -> None:
    cut(patient.log, late_in_the_log(patient))


def a_byte_of_the_log_was_changed(patient: Patient) -> None:
    overwrite(patient.log, late_in_the_log(patient), b"X")


def the_beginning_of_the_log_was_lost(patient: Patient) -> None:
    patient.log.rename(patient.log.with_name(f"{1:016x}-{0x5000:016x}.wal"))


def the_data_is_an_old_copy(patient: Patient) -> None:
    patient.give(patient.before)


def both_first_pages_of_the_database_were_changed(patient: Patient) -> None:
    for page in (0, PAGE):
        overwrite(patient.database, page + 56, b"X")


def the_pages_of_the_database_were_zeroed(patient: Patient) -> None:
    overwrite(patient.database, 2 * PAGE, bytes(patient.database.stat().st_size - 2 * PAGE))


def the_database_was_removed(patient: Patient) -> None:
    patient.database.unlink()


PROVEN: dict[Callable[[Patient], None], str] = {
    the_log_was_cut_off: CONFIRMED_ENTRIES_ARE_GONE,
    the_data_is_an_old_copy: CONFIRMED_ENTRIES_ARE_GONE,
    a_byte_of_the_log_was_changed: "its write-ahead log is damaged: a checksum does not match",
    the_beginning_of_the_log_was_lost: "its write-ahead log is damaged: one of its files is missing",
    both_first_pages_of_the_database_were_changed: "its database is damaged: the checksum of its first pages",
    the_pages_of_the_database_were_zeroed: "its database is damaged: a page holds something else",
    the_database_was_removed: "its database is gone, or older than its last snapshot",
}


@pytest.mark.parametrize(("happened", "sentence"), PROVEN.items(), ids=[found.__name__ for found in PROVEN])
async def test_last_words_prove_that(patient: Patient, happened: Callable[[Patient], None], sentence: str) -> None:
    patient.give(patient.now)
    happened(patient)
    said = await patient.last_words()
    assert (damage(said) or said).startswith(sentence)


async def test_the_sentence_is_the_same_at_every_attempt(patient: Patient) -> None:
    patient.give(patient.now)
    the_log_was_cut_off(patient)
    first = damage(await patient.last_words())
    assert first is not None
    assert damage(await patient.last_words()) == first


async def test_an_empty_log_is_proven_where_etcd_says_so(patient: Patient, version: Version) -> None:
    patient.give(patient.now)
    cut(patient.log, 0)
    said = damage(await patient.last_words())
    if version < Version(3, 7, 0):
        assert said == "its write-ahead log is damaged: it holds nothing, not even the member's ID"
    else:
        assert said is None  # etcd 3.7 follows a nil pointer, which could be anything


async def test_a_member_that_starts_over_under_its_identity_says_that_it_lost_what_it_had_confirmed(
    patient: Patient,
) -> None:
    patient.server.close()
    shutil.rmtree(patient.server.data)
    patient.server.start([patient.server, *patient.peers], state="existing", environment=AS_IN_A_POD)
    said = await last_words(patient.server)
    assert (damage(said) or said).endswith("and it ends at 0")


def cannot_be_read(patient: Patient) -> None:
    """Put in a database of which etcd says what it says when it cannot read one."""
    overwrite(patient.database, 0, bytes(2 * PAGE))


def one_page_was_written(patient: Patient) -> None:
    cut(patient.database, PAGE)


def peers_have_other_values(patient: Patient) -> None:
    patient.database.write_bytes(patient.database.read_bytes().replace(b"early/", b"other/"))


UNPROVEN: dict[Callable[[Patient], None], str] = {
    cannot_be_read: "invalid database",
    one_page_was_written: "file size too small",
    peers_have_other_values: "found data inconsistency with peers",
}


@pytest.mark.parametrize(("happened", "words"), UNPROVEN.items(), ids=[found.__name__ for found in UNPROVEN])
async def test_nothing_is_proven_by_what_is_said_of_sound_data_too(
    patient: Patient, happened: Callable[[Patient], None], words: str
) -> None:
    patient.give(patient.now)
    happened(patient)
    said = await patient.last_words()
    assert words in said
    assert damage(said) is None


MISCONFIGURED = {
    "unknown flag": ["--no-such-flag=1"],
    "no certificate": [
        "--peer-cert-file=/none.crt",
        "--peer-key-file=/none.key",
        "--listen-peer-urls=https://127.0.0.1:1",
    ],
}


@pytest.mark.parametrize("arguments", MISCONFIGURED.values(), ids=MISCONFIGURED)
async def test_a_wrong_command_line_is_no_damage(patient: Patient, arguments: list[str]) -> None:
    patient.give(patient.now)
    assert damage(await patient.last_words(*arguments)) is None


@pytest.fixture
def somebody_listens(patient: Patient) -> Iterator[None]:
    """Take the patient's peer port."""
    with socket.create_server(("127.0.0.1", patient.server.peer_port)):
        yield


@pytest.mark.usefixtures("somebody_listens")
async def test_a_port_that_is_taken_is_no_damage(patient: Patient) -> None:
    patient.give(patient.now)
    said = await patient.last_words()
    assert "address already in use" in said
    assert damage(said) is None


def the_last_record_was_never_finished(patient: Patient) -> None:
    """Write what a power cut leaves of a record that nobody had confirmed."""
    end = end_of(patient.log.read_bytes())
    overwrite(patient.log, end, (200).to_bytes(8, "little") + b"\x08\x02")
    cut(patient.log, end + 100)


def end_of(log: bytes) -> int:
    """Where the records end: each has its size in front, with that of its padding above (etcd's wal/decoder.go)."""
    at = 0
    while size := int.from_bytes(log[at : at + 8], "little"):
        padding = size >> 56 & 7 if size >> 63 else 0
        at += 8 + (size & (1 << 56) - 1) + padding
    return at


def the_snapshots_were_removed(patient: Patient) -> None:
    snapshots = list(patient.database.parent.glob("*.snap"))
    assert snapshots
    for snapshot in snapshots:
        snapshot.unlink()


@pytest.mark.parametrize("happened", [the_last_record_was_never_finished, the_snapshots_were_removed])
async def test_etcd_comes_back_by_itself_when(
    client: GrpcEtcdClient, patient: Patient, happened: Callable[[Patient], None]
) -> None:
    patient.give(patient.now)
    happened(patient)
    patient.start()
    await healthy(client, patient.server)
    patient.keep(patient.now)
