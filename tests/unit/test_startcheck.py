"""The start check, on directories as etcd, accidents and people leave them."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etcd_operator import gate
from etcd_operator.startcheck import ExitCode, Verdict, main, members_of, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MEMBER = "orders-x7k2p"
PERMISSION = f"orders-bbbbb=https://b.shop.svc:2380,{MEMBER}=https://a.shop.svc:2380"
WITHDRAWN = "none=http://none.invalid:2380"
LOG = "wal/0000000000000000-0000000000000000.wal"
PEERS = "https://b.shop.svc:2380,https://c.shop.svc:2380"
FILES = ("--peer-trusted-ca-file=/tls/ca", "--peer-cert-file=/tls/crt", "--peer-key-file=/tls/key")
QUESTION = (f"--ask={PEERS}", "--peer-url=https://a.shop.svc:2380", *FILES)


class Volume:
    """A member's volume, mounted, with the file that Kubernetes reads the termination message from."""

    def __init__(self, path: Path) -> None:
        self.mount = path / "etcd"
        self.mount.mkdir()
        self.data = self.mount / "data"
        self.member = self.data / "member"
        self.start, self.owner = self.member / f"start-{MEMBER}", self.member / "owner"
        self.message = path / "termination-log"

    def holds(self, *files: str) -> None:
        """Put files below `member`."""
        for file in files:
            path = self.member / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"data")

    def contents(self) -> set[str]:
        """Every path on the volume."""
        return {str(path.relative_to(self.mount)) for path in self.mount.rglob("*")}

    def arguments(self, permission: str, *question: str) -> list[str]:
        """The check's command line."""
        about = [f"--name={MEMBER}", f"--data-dir={self.data}", f"--initial-cluster={permission}"]
        return [*about, "--etcd=/bin/etcd", *question]

    def check(self, permission: str, *question: str) -> ExitCode:
        """Run the check as the Pod does."""
        return main(self.arguments(permission, *question), termination_log=self.message)

    @property
    def verdict(self) -> Verdict | None:
        """What the operator would read."""
        return verdict_of(self.message.read_text())


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


class Members:
    """The other members, of whom one question is expected."""

    def __init__(self, *, started: bool) -> None:
        self.started = started
        self.question: gate.Question | None = None
        self.peers: tuple[str, ...] = ()
        self.wait = False

    def ever_started(
        self, question: gate.Question, peers: Sequence[str], *, wait: bool, say: Callable[[str], None]
    ) -> bool:
        """Remember the question, and answer it."""
        self.question, self.peers, self.wait = question, tuple(peers), wait
        say("waiting for example")
        return self.started


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> Members:
    """Members that list this one as not started."""
    members = Members(started=False)
    monkeypatch.setattr(gate, "ever_started", members.ever_started)
    return members


def test_a_permitted_member_starts_on_an_empty_volume(volume: Volume) -> None:
    assert volume.check(PERMISSION) is ExitCode.PASSED
    assert volume.start.readlink() == Path("/bin/etcd")
    assert volume.member.stat().st_mode & 0o777 == 0o700
    assert not volume.message.exists()


def test_the_directory_that_mkfs_makes_is_not_data(volume: Volume) -> None:
    (volume.mount / "lost+found").mkdir()
    assert volume.check(PERMISSION) is ExitCode.PASSED


def test_a_member_without_permission_does_not_start_on_an_empty_volume(volume: Volume) -> None:
    assert volume.check(WITHDRAWN) is ExitCode.DATA_LOST
    assert volume.contents() == set()
    assert volume.verdict is not None
    assert volume.verdict.code is ExitCode.DATA_LOST
    assert MEMBER in volume.verdict.message
    assert "is gone" in volume.verdict.message


@pytest.mark.parametrize("permission", [PERMISSION, WITHDRAWN])
def test_a_member_with_its_log_starts_whether_permitted_or_not(volume: Volume, permission: str) -> None:
    volume.holds(LOG, "snap/db")
    assert volume.check(permission) is ExitCode.PASSED
    assert volume.start.readlink() == Path("/bin/etcd")


