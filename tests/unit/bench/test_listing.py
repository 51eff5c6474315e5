"""When etcd's own list says that a cluster is whole, and how it changed."""

import pytest

from e2e.bench.listing import Listing, changes
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
