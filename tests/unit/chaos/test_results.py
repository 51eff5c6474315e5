"""What a person is told, and what a program finds in the report."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from e2e.chaos.driver import PassedOver, Record
from e2e.chaos.faults import Aim, Fault, Kind
from e2e.chaos.honesty import Lasting, Verdict
from e2e.chaos.operations import Operation, Outcome, Violation
from e2e.chaos.results import LONG, SHOWN, Result, show, too_little, write
from tests.unit.chaos.histories import read
from tests.unit.chaos.histories import write as written


def fault(number: int, kind: Kind) -> Fault:
    return Fault(number, kind, 0.0, 1.0, 0.5)


def record(number: int, kind: Kind, done: float, recovered: float | None) -> Record:
    return Record(Aim(fault(number, kind), pod="orders-x"), "", done, undone=done, recovered=recovered)


WRITES = [written(str(at), at - 0.5, at) for at in (100.0, 101.0, 104.0, 104.5, 110.0)]
RESULT = Result(
    seed="s",
    seconds=12.0,
    records=(
        record(1, Kind.KILL, 101.5, 103.0),
        record(2, Kind.KILL, 104.2, 104.4),
        record(4, Kind.SCALE, 104.6, None),
    ),
    passed_over=(PassedOver(fault(3, Kind.FREEZE), "no node"),),
    operations=(*WRITES, read("110.0", 111, 112), written("u", 120, 121, Outcome.UNKNOWN)),
    whole_after=3.25,
    violations=(),
    honesty=Verdict(compared=24, lasting=(Lasting("it is said to be well, and is not", 101.7, 6.25),)),
)


def shown(result: Result) -> str:
    screen = StringIO()
    show(Console(width=140, file=screen), result)
    return screen.getvalue()


def test_faults_are_told_by_kind_with_their_recoveries_and_the_gap_that_each_saw() -> None:
    killed, scaled = RESULT.by_kind()
    assert killed == {
        "kind": "etcd killed", "faults": 2, "recovery_median_seconds": 0.85, "recovery_max_seconds": 1.5,
        "longest_gap_seconds": 3.0, "not_recovered": 0,
    }  # fmt: skip
    assert (scaled["recovery_max_seconds"], scaled["longest_gap_seconds"], scaled["not_recovered"]) == (None, 5.5, 1)


def test_only_acknowledged_writes_make_a_gap_and_are_checked() -> None:
    assert RESULT.longest_gap == 5.5
    assert RESULT.writes_checked == 5


def test_operations_are_counted_by_verb_and_outcome() -> None:
    assert RESULT.by_outcome()["write"] == {"ok": 5, "failed": 0, "unknown": 1}
    assert RESULT.by_outcome()["read"] == {"ok": 1, "failed": 0, "unknown": 0}


def test_the_report_has_the_seed_every_fault_and_what_was_passed_over(tmp_path: Path) -> None:
    document = json.loads(write(RESULT, tmp_path).read_text())
    assert (document["seed"], document["faults"], document["passed"]) == ("s", 3, True)
    assert document["faults_in_order"][0] == {
        "number": 1, "kind": "etcd killed", "victim": "orders-x",
        "done_at": 2.0, "undone_at": 2.0, "recovery_seconds": 1.5,
    }  # fmt: skip
    assert document["passed_over"] == [{"number": 3, "kind": "node frozen", "reason": "no node"}]


def test_the_whole_history_is_kept_beside_the_report(tmp_path: Path) -> None:
    write(RESULT, tmp_path)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [Operation.of(line) for line in lines] == list(RESULT.operations)


def test_a_broken_promise_is_shown_with_the_operations() -> None:
    broken = replace(RESULT, violations=(Violation("it was lost", (WRITES[0],)),))
    assert not broken.passed
    assert "VIOLATED: it was lost" in shown(broken)
    assert str(WRITES[0]) in shown(broken)
    assert "linearizable" not in shown(broken)


def test_a_kept_promise_is_said() -> None:
    text = shown(RESULT)
    assert "nothing acknowledged was lost" in text
    assert "whole: 3.2 s after the last fault" in text
    assert "writes checked: 5" in text


def test_a_run_without_writes_says_so() -> None:
    assert "acknowledged writes: none" in shown(replace(RESULT, operations=(), whole_after=None))


def test_it_is_told_how_often_the_status_was_compared_and_what_it_said_for_how_long_that_was_not_so(
    tmp_path: Path,
) -> None:
    assert "comparisons of the status with etcd: 24; longest contradiction: 6.2 s" in shown(RESULT)
    document = json.loads(write(RESULT, tmp_path).read_text())
    assert document["status_comparisons"] == 24
    assert document["status_contradictions"] == [
        {"contradiction": "it is said to be well, and is not", "since": 2.2, "seconds": 6.25}
    ]


def test_nothing_is_said_of_a_status_that_was_never_compared() -> None:
    assert "the status did not lie" in shown(RESULT)
    assert "the status did not lie" not in shown(replace(RESULT, honesty=Verdict(compared=0)))


def test_only_the_longest_contradictions_are_in_the_report() -> None:
    many = Verdict(24, tuple(Lasting(str(number), 100.0, 9.0) for number in range(SHOWN + 1)))
    told = replace(RESULT, honesty=many).document()["status_contradictions"]
    assert [each["contradiction"] for each in told] == [str(number) for number in range(SHOWN)]


def a_run(*, faults: int, comparisons: int) -> Result:
    records = tuple(record(number, Kind.KILL, 100.0 + number, None) for number in range(faults))
    return replace(RESULT, records=records, honesty=Verdict(comparisons))


def test_half_an_hour_needs_sixty_faults_and_six_hundred_comparisons() -> None:
    assert not too_little(a_run(faults=60, comparisons=600), seconds=1800)
    assert too_little(a_run(faults=59, comparisons=600), seconds=1800) == (
        "59 faults in 1800 s, at least 60 are wanted"
    )
    assert too_little(a_run(faults=60, comparisons=599), seconds=1800) == (
        "599 comparisons of the status in 1800 s, at least 600 are wanted"
    )


def test_ten_minutes_need_twenty_faults_and_less_is_only_a_try() -> None:
    assert "at least 20" in too_little(a_run(faults=19, comparisons=600), seconds=LONG)
    assert "at least 21" in too_little(a_run(faults=20, comparisons=600), seconds=LONG + 1)
    assert not too_little(a_run(faults=0, comparisons=0), seconds=LONG - 1)
