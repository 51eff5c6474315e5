"""The run as a command."""

from collections.abc import Sequence

import pytest
import typer
from typer.testing import CliRunner

from e2e.chaos.__main__ import app, conclude
from e2e.chaos.driver import Record
from e2e.chaos.faults import Aim, Fault, Kind
from e2e.chaos.honesty import Verdict
from e2e.chaos.operations import Violation
from e2e.chaos.results import Result

HALF_AN_HOUR = 1800


def test_an_unknown_kind_of_fault_is_refused_with_those_there_are() -> None:
    answer = CliRunner().invoke(app, ["--only", "earthquake"])
    assert answer.exit_code == 2
    for kind in Kind:
        assert str(kind).split()[-1] in answer.output


def test_less_than_a_second_is_refused() -> None:
    assert CliRunner().invoke(app, ["--seconds", "0"]).exit_code == 2


def result(*, faults: int = 60, violations: Sequence[Violation] = ()) -> Result:
    record = Record(Aim(Fault(1, Kind.KILL, 0.0, 1.0, 0.5), pod="orders-x"), "", 10.0, 10.0, 12.0)
    return Result(
        seed="s",
        seconds=HALF_AN_HOUR,
        records=(record,) * faults,
        passed_over=(),
        operations=(),
        whole_after=1.0,
        violations=violations,
        honesty=Verdict(compared=3000),
    )


def code(found: Result, *, seconds: int = HALF_AN_HOUR, chosen: bool = False) -> int:
    """What the command exits with."""
    try:
        conclude(found, seconds=seconds, chosen=chosen)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def test_a_run_that_did_enough_and_found_nothing_succeeds() -> None:
    assert code(result()) == 0


def test_half_an_hour_with_fewer_than_sixty_faults_exits_with_2_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(result(faults=59)) == 2
    said = capsys.readouterr().err
    assert said == "error: too little was proved: 59 faults in 1800 s, at least 60 are wanted\n"


def test_a_short_run_or_chosen_faults_are_not_asked_to_prove_much() -> None:
    assert code(result(faults=1), seconds=300) == 0
    assert code(result(faults=1), chosen=True) == 0


def test_a_broken_promise_counts_for_more_than_too_few_faults() -> None:
    assert code(result(faults=1, violations=[Violation("it was lost")])) == 1
