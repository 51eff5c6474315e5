"""What the command says of a small operator with two guards, of which one has a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.mutants.__main__ import main
from tests.mutants.mutation import of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SMALL = "def may(voters):\n    return voters > 1 and voters < 8\n"
TEST = "from etcd_operator.plan.small import may\n\ndef test_the_last_stays():\n    assert not may(1)\n"
TESTED, UNTESTED = of(
    "plan/small.py", ("the last stays", "voters > 1 and ", ""), ("seven are enough", " and voters < 8", "")
)


def a_tree(folder: Path, test: str) -> Path:
    """An operator with two guards, and its only test."""
    files = {
        "etcd_operator/__init__.py": "",
        "etcd_operator/plan/__init__.py": "",
        "etcd_operator/plan/small.py": SMALL,
        "tests/unit/plan/test_small.py": test,
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_guard_is_told_with_the_test_that_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--jobs", "1"], tree=a_tree(tmp_path, TEST), known=[TESTED]) == 0
    row, *_, total = capsys.readouterr().out.splitlines()
    assert row.split() == ["caught", "plan/small.py", "the", "last", "stays", "test_small.py::test_the_last_stays"]
    assert total.startswith("1 of 1 caught")


def test_a_guard_that_nobody_misses_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = a_tree(tmp_path, TEST)
    assert main(["--jobs", "1"], tree=tree, known=[UNTESTED, TESTED]) == 1
    said = capsys.readouterr().out
    assert "SURVIVED   plan/small.py" in said
    assert "1 of 2 caught" in said
    assert (tree / "etcd_operator/plan/small.py").read_text() == SMALL


def test_nothing_is_concluded_from_tests_that_fail_anyway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = a_tree(tmp_path, TEST.replace("not may(1)", "may(1)"))
    assert main(["--jobs", "1"], tree=tree, known=[TESTED]) == 1
    said = capsys.readouterr().out
    assert "make them pass first" in said
    assert "caught" not in said


def test_what_was_not_begun_in_time_was_not_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--jobs", "1", "--within", "0"], tree=a_tree(tmp_path, TEST), known=[TESTED]) == 1
    assert "0 of 1 caught" in capsys.readouterr().out
