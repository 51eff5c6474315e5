"""etcd's own member list over time: when a cluster is whole, and at which moments it changed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

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


def held_up(listings: Iterable[Listing], *, since: float) -> float:
    """Return for how many seconds after `since` nothing but etcd's rule stood in the way of changes.

    The rule is over `RULE` seconds after the newest member started; it held a change up from the change before it until
    then, or until etcd took the change all the same.
    """
    held, free, over = 0.0, since, since
    for earlier, later in pairwise(listings):
        before, after = _by_id(earlier), _by_id(later)
        if before.keys() != after.keys() and later.at > since:
            held += max(min(over, later.at) - free, 0)
        if any(member.started and not (name in before and before[name].started) for name, member in after.items()):
            over = later.at + RULE
        free = max(later.at, since)
    return round(held, 2)


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
