"""When a refused step is tried again."""

from __future__ import annotations

from etcd_operator.api.conditions import BlockReason
from etcd_operator.patience import (
    ETCD_LAST_RETRY,
    ETCD_QUIET,
    ETCD_RETRY,
    FIRST_RETRY,
    LAST_RETRY,
    Patience,
)
from etcd_operator.plan.model import Blocked

CLAIM, BUDGET = ("Create", "PersistentVolumeClaim orders-bbbbb"), ("Create", "PodDisruptionBudget orders")
ADD = ("AddLearner", "orders-fffff")
UNHEALTHY = Blocked("add", BlockReason.REFUSED_BY_ETCD, "unhealthy cluster")
BLOCK = Blocked("create", BlockReason.REFUSED, "exceeded quota")


def test_what_was_never_refused_is_due_and_waits_for_nothing() -> None:
    patience = Patience()
    assert patience.due(CLAIM, 0)
    assert patience.next_try(0) is None
    assert list(patience.blocks(0)) == []


def test_a_refused_step_waits_and_others_do_not() -> None:
    patience = Patience()
    patience.refused(CLAIM, BLOCK, 100)
    assert not patience.due(CLAIM, 100)
    assert patience.due(BUDGET, 100)
    assert patience.due(CLAIM, 100 + FIRST_RETRY)
    assert list(patience.blocks(100)) == [BLOCK]


def test_each_refusal_doubles_the_pause_up_to_an_end() -> None:
    patience, pauses = Patience(), list[float]()
    for _ in range(10):
        patience.refused(CLAIM, BLOCK, 0)
        pauses.append(patience.next_try(0) or 0)
    assert pauses[:4] == [0.5, 1, 2, 4]
    assert pauses[-1] == LAST_RETRY


def test_a_step_may_be_refused_for_weeks() -> None:
    patience = Patience()
    for turn in range(30_000):
        patience.refused(CLAIM, BLOCK, turn * LAST_RETRY)
    assert patience.next_try(29_999 * LAST_RETRY) == LAST_RETRY


def test_the_next_try_is_that_of_the_step_that_is_due_first() -> None:
    patience = Patience()
    for _ in range(5):
        patience.refused(CLAIM, BLOCK, 0)
    patience.refused(BUDGET, BLOCK, 0)
    assert patience.next_try(0) == FIRST_RETRY
    assert patience.next_try(1000) == 0


def test_what_was_done_or_is_no_longer_planned_is_forgotten() -> None:
    patience = Patience()
    patience.refused(CLAIM, BLOCK, 0)
    patience.refused(BUDGET, BLOCK, 0)
    patience.done(CLAIM)
    assert patience.due(CLAIM, 0)
    patience.keep([CLAIM])
    assert patience.due(BUDGET, 0)
    assert patience.next_try(0) is None


def test_a_refusal_of_etcds_is_tried_again_at_the_same_pace_and_told_to_nobody_for_a_while() -> None:
    patience = Patience()
    for turn in range(60):
        now = turn * ETCD_RETRY
        patience.refused(ADD, UNHEALTHY, now, by_etcd=True)
        assert patience.next_try(now) == ETCD_RETRY
        assert list(patience.blocks(now)) == []


def test_a_refusal_of_etcds_that_lasts_is_told_and_tried_less_often() -> None:
    patience = Patience()
    patience.refused(ADD, UNHEALTHY, 100, by_etcd=True)
    assert list(patience.blocks(100 + ETCD_QUIET - 0.1)) == []
    assert list(patience.blocks(100 + ETCD_QUIET)) == [UNHEALTHY]
    pauses = list[float]()
    for turn in range(5):
        now = 100 + ETCD_QUIET + turn
        patience.refused(ADD, UNHEALTHY, now, by_etcd=True)
        pauses.append(patience.next_try(now) or 0)
    assert pauses == [0.5, 1, 2, 2, 2]
    assert pauses[-1] == ETCD_LAST_RETRY
    assert list(patience.blocks(200)) == [UNHEALTHY]


def test_etcds_own_rule_of_five_seconds_is_over_before_anybody_is_told() -> None:
    assert ETCD_QUIET > 5


def test_the_last_words_of_a_refusal_are_told_and_its_time_counts_from_the_first() -> None:
    patience = Patience()
    patience.refused(ADD, UNHEALTHY, 0, by_etcd=True)
    later = Blocked("add", BlockReason.REFUSED_BY_ETCD, "too many learners")
    patience.refused(ADD, later, ETCD_QUIET - 1, by_etcd=True)
    assert list(patience.blocks(ETCD_QUIET)) == [later]


def test_a_refusal_of_etcds_that_was_overcome_is_quiet_the_next_time_as_well() -> None:
    patience = Patience()
    patience.refused(ADD, UNHEALTHY, 0, by_etcd=True)
    patience.done(ADD)
    patience.refused(ADD, UNHEALTHY, ETCD_QUIET, by_etcd=True)
    assert list(patience.blocks(ETCD_QUIET)) == []


def test_a_refusal_of_kubernetes_is_told_at_once_beside_one_of_etcds() -> None:
    patience = Patience()
    patience.refused(ADD, UNHEALTHY, 0, by_etcd=True)
    patience.refused(CLAIM, BLOCK, 0)
    assert list(patience.blocks(0)) == [BLOCK]
    assert patience.next_try(0) == ETCD_RETRY
