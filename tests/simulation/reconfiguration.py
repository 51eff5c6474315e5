"""etcd's own rules about changes of its member list: what a member that is asked refuses, and with which words.

From server/etcdserver/server.go and api/membership/cluster.go of etcd 3.5.35, 3.6.16 and 3.7.3, in which they are the
same. The contract test asks the same of those (tests/contract.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import quorum

if TYPE_CHECKING:
    from tests.simulation.raft import Journal

HEALTH_INTERVAL = 5.0
"""Seconds for which a member must have been connected to another to count it as active."""

READY = 0.9
"""How much of the leader's log a learner must have before it may vote."""

UNHEALTHY = "unhealthy cluster"
NOT_ENOUGH_STARTED = "re-configuration failed due to not enough started members"
NOT_FOUND = "member not found"


class Refused(Exception):  # noqa: N818 - an answer of etcd's, not an error of the simulation
    """etcd says no, in its own words."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The member that is asked: its own ID, its journal, and for how many seconds it is connected to whom."""

    own: int
    journal: Journal
    connected: dict[int, float]

    def require_addable(self, *, learner: bool) -> None:
        """May a member be added? It counts as not running, so quorum of one more must be connected without it."""
        voters = self.journal.voters
        if not learner and not self._enough_started(voters, others=1, alone=True):
            raise Refused(NOT_ENOUGH_STARTED)
        if len(voters) > 1 and self._active() < quorum(len(voters) + 1):
            raise Refused(UNHEALTHY)

    def require_removable(self, member_id: int) -> None:
        """May this member be removed? A learner always, a voter that is connected only if enough others are."""
        found, voters = self.journal.member(member_id), self.journal.voters
        if found is not None and found.is_learner:
            return
        if not self._enough_started(voters - {member_id}):
            raise Refused(NOT_ENOUGH_STARTED)
        if member_id != self.own and member_id not in self.connected:
            return
        if self._active() - 1 < 1 + (len(voters) - 1) // 2:
            raise Refused(UNHEALTHY)

    def require_promotable(self, member_id: int, *, match: int) -> None:
        """May this learner vote? Only the leader can tell: `match` is how many entries it knows the learner to have."""
        if self.journal.member(member_id) is None:
            raise Refused(NOT_FOUND)
        if match < READY * len(self.journal.entries):
            raise Refused("can only promote a learner member which is in sync with leader")
        if not self._enough_started(self.journal.voters, others=1, started=1):
            raise Refused(NOT_ENOUGH_STARTED)

    def _active(self) -> int:
        """How many voters it counts as active, itself included."""
        long = {member_id for member_id, seconds in self.connected.items() if seconds > HEALTH_INTERVAL}
        return len(self.journal.voters & {*long, self.own})

    def _enough_started(
        self, voters: frozenset[int], *, others: int = 0, started: int = 0, alone: bool = False
    ) -> bool:
        """Whether a quorum of these voters and `others` has started; `started` of the others count as such.

        `alone`: a single member may always get a second.
        """
        ran = started + sum(1 for member in self.journal.members if member.id in voters and member.started)
        return (alone and len(voters) == ran == 1) or ran >= quorum(len(voters) + others)


def require_new(journal: Journal, member_id: int, url: str, *, learner: bool) -> None:
    """May this ID and URL be added to this list, and a learner? Judged when the change is applied."""
    if member_id in journal.removed:
        raise Refused(NOT_FOUND)
    if journal.member(member_id) is not None:
        raise Refused("member ID already exist")
    if any(url in member.peer_urls for member in journal.members):
        raise Refused("Peer URLs already exists")
    if learner and any(member.is_learner for member in journal.members):
        raise Refused("too many learner members in cluster")


def require_listed(journal: Journal, member_id: int) -> None:
    """Is this member in the list? Judged when the change is applied."""
    if journal.member(member_id) is None:
        raise Refused(NOT_FOUND)


def require_learner(journal: Journal, member_id: int) -> None:
    """Is this member a learner? Judged when the change is applied."""
    require_listed(journal, member_id)
    if member_id in journal.voters:
        raise Refused("can only promote a learner member")
