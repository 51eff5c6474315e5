"""The run as a command."""

from typer.testing import CliRunner

from e2e.chaos.__main__ import app
from e2e.chaos.faults import Kind


def test_an_unknown_kind_of_fault_is_refused_with_those_there_are() -> None:
    answer = CliRunner().invoke(app, ["--only", "earthquake"])
    assert answer.exit_code == 2
    for kind in Kind:
        assert str(kind).split()[-1] in answer.output


def test_less_than_a_second_is_refused() -> None:
    assert CliRunner().invoke(app, ["--seconds", "0"]).exit_code == 2
