"""When etcd's own list says that a cluster is whole, and how it changed."""

import pytest

from e2e.bench.listing import Listing, beyond_rule, changes
from e2e.bench.results import NotMeasuredError
from etcd_operator.etcd.client import Member


def voter(name: str) -> Member:
    return Member(sum(name.encode()), name, (f"https://{name}:2380",), (f"https://{name}:2379",), is_learner=False)


def learner(name: str, *, started: bool = True) -> Member:
    urls = (f"https://{name}:2379",) if started else ()
    return Member(sum(name.encode()), name if started else "", (f"https://{name}:2380",), urls, is_learner=True)


def listing(*members: Member, at: float = 0.0) -> Listing:
    return Listing(at, members)


A, B, C, D = map(voter, "abcd")


@pytest.mark.parametrize(
    ("found", "serving", "whole"),
    [
        (listing(A, B, C), "abc", True),
        (listing(A, B, C), "abcd", True),
        (listing(A, B, C), "abd", False),
        (listing(A, B), "ab", False),
        (listing(A, B, C, D), "abcd", False),
        (listing(A, B, learner("c")), "abc", False),
        (listing(A, B, C, learner("d", started=False)), "abc", False),
    ],
    ids=["whole", "one more serves", "one of them does not serve", "one too few", "one too many", "learner", "pending"],
)
def test_a_cluster_is_whole_when_it_has_its_voters_and_nobody_else_and_each_serves(
    found: Listing, serving: str, *, whole: bool
) -> None:
    assert found.whole(3, serving) is whole


def test_the_way_of_a_newcomer_is_told_step_by_step() -> None:
    lists = [
        listing(A, B, C, at=10.0),
        listing(A, B, C, learner("d", started=False), at=11.0),
        listing(A, B, C, learner("d"), at=12.0),
        listing(A, B, C, D, at=12.5),
    ]
    assert changes(lists, since=10.0) == {"learner_1_added": 1.0, "learner_1_started": 2.0, "learner_1_promoted": 2.5}


def test_changes_of_one_kind_are_counted() -> None:
    lists = [listing(A, B, C, D, at=1.0), listing(A, B, C, at=2.0), listing(A, B, at=4.0)]
    assert changes(lists, since=1.0) == {"voter_1_removed": 1.0, "voter_2_removed": 3.0}


def test_a_change_that_etcd_holds_up_is_counted_from_when_its_rule_is_over() -> None:
    lists = [
        listing(A, at=0.0),
        listing(A, learner("b", started=False), at=8.0),
        listing(A, learner("b"), at=9.0),
        listing(A, B, at=9.2),
        listing(A, B, learner("c", started=False), at=14.3),
        listing(A, B, learner("c"), at=15.0),
        listing(A, B, C, at=15.2),
    ]
    assert beyond_rule(lists, since=0.0) == 0.3


def test_the_slowest_of_the_changes_that_are_held_up_counts_and_none_from_before_they_were_asked_for() -> None:
    lists = [
        listing(A, B, C, at=0.0),
        listing(A, B, C, learner("d"), at=5.0),
        listing(A, B, C, D, at=5.5),
        listing(A, B, C, at=10.25),
        listing(A, B, at=11.5),
    ]
    assert beyond_rule(lists, since=6.0) == 0.25
    assert beyond_rule([*lists[:3], listing(A, B, C, at=9.0), *lists[4:]], since=6.0) == 1.5


def test_what_etcd_does_not_hold_up_is_not_measured() -> None:
    lists = [listing(A, B, C, at=0.0), listing(A, B, at=30.0)]
    with pytest.raises(NotMeasuredError, match="held up no change"):
        beyond_rule(lists, since=20.0)
