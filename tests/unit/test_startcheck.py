"""The start check, on directories as etcd, accidents and people leave them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from etcd_operator.startcheck import ExitCode, Verdict, main, members_of, verdict_of

MEMBER = "orders-x7k2p"
PERMISSION = f"orders-bbbbb=https://b.shop.svc:2380,{MEMBER}=https://a.shop.svc:2380"
WITHDRAWN = "none=http://none.invalid:2380"


class Volume:
    """A member's volume, mounted, with the file that Kubernetes reads the termination message from."""

    def __init__(self, path: Path) -> None:
        self.mount = path / "etcd"
        self.mount.mkdir()
        self.data = self.mount / "data"
        self.member = self.data / "member"
        self.start = self.member / "start"
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

    def check(self, permission: str) -> ExitCode:
        """Run the check as the Pod does."""
        arguments = [
            f"--name={MEMBER}",
            f"--data-dir={self.data}",
            f"--initial-cluster={permission}",
            "--etcd=/bin/etcd",
        ]
        return main(arguments, termination_log=self.message)

    @property
    def verdict(self) -> Verdict | None:
        """What the operator would read."""
        return verdict_of(self.message.read_text())


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


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
    volume.holds("wal/0000000000000000-0000000000000000.wal", "snap/db")
    assert volume.check(permission) is ExitCode.PASSED
    assert volume.start.readlink() == Path("/bin/etcd")


@pytest.mark.parametrize("left", ["wal/0.tmp", "wal.tmp/0000000000000000-0000000000000000.wal", "start.new"])
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


def test_a_link_that_is_there_is_not_written_again(volume: Volume) -> None:
    assert volume.check(PERMISSION) is ExitCode.PASSED
    before = volume.start.lstat()
    assert volume.check(PERMISSION) is ExitCode.PASSED
    assert volume.start.lstat() == before


def test_a_link_to_another_program_is_replaced(volume: Volume) -> None:
    volume.holds("wal/0000000000000000-0000000000000000.wal")
    volume.start.symlink_to("/bin/old")
    (volume.member / "start.new").symlink_to("/bin/older")
    assert volume.check(WITHDRAWN) is ExitCode.PASSED
    assert volume.start.readlink() == Path("/bin/etcd")
    assert not (volume.member / "start.new").is_symlink()


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


def test_it_runs_alone_with_the_standard_library_only(volume: Volume) -> None:
    script = (
        "import runpy, sys\n"
        "try:\n"
        "    runpy.run_module('etcd_operator.startcheck', run_name='__main__', alter_sys=True)\n"
        "finally:\n"
        "    foreign = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "    print(sorted(foreign - {'__main__', 'etcd_operator'}))\n"
    )
    command = [sys.executable, "-S", "-c", script]
    command += [f"--name={MEMBER}", f"--data-dir={volume.data}", f"--initial-cluster={PERMISSION}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == ExitCode.PASSED, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"
    assert volume.start.is_symlink()
