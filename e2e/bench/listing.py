"""etcd's own member list over time: when a cluster is whole, and at which moments it changed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from e2e.bench.results import NotMeasuredError
from etcd_operator.etcd.client import Member

RULE: Final = 5.0
"""Seconds for which voters must have been connected before etcd lets members be added or removed (etcd-rules.md §1)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The list as a quorum agreed on it at a moment of the monotonic clock, in seconds."""

    at: float
    members: tuple[Member, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the members that ever started."""
        return frozenset(member.name for member in self.members if member.started)

    def whole(self, voters: int, serving: Collection[str]) -> bool:
        """Whether the list has `voters` members, all of them voters, and each is among the `serving`."""
        voting = [member for member in self.members if member.started and not member.is_learner]
        return len(self.members) == len(voting) == voters and self.names <= set(serving)


def changes(listings: Iterable[Listing], *, since: float) -> dict[str, float]:
    """Return the seconds from `since` until each change of the list was seen, in the order in which they came.

    Changes of one kind are counted: `learner_1_added`, `learner_2_added`.
    """
    found: dict[str, float] = {}
    counts: dict[str, int] = {}
    for earlier, later in pairwise(listings):
        for kind, what in _changed(_by_id(earlier), _by_id(later)):
            counts[f"{kind} {what}"] = number = counts.get(f"{kind} {what}", 0) + 1
            found[f"{kind}_{number}_{what}"] = round(later.at - since, 2)
    return found


def beyond_rule(listings: Iterable[Listing], *, since: float) -> float:
    """Return how many seconds after etcd's rule was over the slowest of the changes came that the rule held up.

    The rule is over `RULE` seconds after the newest member started; it held up what nothing else did until then: the
    changes after `since`, each after the one before it. Raises NotMeasuredError if it held up none of them.
    """
    late: list[float] = []
    free, over = since, since
    for earlier, later in pairwise(listings):
        before, after = _by_id(earlier), _by_id(later)
        if before.keys() != after.keys() and later.at > since and over > free:
            late.append(later.at - over)
        if any(member.started and not (name in before and before[name].started) for name, member in after.items()):
            over = later.at + RULE
        free = max(later.at, since)
    if not late:
        raise NotMeasuredError("etcd's rule held up no change")
    return round(max(late), 2)


def _by_id(listing: Listing) -> dict[int, Member]:
    return {member.id: member for member in listing.members}


def _changed(before: Mapping[int, Member], after: Mapping[int, Member]) -> Iterator[tuple[str, str]]:
    for identifier in before.keys() - after.keys():
        yield "learner" if before[identifier].is_learner else "voter", "removed"
    for identifier in after.keys() - before.keys():
        yield "learner" if after[identifier].is_learner else "voter", "added"
    for identifier in before.keys() & after.keys():
        if after[identifier].started and not before[identifier].started:
            yield "learner" if after[identifier].is_learner else "voter", "started"
        if before[identifier].is_learner and not after[identifier].is_learner:
            yield "learner", "promoted"