@pytest.mark.parametrize("left", ["wal/0.tmp", "wal.tmp/0000000000000000-0000000000000000.wal", f"start-{MEMBER}.new"])
def test_what_is_no_log_does_not_pass_for_one(volume: Volume, left: str) -> None:
    volume.holds(left)
    assert volume.check(WITHDRAWN) is ExitCode.DATA_LOST


def test_a_database_without_its_log_is_lost_data(volume: Volume) -> None:
    volume.holds("snap/db")
    before = volume.contents()
    assert volume.check(WITHDRAWN) is ExitCode.DATA_LOST
    assert volume.contents() == before
    assert volume.verdict is not None
    assert "write-ahead log" in volume.verdict.message


def test_a_first_start_that_never_reached_its_peers_is_taken_up_again(volume: Volume) -> None:
    volume.holds("snap/db")
    assert volume.check(PERMISSION) is ExitCode.PASSED


@pytest.mark.parametrize("name", ["0000000000000002-000000000000c352.snap", "000000000000c353.snap.db"])
def test_a_snapshot_without_its_log_is_lost_data_even_with_permission(volume: Volume, name: str) -> None:
    volume.holds(f"snap/{name}")
    assert volume.check(PERMISSION) is ExitCode.DATA_LOST


@pytest.mark.parametrize("other", ["orders-x7k2", "orders-x7k2pp", "x7k2p", "orders-X7K2P"])
def test_a_permission_for_another_name_is_none(volume: Volume, other: str) -> None:
    assert volume.check(f"{other}=https://a.shop.svc:2380") is ExitCode.DATA_LOST


def test_a_first_start_asks_the_other_members_first(volume: Volume, members: Members) -> None:
    assert volume.check(PERMISSION, *QUESTION, "--cluster-id=ab", "--wait") is ExitCode.PASSED
    files = gate.Files(Path("/tls/ca"), Path("/tls/crt"), Path("/tls/key"))
    assert members.question == gate.Question("https://a.shop.svc:2380", 0xAB, files)
    assert members.peers == ("https://b.shop.svc:2380", "https://c.shop.svc:2380")
    assert members.wait
    assert volume.start.is_symlink()


def test_a_member_that_etcd_lists_as_started_does_not_start_on_an_empty_volume(
    volume: Volume, members: Members
) -> None:
    members.started = True
    assert volume.check(PERMISSION, *QUESTION) is ExitCode.DATA_LOST
    assert volume.contents() == set()
    assert volume.verdict is not None
    assert "etcd lists it as started" in volume.verdict.message
    assert not members.wait


def test_nothing_is_written_while_the_members_are_asked(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "ever_started", interrupted)
    with pytest.raises(KeyboardInterrupt):
        volume.check(PERMISSION, *QUESTION)
    assert volume.contents() == set()


def test_a_member_with_its_log_asks_nobody(volume: Volume, members: Members) -> None:
    volume.holds(LOG)
    assert volume.check(PERMISSION, *QUESTION, "--wait") is ExitCode.PASSED
    assert members.question is None


@pytest.mark.parametrize("permission", [WITHDRAWN, "other=http://a:2380"])
def test_a_member_without_permission_asks_nobody(volume: Volume, members: Members, permission: str) -> None:
    assert volume.check(permission, *QUESTION, "--wait") is ExitCode.DATA_LOST
    assert members.question is None


