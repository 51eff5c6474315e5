"""Who is a member, by etcd's own word: its list, read under our names, with what each member answers itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.observation import Unknown
from etcd_operator.resources.names import member_of

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Member, Status
    from etcd_operator.plan.situation import Situation

CAUGHT_UP = 0.9
"""The share of the leader's log that a learner must have: etcd's own bound for a promotion (etcd-rules.md §1)."""


@dataclass(frozen=True, slots=True)
class Membership:
    """etcd's member list under our names, and which of its voters are healthy.

    A voter is healthy that reads with a quorum's consent; one of which only etcd's metrics port says so, because it
    serves no clients yet, is healthy and has no status. `staying` are the healthy ones whose Pod is not on its way out:
    a drain in flight counts as done. `current` has everybody of whom the metrics port says so, learners, too. `foreign`
    are entries that are not ours, and voters that nobody recorded. `leader` is the voter that leads, None if no healthy
    one says so of itself.
    """

    voters: dict[str, Member]
    learners: dict[str, Member]
    foreign: tuple[Member, ...]
    healthy: frozenset[str]
    staying: frozenset[str]
    current: frozenset[str]
    statuses: dict[str, Status]
    leader: str | None

    @property
    def size(self) -> int:
        """How many vote, those that are not ours included."""
        return len(self.voters) + sum(1 for entry in self.foreign if not entry.is_learner)

    @property
    def serving(self) -> frozenset[str]:
        """The healthy ones that serve clients."""
        return self.healthy & self.statuses.keys()

    @property
    def listed(self) -> dict[str, Member]:
        """Every entry that is ours."""
        return {**self.voters, **self.learners}

    def applied(self, member: str) -> int:
        """How far the member has come; 0 if it does not say."""
        status = self.statuses.get(member)
        return 0 if status is None else status.raft_applied_index

    def caught_up(self, member: str) -> bool:
        """Whether the member has nearly all that the leader has, or all by its own word."""
        nearly = self.leader is not None and self.applied(member) >= CAUGHT_UP * self.applied(self.leader)
        return nearly or member in self.current


def read_membership(situation: Situation) -> Membership | None:
    """The membership; None if the cluster has not formed, or if no quorum could be asked for its list."""
    agreed = situation.seen.etcd.members
    if not situation.record.formed or isinstance(agreed, Unknown):
        return None
    named = {*situation.record.present, *(leaver.member for leaver in situation.record.left)}
    ours: dict[str, Member] = {}
    foreign: list[Member] = []
    for entry in agreed.members:
        name = member_of(situation.identity, entry.peer_urls, situation.spec.tls)
        if name is None or (not entry.is_learner and name not in named):
            foreign.append(entry)
        else:
            ours[name] = entry
    views = situation.seen.etcd.views
    statuses = {
        name: view.status for name, view in views.items() if name in ours and not isinstance(view.status, Unknown)
    }
    voters = {name: entry for name, entry in ours.items() if not entry.is_learner}
    current = frozenset(name for name, entry in ours.items() if entry.started and _takes_part(situation, name))
    healthy = frozenset(
        name
        for name, entry in voters.items()
        if (name in statuses and views[name].healthy and statuses[name].member_id == entry.id)
        or (name not in statuses and name in current)
    )
    return Membership(
        voters=voters,
        learners={name: entry for name, entry in ours.items() if entry.is_learner},
        foreign=tuple(foreign),
        healthy=healthy,
        staying=frozenset(name for name in healthy if not is_ending(situation, name)),
        current=current,
        statuses=statuses,
        leader=next((name for name in sorted(healthy & statuses.keys()) if _leads(statuses[name], voters[name])), None),
    )


def _takes_part(situation: Situation, member: str) -> bool:
    view = situation.seen.etcd.views.get(member)
    return view is not None and view.takes_part


def _leads(status: Status, entry: Member) -> bool:
    return status.leader_id == entry.id


def is_ending(situation: Situation, member: str) -> bool:
    """Whether the member's Pod is on its way out."""
    pod = situation.seen.pods.get(member)
    return pod is not None and pod.meta.deleting
