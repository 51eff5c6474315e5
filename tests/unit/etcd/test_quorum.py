"""The arithmetic, held against what it stands for: who can still decide, before and after each change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_operator.etcd.quorum import (
    may_promote,
    may_remove_dead,
    may_remove_healthy,
    may_stop,
    needed_to_add,
    quorum,
)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[int, int]:
    """So many voters, and how many of them are healthy."""
    voters = draw(st.integers(1, 9))
    return voters, draw(st.integers(0, voters))


def decides(voters: int, healthy: int) -> bool:
    """Whether the healthy voters outnumber the others, which is all that a quorum means."""
    return healthy > voters - healthy


@settings(derandomize=True)
@given(clusters())
def test_a_quorum_is_the_fewest_that_outnumber_the_rest(cluster: tuple[int, int]) -> None:
    voters, _ = cluster
    assert decides(voters, quorum(voters))
    assert not decides(voters, quorum(voters) - 1)


@settings(derandomize=True)
@given(st.integers(1, 9))
def test_quorums_of_lists_that_differ_by_one_voter_share_a_member(voters: int) -> None:
    assert quorum(voters) + quorum(voters + 1) > voters + 1


@settings(derandomize=True)
@given(clusters())
def test_a_voter_is_stopped_exactly_when_the_others_decide_without_it(cluster: tuple[int, int]) -> None:
    voters, healthy = cluster
    assert may_stop(voters, healthy) == decides(voters, healthy - 1)


@settings(derandomize=True)
@given(clusters())
def test_a_dead_voter_is_removed_exactly_when_the_old_list_decides_and_then_the_new_one_does(
    cluster: tuple[int, int],
) -> None:
    voters, healthy = cluster
    assert may_remove_dead(voters, healthy) == decides(voters, healthy)
    if healthy < voters and may_remove_dead(voters, healthy):
        assert decides(voters - 1, healthy)


@settings(derandomize=True)
@given(clusters())
def test_a_healthy_voter_is_removed_exactly_when_the_old_and_the_new_list_decide(cluster: tuple[int, int]) -> None:
    voters, healthy = cluster
    both = decides(voters, healthy) and voters > 1 and decides(voters - 1, healthy - 1)
    assert may_remove_healthy(voters, healthy) == both


@settings(derandomize=True)
@given(clusters())
def test_a_learner_is_promoted_exactly_when_the_new_list_decides_with_it(cluster: tuple[int, int]) -> None:
    voters, healthy = cluster
    assert may_promote(voters, healthy) == decides(voters + 1, healthy + 1)


@settings(derandomize=True)
@given(st.integers(2, 9))
def test_a_learner_is_added_while_the_list_decides_that_it_will_be_in_without_it(voters: int) -> None:
    assert decides(voters + 1, needed_to_add(voters))
    assert not decides(voters + 1, needed_to_add(voters) - 1)


@pytest.mark.parametrize(
    ("voters", "size", "stop", "dead", "healthy", "add"),
    [
        (1, 1, False, True, False, 1),
        (2, 2, False, True, True, 2),
        (3, 2, True, True, True, 3),
        (4, 3, True, True, True, 3),
        (5, 3, True, True, True, 4),
        (7, 4, True, True, True, 5),
    ],
)
def test_what_may_be_done_while_all_are_healthy(
    voters: int, size: int, *, stop: bool, dead: bool, healthy: bool, add: int
) -> None:
    assert quorum(voters) == size
    assert (may_stop(voters, voters), may_remove_dead(voters, voters)) == (stop, dead)
    assert (may_remove_healthy(voters, voters), needed_to_add(voters)) == (healthy, add)


def test_with_one_of_three_down_no_healthy_one_goes_and_nobody_is_added() -> None:
    assert may_remove_dead(3, 2)
    assert not may_remove_healthy(3, 2)
    assert not may_stop(3, 2)
    assert needed_to_add(3) > 2
