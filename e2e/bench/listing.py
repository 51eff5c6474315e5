"""etcd's own member list over time: when a cluster is whole, and at which moments it changed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from etcd_operator.etcd.client import Member


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
