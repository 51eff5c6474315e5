"""When a refused step is tried again."""

from __future__ import annotations

from etcd_operator.api.conditions import BlockReason
from etcd_operator.patience import FIRST_RETRY, LAST_RETRY, Patience
from etcd_operator.plan.model import Blocked

CLAIM, BUDGET = ("Create", "PersistentVolumeClaim orders-bbbbb"), ("Create", "PodDisruptionBudget orders")
BLOCK = Blocked("create", BlockReason.REFUSED, "exceeded quota")


def test_what_was_never_refused_is_due_and_waits_for_nothing() -> None:
    patience = Patience()
    assert patience.due(CLAIM, 0)
    assert patience.next_try(0) is None
    assert list(patience.blocks()) == []


def test_a_refused_step_waits_and_others_do_not() -> None:
    patience = Patience()
    patience.refused(CLAIM, BLOCK, 100)
    assert not patience.due(CLAIM, 100)
    assert patience.due(BUDGET, 100)
    assert patience.due(CLAIM, 100 + FIRST_RETRY)
    assert list(patience.blocks()) == [BLOCK]


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
