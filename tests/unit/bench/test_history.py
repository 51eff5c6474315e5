"""Gaps and failures in the life of a writer."""

import pytest

from e2e.bench.history import History, Write
from e2e.bench.results import NotMeasuredError


def history(*acknowledged: float | None) -> History:
    return History(tuple(Write(number, number * 0.02, moment) for number, moment in enumerate(acknowledged)))


def test_the_longest_gap_lies_between_acknowledgements_that_follow_each_other() -> None:
    assert history(1.0, 1.02, 1.5, 1.52).longest_gap_ms() == 480.0


def test_acknowledgements_count_in_the_order_in_which_they_came() -> None:
    assert history(1.0, 1.3, 1.1, 1.2).longest_gap_ms() == 100.0


def test_a_failed_write_ends_no_gap() -> None:
    found = history(1.0, None, None, 3.0)
    assert found.longest_gap_ms() == 2000.0
    assert found.failed() == 2


def test_without_two_acknowledgements_there_is_no_gap_to_speak_of() -> None:
    refused = History((Write(0, 0.0, 1.0), Write(1, 0.0, None, "m at 10.0.0.7:2379, Put: Connection refused")))
    with pytest.raises(NotMeasuredError, match=r"1 of 2 writes were acknowledged: .*Connection refused"):
        refused.longest_gap_ms()


def test_a_gap_is_told_with_the_moment_at_which_it_began() -> None:
    assert history(1.0, 1.02, 1.5, 1.52).longest_gap_began() == 1.02


def test_a_part_of_a_history_is_what_was_sent_in_that_time() -> None:
    found = history(1.0, 1.02, 1.04, 9.0).between(0.02, 0.06)
    assert [write.number for write in found.writes] == [1, 2]


def test_failed_writes_are_told_with_their_moment() -> None:
    refused = History((Write(0, 4.0, 4.1), Write(1, 4.5, None, "no answer"), Write(2, 1.5, None, "refused")))
    assert refused.failures(since=2.0) == ["+2.50 s: no answer", "-0.50 s: refused"]


def test_a_history_is_read_back_as_it_was_written() -> None:
    written = History((Write(0, 1.0, 1.5), Write(1, 1.02, None, 'no answer, "why" unknown')))
    assert History.read(write.line() for write in reversed(written.writes)) == written
