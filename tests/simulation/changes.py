"""A change of the simulated etcd as data: it can be delayed, lost, or delivered a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import hex_id
from tests.simulation import reconfiguration
from tests.simulation.dial import dial_voter, refusal, silence
from tests.simulation.etcd import NoLeader
from tests.simulation.raft import Added, Lowered, Promoted, Removed, later_member
from tests.simulation.reconfiguration import Refused

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Endpoint
    from tests.simulation.etcd import Etcd
    from tests.simulation.process import Process
    from tests.simulation.raft import Data


@dataclass(frozen=True, slots=True)
class Add:
    """MemberAdd."""

    url: str
    learner: bool

    def __str__(self) -> str:
        return f"add {'learner' if self.learner else 'voter'} {self.url}"

    def apply(self, etcd: Etcd, process: Process) -> Data:
        """Judged by who is asked, then by all. Raises Refused or NoLeader."""
        etcd.judge(process).require_addable(learner=self.learner)
        leader = etcd.heard(process)
        journal = leader.data.journal
        member_id = later_member(self.url, int(etcd.server.now.timestamp()))
        reconfiguration.require_new(journal, member_id, self.url, learner=self.learner)
        return etcd.agree(leader, Added(journal.term, member_id, self.url, self.learner))


@dataclass(frozen=True, slots=True)
class Remove:
    """MemberRemove."""

    member_id: int

    def __str__(self) -> str:
        return f"remove {hex_id(self.member_id)}"

    def apply(self, etcd: Etcd, process: Process) -> Data:
        """Judged by who is asked, then by all. Raises Refused or NoLeader.

        Who is asked to remove itself does so and may end before it answers, as is often seen on 3.6.16.
        """
        etcd.judge(process).require_removable(self.member_id)
        leader = etcd.heard(process)
        reconfiguration.require_listed(leader.data.journal, self.member_id)
        agreed = etcd.agree(leader, Removed(leader.data.journal.term, self.member_id))
        if self.member_id == process.data.member_id:
            raise NoLeader
        return agreed


@dataclass(frozen=True, slots=True)
class Promote:
    """MemberPromote."""

    member_id: int

    def __str__(self) -> str:
        return f"promote {hex_id(self.member_id)}"

    def apply(self, etcd: Etcd, process: Process) -> Data:
        """Judged by the leader, whoever is asked, then by all. Raises Refused or NoLeader."""
        leader = etcd.heard(process)
        journal, known = leader.data.journal, etcd.leads[leader.data.cluster_id].matches
        etcd.judge(leader).require_promotable(self.member_id, match=known.get(self.member_id, 0))
        reconfiguration.require_learner(journal, self.member_id)
        return etcd.agree(leader, Promoted(journal.term, self.member_id))


@dataclass(frozen=True, slots=True)
class Move:
    """MoveLeader."""

    member_id: int

    def __str__(self) -> str:
        return f"move the leader to {hex_id(self.member_id)}"

    def apply(self, etcd: Etcd, process: Process) -> Data:
        """Only the leader can. Raises Refused, or NoLeader when the other does not take over."""
        leader = etcd.leader_of(process)
        if leader is None or leader.pod != process.pod:
            raise Refused("not leader")
        if self.member_id not in leader.data.journal.voters:
            raise Refused("bad leader transferee")
        if self.member_id != leader.data.member_id:
            heirs = [peer for peer in etcd.followers(leader) if peer.data.member_id == self.member_id]
            if not heirs:
                raise NoLeader
            etcd.hand_over(leader, heirs[0])
        return leader.data


@dataclass(frozen=True, slots=True)
class Lower:
    """Downgrade: enable it for a minor version, or cancel it with 0 (version/manager.go)."""

    minor: int

    def __str__(self) -> str:
        return f"store its data for 3.{self.minor}" if self.minor else "store its data as it runs"

    def apply(self, etcd: Etcd, process: Process) -> Data:
        """Judged by who is asked, then by all. Raises Refused or NoLeader."""
        leader = etcd.heard(process)
        journal = leader.data.journal
        if not self.minor and not journal.lowered:
            return leader.data
        if self.minor and journal.lowered:
            raise Refused("cluster has a downgrade job in progress")
        if self.minor and self.minor != journal.version - 1:
            raise Refused("invalid downgrade target version")
        return etcd.agree(leader, Lowered(journal.term, self.minor))


@dataclass(frozen=True, slots=True)
class Change:
    """A change on its way to one member."""

    at: Endpoint
    what: Add | Remove | Promote | Move | Lower

    def __str__(self) -> str:
        return f"ask {self.at.member} to {self.what}"

    def carry_out(self, etcd: Etcd) -> Data:
        """Let it arrive; what is agreed afterwards. Raises EtcdError as the real client does."""
        call = type(self.what).__name__
        process = dial_voter(etcd, self.at, call)
        try:
            return self.what.apply(etcd, process)
        except Refused as no:
            raise refusal(self.at, call, str(no), changes=True) from None
        except NoLeader:
            raise silence(self.at, call, changes=True) from None
