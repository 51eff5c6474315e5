"""When a contradiction is a lie: what is never forgiven, and what an honest operator needs time for."""

import random
from collections.abc import Sequence
from itertools import count

import pytest

from e2e.chaos.honesty import RENEWED_WITHIN, WITHIN, Comparison, Verdict, judge

ILL = "orders-x is said to be healthy, and serves no linearizable read"
LED = "orders-x is said to lead, and orders-y does"
EVERY = 0.5
TOOK = 0.2
"""Seconds from the beginning of a comparison until it has found what contradicts."""


def watch(
    begin: float, end: float, *contradictions: str, leader: str = "operator-1_a", renewed_until: float = 1e9
) -> list[Comparison]:
    """Comparisons twice a second that all find the same, under a leader that renews its Lease every two seconds."""
    found: list[Comparison] = []
    for turn in count():
        at = begin + turn * EVERY
        if at >= end:
            return found
        renewal = f"renewal {int(min(at, renewed_until) // 2)}"
        found.append(Comparison(at, at + TOOK, leader, renewal if leader else "", frozenset(contradictions)))
    raise AssertionError("time ends")


def lies(comparisons: Sequence[Comparison], unfair: Sequence[tuple[float, float]] = ()) -> list[str]:
    return [each.promise.partition(": ")[2] for each in judge(comparisons, unfair).lies]


def test_what_is_said_for_longer_than_ten_seconds_and_is_not_so_is_a_lie() -> None:
    seen = [*watch(100, 110), *watch(110, 125, ILL), *watch(125, 140)]
    (lie,) = judge(seen).lies
    assert lie.promise == f"the status lied for 14.3 s, from 110.200 on: {ILL}"


def test_ten_seconds_are_allowed() -> None:
    seen = [*watch(100, 110), *watch(110, 110 + WITHIN + TOOK, ILL), *watch(121, 140)]
    assert lies(seen) == []
    assert judge(seen).longest == pytest.approx(WITHIN - TOOK)


def test_a_lie_that_goes_on_when_the_watch_ends_is_one() -> None:
    assert lies([*watch(100, 110), *watch(110, 125, ILL)]) == [ILL]


def test_one_comparison_that_does_not_find_it_begins_the_time_anew() -> None:
    seen = [*watch(100, 109, ILL), *watch(109, 109.5), *watch(109.5, 118, ILL), *watch(118, 130)]
    assert lies(seen) == []


def test_contradictions_that_follow_each_other_are_not_one() -> None:
    assert lies([*watch(100, 108, ILL), *watch(108, 116, LED), *watch(116, 130)]) == []


def test_each_contradiction_has_its_own_time() -> None:
    assert lies([*watch(100, 108, ILL), *watch(108, 109, ILL, LED), *watch(109, 125, LED)]) == [LED]


def test_while_nobody_leads_nobody_lies() -> None:
    assert lies(watch(100, 200, ILL, leader="")) == []


def test_an_operator_that_was_killed_is_not_blamed_for_what_its_lease_still_says() -> None:
    seen = [*watch(90, 98), *watch(98, 125, ILL, renewed_until=106)]
    assert judge(seen).longest == pytest.approx(105.5 - 98.2)


def test_what_follows_the_last_renewal_that_was_seen_does_not_count() -> None:
    seen = [*watch(80, 92), *watch(92, 105.5, ILL, renewed_until=102)]
    assert judge(seen).longest == pytest.approx(101.5 - 92.2)


def test_an_operator_that_takes_over_has_ten_seconds_of_its_own() -> None:
    seen = [*watch(100, 108, ILL), *watch(108, 116, ILL, leader="operator-2_b"), *watch(116, 130)]
    assert lies(seen) == []
    assert lies([*seen[:32], *watch(116, 125, ILL, leader="operator-2_b")]) == [ILL]


def test_an_operator_that_stood_still_and_goes_on_has_ten_seconds_from_then() -> None:
    stood_still = watch(106, 112, ILL, renewed_until=106)
    seen = [*watch(100, 106, ILL), *stood_still, *watch(112, 119, ILL), *watch(119, 130)]
    assert seen[18].began - 106 < RENEWED_WITHIN < 112 - 106
    assert lies(seen) == []
    assert lies([*seen[:24], *watch(112, 130, ILL)]) == [ILL]


def test_what_was_so_while_nobody_compared_is_not_known() -> None:
    assert lies([*watch(100, 106, ILL), *watch(106 + RENEWED_WITHIN, 115, ILL), *watch(115, 130)]) == []


def test_an_api_server_that_does_not_answer_interrupts() -> None:
    silent = Comparison(106.0, 106.4)
    assert lies([*watch(100, 106, ILL), silent, *watch(106.5, 115, ILL), *watch(115, 130)]) == []


def test_after_a_silence_ten_seconds_are_allowed_from_the_first_renewal_on() -> None:
    before, stands = watch(100, 106, ILL), watch(107, 110, ILL, renewed_until=105)
    seen = [*before, Comparison(106.0, 106.4), *stands, *watch(110, 120, ILL), *watch(120, 130)]
    assert judge(seen).longest == pytest.approx(119.5 - 110.2)


def test_while_nodes_are_cut_off_nothing_counts_and_afterwards_ten_seconds_are_allowed() -> None:
    seen = [*watch(100, 130, ILL), *watch(130, 140)]
    assert lies(seen, [(95.0, 121.0)]) == []
    assert lies(seen, [(95.0, 115.0)]) == [ILL]
    assert lies(seen, [(109.0, 110.0), (120.0, 121.0)]) == []


def test_a_comparison_counts_from_when_it_found_what_contradicts() -> None:
    slow = Comparison(100.0, 104.0, "operator-1_a", "renewal 50", frozenset({ILL}))
    seen = [slow, *watch(100.5, 112, ILL), *watch(112, 120)]
    assert judge(seen).longest == pytest.approx(111.5 - 104)


def test_the_order_in_which_comparisons_ended_is_no_matter() -> None:
    seen = [*watch(100, 110), *watch(110, 125, ILL), *watch(125, 140)]
    mixed = random.Random(1).sample(seen, len(seen))  # noqa: S311 - any other order
    assert judge(mixed) == judge(seen)


def test_a_lie_is_told_once_at_its_longest_and_before_shorter_ones() -> None:
    seen = [*watch(100, 115, ILL), *watch(115, 130), *watch(130, 150, ILL), *watch(150, 165, LED), *watch(165, 180)]
    first, second = judge(seen).lies
    assert "19.3 s, from 130.200" in first.promise
    assert LED in second.promise


def test_only_comparisons_are_counted_in_which_somebody_can_be_held_to_account() -> None:
    seen = [*watch(100, 110), *watch(110, 120, leader=""), *watch(120, 130)]
    counted = judge(seen).compared
    assert 30 < counted < 40, "those after the last renewal of each leader are not"
    assert judge(seen, [(90.0, 108.0)]).compared < counted - 12
    assert judge([]) == Verdict(compared=0)
