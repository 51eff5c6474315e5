"""Changes of etcd's members, carried out only while its list is the one that the plan was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import Refusal, RefusedError
from etcd_operator.etcd.fence import check_lease
from etcd_operator.observation import Unknown
from etcd_operator.plan.model import AddLearner, Downgrade, MoveLeader, Promote, Remove

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.etcd.client import Endpoint, EtcdClient, Member, MemberList
    from etcd_operator.observation import Observation
    from etcd_operator.plan.model import MembershipChange

CHANGE_WITHIN = 4.0
"""Seconds for one change; well below the Lease, so that a leader may always start one."""

READ_WITHIN = 2.0
"""Seconds for the list that is read just before."""


class OvertakenError(Exception):
    """The member list or the leader is not what was observed: the step was not taken."""


@dataclass(frozen=True, slots=True)
class MembershipExecutor:
    """Carries out the steps on etcd that were planned from one observation.

    `remaining` are the seconds left on the Lease.
    """

    etcd: EtcdClient
    seen: Observation
    remaining: Callable[[], float]

    async def execute(self, step: MembershipChange | MoveLeader | Downgrade) -> None:
        """Carry out `step`. Raises OvertakenError if its preconditions no longer hold, and EtcdError if etcd refuses.

        Only the leader can judge a promotion or hand leadership over. Any healthy member can add and remove: the others
        are asked where the leader does not answer, or holds somebody for gone. It may do that for ever of a member that
        was started anew, though all goes well between the two (etcd-io/etcd#14523).
        """
        anybody = isinstance(step, AddLearner | Remove)
        *first, last = self._answering(or_any=anybody)
        for at in first:
            try:
                return await self._take(step, at, leads=not anybody)
            except RefusedError as error:
                if error.reason is not Refusal.UNHEALTHY_CLUSTER:
                    raise
        return await self._take(step, last, leads=not anybody)

    async def _take(self, step: MembershipChange | MoveLeader | Downgrade, at: Endpoint, *, leads: bool) -> None:
        await self._unchanged(at, leads=leads)
        check_lease(self.remaining, within=CHANGE_WITHIN, what=f"{type(step).__name__} {step.member}")
        match step:
            case AddLearner():
                await self.etcd.member_add(at, step.peer_url, learner=True, within=CHANGE_WITHIN)
            case Promote():
                await self.etcd.member_promote(at, step.member_id, within=CHANGE_WITHIN)
            case Remove():
                await self.etcd.member_remove(at, step.member_id, within=CHANGE_WITHIN)
            case MoveLeader():
                await self.etcd.move_leader(at, step.member_id, within=CHANGE_WITHIN)
            case Downgrade():
                await self.etcd.downgrade(at, step.version, within=CHANGE_WITHIN)

    def _answering(self, *, or_any: bool) -> list[Endpoint]:
        """Where the leader answers, then where the other healthy ones do. Raises OvertakenError if there is nobody."""
        healthy = {name: view.status for name, view in self.seen.etcd.views.items() if view.healthy}
        leading = [
            name
            for name, status in healthy.items()
            if not isinstance(status, Unknown) and status.leader_id == status.member_id
        ]
        others = [name for name in healthy if name not in leading] if or_any else []
        if not (leading or others):
            raise OvertakenError("the leader does not answer the operator")
        return [self.seen.etcd.endpoints[name] for name in (*leading, *others)]

    async def _unchanged(self, at: Endpoint, *, leads: bool) -> None:
        """Return if a quorum still agrees on the list that was observed, and `at` still leads if it has to."""
        known = self.seen.etcd.members
        if leads:
            status = await self.etcd.status(at, within=READ_WITHIN)
            if status.leader_id != status.member_id:
                raise OvertakenError(f"{at.member} leads no more")
        now = await self.etcd.member_list(at, within=READ_WITHIN)
        if isinstance(known, Unknown) or _essence(now) != _essence(known):
            raise OvertakenError("etcd's member list has changed")


def _essence(members: MemberList) -> set[tuple[int, tuple[str, ...], bool, bool]]:
    return {_entry(member) for member in members.members}


def _entry(member: Member) -> tuple[int, tuple[str, ...], bool, bool]:
    return member.id, member.peer_urls, member.is_learner, member.started
