"""The simulated etcd: processes on data directories that form a cluster, elect, agree, change it, and end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation import network
from tests.simulation.process import Exit
from tests.simulation.raft import Elected, Lowered, Published, Put, Versioned
from tests.simulation.reconfiguration import Judge
from tests.simulation.start import first_data, process_of
from tests.simulation.volumes import EMPTY, initialised, with_wal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tests.simulation.kubernetes import ApiServer
    from tests.simulation.process import Launch, Process
    from tests.simulation.raft import Data, Entry
    from tests.simulation.volumes import Files

Link = frozenset[str]
"""Two processes, by the UIDs of their Pods."""

REMOVED = Exit(0, "the member has been permanently removed from the cluster")
FORGOT = "panic: tocommit({0}) is out of range [lastIndex({1})]. Was the raft log corrupted, truncated, or lost?"
"""How etcd panics when its leader knows that it had more."""


class NoLeader(Exception):  # noqa: N818 - not an answer: the lack of one
    """No quorum agrees on it, and the caller waits in vain."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads a cluster, and how many entries it knows each member, by ID, to have: nothing when it is elected."""

    pod: str
    matches: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Etcd:
    """Every etcd process and every volume.

    `volumes` and `stored` hold the files and etcd's data on them by the UID of the claim; a process whose files are
    taken away goes on with what it has in memory, and nothing is stored any more. `links` are connections with the
    moment since which they stand, `exits` tells how processes ended by themselves, by Pod, and `files` what Pods mount
    of Secrets, from which certificates are read at each handshake. `cut` are members whose network is, `slow` those
    that the log does not reach, `mute` those that do not serve clients yet, whatever else they do (etcd that got its
    own announcement inside a snapshot). `damaged` tells with which last words a start on a volume ends. `first_starts`
    are the peer URLs of those that began on an empty directory in this tick.
    """

    server: ApiServer
    processes: dict[str, Process] = field(default_factory=dict)
    volumes: dict[str, Files] = field(default_factory=dict)
    stored: dict[str, Data] = field(default_factory=dict)
    leads: dict[int, Lead] = field(default_factory=dict)
    links: dict[Link, datetime] = field(default_factory=dict)
    exits: dict[str, Exit] = field(default_factory=dict)
    files: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    damaged: dict[str, Exit] = field(default_factory=dict)
    first_starts: tuple[str, ...] = ()

    def copy(self, server: ApiServer) -> Etcd:
        """The same processes beside another server, whose later changes are their own."""
        return replace(
            self,
            server=server,
            processes=dict(self.processes),
            volumes=dict(self.volumes),
            stored=dict(self.stored),
            leads=dict(self.leads),
            links=dict(self.links),
            exits=dict(self.exits),
            files=dict(self.files),
            damaged=dict(self.damaged),
        )

    @property
    def leaders(self) -> list[Process]:
        """Whoever leads a cluster."""
        return [self.processes[lead.pod] for lead in self.leads.values()]

    def launch(self, launch: Launch) -> Process | Exit:
        """Start a process; an `Exit` if it ends at once."""
        self.exits.pop(launch.pod, None)
        self.files[launch.pod] = launch.files
        if launch.claim in self.damaged:
            return self.damaged[launch.claim]
        used = initialised(self.volumes[launch.claim])
        process = process_of(launch, self.stored[launch.claim] if used else None)
        if isinstance(process, Exit):
            return process
        if not used:
            reached = [other for other in self.processes.values() if self._connected(process, other)]
            data = first_data(process, launch, reached)
            if isinstance(data, Exit):
                return data
            process = replace(process, data=data)
            self.first_starts = (*self.first_starts, process.peer_url)
        self._save(process, process.data)
        return process

    def kill(self, pod: str) -> None:
        """End the process of a Pod, if there is one."""
        self.processes.pop(pod, None)
        self.links = {link: since for link, since in self.links.items() if pod not in link}
        self.leads = {identifier: lead for identifier, lead in self.leads.items() if lead.pod != pod}

    def empty(self, claim: str) -> None:
        """Take everything from a volume."""
        self.volumes[claim] = EMPTY
        self.stored.pop(claim, None)
        self.damaged.pop(claim, None)

    def destroy(self, claim: str) -> None:
        """The volume is gone."""
        self.volumes.pop(claim, None)
        self.stored.pop(claim, None)
        self.damaged.pop(claim, None)

    def settle(self) -> None:
        """Let the members talk until nothing new is said: connect, elect, replicate, publish; who was removed ends."""
        self._connect()
        for identifier in {process.data.cluster_id for process in self.processes.values()}:
            leader = self._leader(identifier) or self._elect(identifier)
            if leader is None:
                self.leads.pop(identifier, None)
                continue
            group = [leader.pod, *(process.pod for process in self.followers(leader))]
            for pod in group:
                self._publish(leader.pod, pod)
            self._agree_on_version(leader.pod, group)
            for pod in group:
                self._follow(leader.pod, pod)
        for process in [one for one in self.processes.values() if self._hears_of_its_removal(one)]:
            self._end(process, REMOVED)

    def leader_of(self, process: Process) -> Process | None:
        """The leader that a process hears and a quorum follows."""
        leader = self._leader(process.data.cluster_id)
        if leader is None:
            return None
        heard = {leader.pod, *(follower.pod for follower in self.followers(leader))}
        return leader if process.pod in heard else None

    def put(self, process: Process, key: bytes, value: bytes) -> bool:
        """Write through a member; whether it is acknowledged. Only the fewest members that may acknowledge have it."""
        try:
            leader = self.heard(process)
            self.agree(leader, Put(leader.data.journal.term, key, value))
        except NoLeader:
            return False
        return True

    def takes_part(self, process: Process) -> bool:
        """Whether a process could read with a quorum's consent, for whomever."""
        leader = self.leader_of(process)
        return leader is not None and process.data.journal == leader.data.journal

    def heard(self, process: Process) -> Process:
        """The leader that a process hears; raises NoLeader."""
        leader = self.leader_of(process)
        if leader is None:
            raise NoLeader
        return leader

    def agree(self, leader: Process, entry: Entry) -> Data:
        """Commit an entry: the leader has it, and the fewest others that may; what is then agreed.

        Raises NoLeader when too few others take it.
        """
        others = leader.data.journal.quorum - 1
        voters = [voter for voter in self._voters(leader) if voter.member not in self.slow]
        if len(voters) < others:
            raise NoLeader
        leader = self._save(leader, leader.data.and_then(entry))
        for voter in voters[:others]:
            self._follow(leader.pod, voter.pod)
        return leader.data

    def hand_over(self, leader: Process, heir: Process) -> None:
        """Bring a follower up to date and let it lead. Raises NoLeader when it does not take over."""
        if heir.member in self.slow:
            raise NoLeader
        self._follow(leader.pod, heir.pod)
        self._lead(self.processes[heir.pod])

    def judge(self, process: Process) -> Judge:
        """A member as it judges a change: whom it is connected to, and for how long."""
        connected = {
            peer.data.member_id: (self.server.now - self.links[frozenset({process.pod, peer.pod})]).total_seconds()
            for peer in self.peers(process)
        }
        return Judge(process.data.member_id, process.data.journal, connected)

    def peers(self, process: Process) -> list[Process]:
        """The other members of its cluster to which a process is connected."""
        linked = (self.processes[pod] for link in self.links if process.pod in link for pod in link - {process.pod})
        return sorted(linked, key=lambda other: other.data.member_id)

    def followers(self, leader: Process) -> list[Process]:
        """Those that it is connected to and has in its list."""
        return [peer for peer in self.peers(leader) if leader.data.journal.member(peer.data.member_id) is not None]

    def _connect(self) -> None:
        """Open the connections that are possible, and drop the others. Who does not know the other does not ask it."""
        before, self.links = self.links, {}
        every = list(self.processes.values())
        for place, one in enumerate(every):
            for other in every[place + 1 :]:
                link = frozenset({one.pod, other.pod})
                if one.data.cluster_id == other.data.cluster_id and (
                    self._connected(one, other) or (link in before and self._stay_connected(one, other))
                ):
                    self.links[link] = before.get(link, self.server.now)

    def _stay_connected(self, one: Process, other: Process) -> bool:
        """Whether a connection outlives the Pod of one of its ends."""
        apart = {one.member, other.member} & self.cut
        return not apart and any(network.forgotten(self.server, process) for process in (one, other))

    def _connected(self, one: Process, other: Process) -> bool:
        return not {one.member, other.member} & self.cut and network.connected(self, one, other)

    def _leader(self, identifier: int) -> Process | None:
        """The leader of a cluster while it is a voter and a quorum follows it."""
        lead = self.leads.get(identifier)
        leader = None if lead is None else self.processes[lead.pod]
        if leader is None or not leader.data.votes:
            return None
        return leader if 1 + len(self._voters(leader)) >= leader.data.journal.quorum else None

    def _voters(self, process: Process) -> list[Process]:
        """The other voters, by its own log, to which a process is connected."""
        voters = process.data.journal.voters
        return [peer for peer in self.peers(process) if peer.data.member_id in voters]

    def _elect(self, identifier: int) -> Process | None:
        """The worst choice that raft allows: of all who can win, one whose log is the least up to date."""
        group = [process for process in self.processes.values() if process.data.cluster_id == identifier]
        winners = [candidate for candidate in group if candidate.data.votes and self._wins(candidate)]
        if not winners:
            return None
        return self._lead(min(winners, key=lambda process: process.data.journal.up_to_date))

    def _wins(self, candidate: Process) -> bool:
        journal = candidate.data.journal
        votes = [peer for peer in self._voters(candidate) if peer.data.journal.up_to_date <= journal.up_to_date]
        return 1 + len(votes) >= journal.quorum

    def _lead(self, process: Process) -> Process:
        """Let it lead, in a term after all that its cluster has seen."""
        identifier = process.data.cluster_id
        term = 1 + max(
            other.data.journal.term for other in self.processes.values() if other.data.cluster_id == identifier
        )
        self.leads[identifier] = Lead(process.pod)
        return self._save(process, process.data.and_then(Elected(term)))

    def _publish(self, leader: str, pod: str) -> None:
        data, process = self.processes[leader].data, self.processes[pod]
        listed = data.journal.member(process.data.member_id)
        if listed is not None and not listed.started and process.member not in self.slow:
            old = process.minor == 5
            entry = Published(data.journal.term, listed.id, process.data.name, process.client_url, old)
            self._save(self.processes[leader], data.and_then(entry))

    def _agree_on_version(self, leader: str, group: list[str]) -> None:
        """What the leader does about the cluster's version while it hears every member (version/monitor.go)."""
        data = self.processes[leader].data
        heard = {self.processes[pod].data.member_id: self.processes[pod].minor for pod in group}
        if heard.keys() != {member.id for member in data.journal.members}:
            return
        journal, lowest = data.journal, min(heard.values())
        wanted = journal.lowered or max(lowest, journal.version)
        if wanted != journal.version:
            data = data.and_then(Versioned(journal.term, wanted))
        if journal.lowered and set(heard.values()) == {journal.lowered}:
            data = data.and_then(Lowered(journal.term, 0))
        self._save(self.processes[leader], data)

    def _follow(self, leader: str, pod: str) -> None:
        """Bring a follower up to its leader's log; it panics if it has less than the leader saw it have."""
        process, led = self.processes[pod], self.processes[leader].data
        lead = self.leads[led.cluster_id]
        known, has = lead.matches.get(process.data.member_id, 0), len(process.data.journal.entries)
        if known > has:
            self._end(process, Exit(2, FORGOT.format(known, has)))
            return
        serving = process.serving or process.member not in self.mute
        if process.member in self.slow:
            self._save(replace(process, serving=serving), process.data)
            return
        if process.serving != serving or process.data.journal != led.journal:
            self._save(replace(process, serving=serving), replace(process.data, journal=led.journal))
        if known != len(led.journal.entries):
            matches = {**lead.matches, process.data.member_id: len(led.journal.entries)}
            self.leads[led.cluster_id] = replace(lead, matches=matches)

    def _hears_of_its_removal(self, process: Process) -> bool:
        own = process.data.member_id
        return own in process.data.journal.removed or any(
            own in peer.data.journal.removed for peer in self.peers(process)
        )

    def _end(self, process: Process, how: Exit) -> None:
        self.kill(process.pod)
        self.exits[process.pod] = how

    def _save(self, process: Process, data: Data) -> Process:
        if len(data.journal.entries) - data.snapshot > process.snapshot_count:
            data = replace(data, snapshot=len(data.journal.entries))
        changed = replace(process, data=data)
        self.processes[process.pod] = changed
        self._store(changed)
        return changed

    def _store(self, process: Process) -> None:
        if process.claim not in self.volumes:
            return
        if process.claim not in self.stored:
            if self.volumes[process.claim] == EMPTY:
                return
            self.volumes[process.claim] = with_wal(self.volumes[process.claim])
        self.stored[process.claim] = process.data