def test_the_log_says_what_the_member_waits_for(
    volume: Volume, members: Members, capsys: pytest.CaptureFixture[str]
) -> None:
    volume.check(PERMISSION, *QUESTION)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{MEMBER}: waiting for example", f"{MEMBER} starts for the first time"]
    assert members.question is not None


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (["--wait"], "--wait needs --ask"),
        (["--ask=", "--wait"], "--wait needs --ask"),
        (["--ask=http://b:2380"], "--ask needs --peer-url"),
        (["--ask=b:2380", "--peer-url=http://a:2380"], "not a list of URLs"),
        (["--ask=http://b:2380,", "--peer-url=http://a:2380"], "not a list of URLs"),
        (["--ask=https://b:2380", "--peer-url=https://a:2380"], "to ask https"),
        (["--ask=https://b:2380", "--peer-url=https://a:2380", *FILES[:2]], "to ask https"),
        (["--ask=http://b:2380", "--peer-url=http://a:2380", *FILES], "none to ask http"),
        (["--cluster-id=orders"], "not a cluster ID"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    volume: Volume, capsys: pytest.CaptureFixture[str], question: list[str], problem: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        volume.check(PERMISSION, *question)
    assert ended.value.code not in set(ExitCode)
    assert problem in capsys.readouterr().err
    assert volume.contents() == set()


def test_the_first_start_writes_down_whose_volume_it_is(volume: Volume) -> None:
    assert volume.check(PERMISSION) is ExitCode.PASSED
    assert volume.owner.readlink() == Path(MEMBER)


@pytest.mark.parametrize("permission", [PERMISSION, WITHDRAWN])
@pytest.mark.parametrize("held", [[LOG, "snap/db"], ["snap/db"], []], ids=len)
def test_a_member_does_not_start_on_what_another_wrote(
    volume: Volume, members: Members, held: list[str], permission: str
) -> None:
    volume.holds(*held)
    volume.member.mkdir(parents=True, exist_ok=True)
    volume.owner.symlink_to("orders-ccccc")
    before = volume.contents()
    assert volume.check(permission, *QUESTION) is ExitCode.DATA_LOST
    assert volume.contents() == before
    assert volume.owner.readlink() == Path("orders-ccccc")
    assert volume.verdict is not None
    assert volume.verdict.message == f"the volume of {MEMBER} holds the data of orders-ccccc"
    assert members.question is None


def test_data_that_does_not_say_whose_it_is_is_the_members_own(volume: Volume) -> None:
    volume.holds(LOG)
    assert volume.check(WITHDRAWN) is ExitCode.PASSED
    assert volume.owner.readlink() == Path(MEMBER)


def test_a_full_disk_keeps_no_member_from_its_data(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    volume.holds(LOG)
    volume.start.symlink_to("/bin/etcd")
    monkeypatch.setattr(Path, "symlink_to", full)
    assert volume.check(WITHDRAWN) is ExitCode.PASSED
    assert not volume.owner.is_symlink()


def test_nobody_starts_for_the_first_time_without_writing_whose_volume_it_is(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", full)
    assert volume.check(PERMISSION) is ExitCode.CANNOT_LOOK
    assert not volume.start.is_symlink()


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_link_that_is_there_is_not_written_again(volume: Volume) -> None:
    assert volume.check(PERMISSION) is ExitCode.PASSED
    before = volume.start.lstat()
    assert volume.check(PERMISSION) is ExitCode.PASSED
    assert volume.start.lstat() == before


def test_a_link_to_another_program_is_replaced(volume: Volume) -> None:
    volume.holds(LOG)
    volume.start.symlink_to("/bin/old")
    unfinished = volume.member / f"start-{MEMBER}.new"
    unfinished.symlink_to("/bin/older")
    assert volume.check(WITHDRAWN) is ExitCode.PASSED
    assert volume.start.readlink() == Path("/bin/etcd")
    assert not unfinished.is_symlink()


def test_a_volume_that_is_not_mounted_is_not_an_empty_one(volume: Volume) -> None:
    volume.mount.rmdir()
    assert volume.check(WITHDRAWN) is ExitCode.CANNOT_LOOK
    assert volume.verdict is not None
    assert volume.verdict.code is ExitCode.CANNOT_LOOK


@pytest.mark.parametrize("place", ["data", "data/member/wal", "data/member/snap"])
def test_what_cannot_be_read_is_not_lost(volume: Volume, place: str) -> None:
    path = volume.mount / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file where a directory belongs")
    assert volume.check(WITHDRAWN) is ExitCode.CANNOT_LOOK


def test_a_failing_disk_is_not_lost_data(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> list[Path]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "iterdir", broken)
    assert volume.check(WITHDRAWN) is ExitCode.CANNOT_LOOK
    assert volume.verdict is not None
    assert "Input/output error" in volume.verdict.message


def test_a_verdict_that_cannot_be_written_is_still_the_exit_code(
    volume: Volume, capsys: pytest.CaptureFixture[str]
) -> None:
    volume.message.mkdir()
    assert volume.check(WITHDRAWN) is ExitCode.DATA_LOST
    assert "termination message" in capsys.readouterr().err


def test_the_log_says_in_one_sentence_what_was_found(volume: Volume, capsys: pytest.CaptureFixture[str]) -> None:
    volume.check(PERMISSION)
    volume.check(WITHDRAWN)
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("text", ["", "orders", "=http://a:2380", "a=http://a:2380,", "$(ETCD_INITIAL_CLUSTER)", "a=b"])
def test_a_permission_that_cannot_be_read_is_neither_a_permission_nor_a_loss(volume: Volume, text: str) -> None:
    with pytest.raises(ValueError, match="write name=url"):
        members_of(text)
    with pytest.raises(SystemExit) as ended:
        volume.check(text)
    assert ended.value.code not in set(ExitCode)
    assert volume.contents() == set()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "panic: x", '{"verdict": "Fine", "message": "m"}'])
def test_a_message_of_somebody_else_is_no_verdict(text: str) -> None:
    assert verdict_of(text) is None


def test_a_verdict_survives_its_way_through_kubernetes() -> None:
    verdict = Verdict(ExitCode.DATA_LOST, 'the data of "a" is gone')
    assert verdict_of(verdict.to_json()) == verdict
    assert "\n" not in verdict.to_json()


def test_the_codes_are_those_that_the_operator_knows() -> None:
    assert (ExitCode.PASSED, ExitCode.DATA_LOST, ExitCode.CANNOT_LOOK) == (0, 65, 74)
    assert ExitCode.DATA_LOST.word == "DataLost"


ALONE = """
import runpy, sys
try:
    runpy.run_module("etcd_operator.startcheck", run_name="__main__", alter_sys=True)
finally:
    foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
    print(sorted(foreign - {"__main__", "etcd_operator"}))
    print("etcd_operator.gate" in sys.modules, {"ssl", "http.client"} <= set(sys.modules))
"""
ROOT = Path(__file__).parents[2]


def run_alone(arguments: list[str]) -> list[str]:
    """Run the program without any package, and return what it printed and loaded."""
    command = [sys.executable, "-S", "-c", ALONE, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == ExitCode.PASSED, ended.stderr
    return ended.stdout.splitlines()


def test_it_runs_alone_with_the_standard_library_only(volume: Volume) -> None:
    nobody = "--ask=http://127.0.0.1:1"
    assert run_alone(volume.arguments(PERMISSION, nobody, "--peer-url=http://a:2380"))[-2] == "[]"
    assert volume.start.is_symlink()


def test_what_nobody_needs_is_not_loaded(volume: Volume) -> None:
    question = ("--ask=http://127.0.0.1:1", "--peer-url=http://a:2380")
    assert run_alone(volume.arguments(PERMISSION, *question))[-1] == "True False"
    volume.holds(LOG)
    assert run_alone(volume.arguments(PERMISSION, *question))[-1] == "False False"


def test_a_member_that_waits_at_the_gate_ends_when_it_is_asked_to(volume: Volume) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        question = (f"--ask=http://127.0.0.1:{mute.getsockname()[1]}", "--peer-url=http://a:2380", "--wait")
        command = [sys.executable, "-m", "etcd_operator.startcheck", *volume.arguments(PERMISSION, *question)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as waiting:
            assert waiting.stdout is not None
            assert "waiting for a member to answer" in waiting.stdout.readline()
            waiting.send_signal(signal.SIGTERM)
            assert waiting.wait(timeout=5) == 128 + signal.SIGTERM
    assert volume.contents() == set()
