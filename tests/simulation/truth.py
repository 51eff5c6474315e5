"""What is really so in the simulated etcd, whatever the operator sees of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import hex_id
from tests.simulation import network

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Member
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Truth:
    """The member list as whoever leads has it, or who knows most if nobody does, under the names of the members.

    `agreed` is whether somebody leads, `healthy` are the voters whose processes serve and hear that leader, `running`
    all members whose processes hear it. `forgotten` are the processes, by Pod, whose Pod is gone.
    """

    agreed: bool
    members: dict[str, Member]
    running: frozenset[str]
    forgotten: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Every member."""
        return frozenset(self.members)

    @property
    def voters(self) -> frozenset[str]:
        """Those that vote."""
        return frozenset(name for name, member in self.members.items() if not member.is_learner)

    @property
    def learners(self) -> frozenset[str]:
        """Those that do not vote yet."""
        return self.names - self.voters

    @property
    def started(self) -> frozenset[str]:
        """Those that ever ran."""
        return frozenset(name for name, member in self.members.items() if member.started)

    @property
    def healthy(self) -> frozenset[str]:
        """The voters that serve."""
        return self.voters & self.running

    @property
    def size(self) -> int:
        """How many vote."""
        return len(self.voters)

    def runs(self, name: str) -> bool:
        """Whether a member's process is in touch with the leader."""
        return name in self.running

    def name_of(self, member_id: int) -> str:
        """A member's name; its ID if it is not listed."""
        found = (name for name, member in self.members.items() if member.id == member_id)
        return next(found, hex_id(member_id))


def member_at(url: str) -> str:
    """The name of the member with this peer URL."""
    return url.partition("://")[2].partition(".")[0].partition(":")[0]


def truth(world: World) -> Truth:
    """The truth at this moment, of the latched cluster once one is."""
    etcd = world.etcd
    latched = world.status.get("clusterID")
    leader = next((one for one in etcd.leaders if latched in {None, hex_id(one.data.cluster_id)}), None)
    ours = (data for data in etcd.stored.values() if latched in {None, hex_id(data.cluster_id)})
    stored = sorted(ours, key=lambda data: data.journal.up_to_date)
    known = stored if leader is None else [leader.data]
    listed = known[-1].journal.members if known else ()
    by_id = {member.id: member_at(member.peer_urls[0]) for member in listed}
    heard = (
        process
        for process in etcd.processes.values()
        if (process.serving or etcd.takes_part(process)) and etcd.leader_of(process) is not None
    )
    return Truth(
        agreed=leader is not None and etcd.leader_of(leader) is not None,
        members={by_id[member.id]: member for member in listed},
        running=frozenset(by_id[process.data.member_id] for process in heard if process.data.member_id in by_id),
        forgotten=frozenset(pod for pod, one in etcd.processes.items() if network.forgotten(world.server, one)),
    )
