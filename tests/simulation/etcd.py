"""The simulated etcd: processes on data directories that form a cluster, elect, agree, and answer the operator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import quorum
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.secret import CLIENT_CA, PEER_CA, PEER_CERTIFICATE
from tests.simulation.certificates import accepted
from tests.simulation.kubernetes import secret_data
from tests.simulation.raft import Data, Elected, Published, Put, cluster_id, first_members
from tests.simulation.volumes import EMPTY, Files, initialised, with_wal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulation.kubernetes import ApiServer


@dataclass(frozen=True, slots=True)
class Launch:
    """The start of an etcd container: `files` are those of the mounted Secret, `claim` is the UID of its volume's."""

    namespace: str
    pod: str
    claim: str
    member: str
    ip: str
    version: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, bytes]

    @property
    def flags(self) -> dict[str, str]:
        """The command line, by flag."""
        pairs = (argument.removeprefix("--").partition("=") for argument in self.arguments)
        return {name: value for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Process:
    """A running etcd. `serving` is whether it answers clients, which it does from its first contact with a leader on.

    The trust bundles are read when the listeners are made, certificates at each handshake (etcd-rules.md §7).
    """

    namespace: str
    pod: str
    claim: str
    member: str
    ip: str
    version: str
    peer_url: str
    client_url: str
    peer_trust: bytes | None
    client_trust: bytes | None
    data: Data
    serving: bool = False

    @property
    def encrypts_clients(self) -> bool:
        """Whether the client port speaks TLS."""
        return self.client_url.startswith("https:")


@dataclass(frozen=True, slots=True)
class Exit:
    """A process that ended by itself, with the last line of its log."""

    code: int
    message: str


@dataclass(slots=True)
class Etcd:
    """Every etcd process and every volume.

    `volumes` and `stored` hold the files and etcd's data on them by the UID of the claim; a process whose files are
    taken away goes on with what it has in memory, and nothing is stored any more. `cut` are members whose network is.
    `first_starts` are the peer URLs of those that began on an empty directory in this tick.
    """

    server: ApiServer
    processes: dict[str, Process] = field(default_factory=dict)
    volumes: dict[str, Files] = field(default_factory=dict)
    stored: dict[str, Data] = field(default_factory=dict)
    leaders: dict[int, str] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    first_starts: tuple[str, ...] = ()

    def copy(self, server: ApiServer) -> Etcd:
        """The same processes beside another server, whose later changes are their own."""
        return replace(
            self,
            server=server,
            processes=dict(self.processes),
            volumes=dict(self.volumes),
            stored=dict(self.stored),
            leaders=dict(self.leaders),
        )

    def launch(self, launch: Launch) -> Process | Exit:
        """Start a process as etcd does (server/etcdserver/bootstrap.go); an `Exit` if it ends at once."""
        process = self._process(launch)
        if not isinstance(process, Exit):
            self.processes[launch.pod] = process
            self._store(process)
        return process

    def kill(self, pod: str) -> None:
        """End the process of a Pod, if there is one."""
        self.processes.pop(pod, None)
        self.leaders = {identifier: leader for identifier, leader in self.leaders.items() if leader != pod}

    def empty(self, claim: str) -> None:
        """Take everything from a volume."""
        self.volumes[claim] = EMPTY
        self.stored.pop(claim, None)

    def destroy(self, claim: str) -> None:
        """The volume is gone."""
        self.volumes.pop(claim, None)
        self.stored.pop(claim, None)

    def settle(self) -> None:
        """Let the members talk until nothing new is said: elect, replicate, publish."""
        for identifier in {process.data.cluster_id for process in self.processes.values()}:
            leader = self._leader(identifier) or self._elect(identifier)
            if leader is None:
                self.leaders.pop(identifier, None)
                continue
            self.leaders[identifier] = leader.pod
            group = [leader, *self.peers(leader)]
            for process in group:
                self._publish(leader.pod, process)
            for process in group:
                self._follow(leader.pod, process.pod)

    def leader_of(self, process: Process) -> Process | None:
        """The leader that a process hears and a quorum follows."""
        leader = self._leader(process.data.cluster_id)
        if leader is None or leader.pod == process.pod or self._connected(process, leader):
            return leader
        return None

    def put(self, process: Process, key: bytes, value: bytes) -> bool:
        """Write through a member; whether it is acknowledged. Only the fewest members that may acknowledge have it."""
        leader = self.leader_of(process)
        if leader is None:
            return False
        term = leader.data.up_to_date[0]
        self._save(leader, replace(leader.data, log=(*leader.data.log, Put(term, key, value))))
        others = quorum(len(leader.data.members)) - 1
        for follower in self.peers(leader)[:others]:
            self._follow(leader.pod, follower.pod)
        return True

    def peers(self, process: Process) -> list[Process]:
        """The other members of its cluster with which a process can talk."""
        return [
            other
            for other in self.processes.values()
            if other.pod != process.pod
            and other.data.cluster_id == process.data.cluster_id
            and self._connected(process, other)
        ]

    def _process(self, launch: Launch) -> Process | Exit:
        flags, environment = launch.flags, launch.environment
        if "ETCD_INITIAL_CLUSTER" in environment and "initial-cluster" in flags:
            return Exit(1, 'conflicting environment variable "ETCD_INITIAL_CLUSTER" is shadowed by a flag')
        process = Process(
            namespace=launch.namespace,
            pod=launch.pod,
            claim=launch.claim,
            member=launch.member,
            ip=launch.ip,
            version=launch.version,
            peer_url=flags["initial-advertise-peer-urls"],
            client_url=flags["advertise-client-urls"],
            peer_trust=launch.files[PEER_CA] if "peer-trusted-ca-file" in flags else None,
            client_trust=launch.files[CLIENT_CA] if "trusted-ca-file" in flags else None,
            data=Data(flags["name"], 0, 0, ()),
        )
        if initialised(self.volumes[launch.claim]):
            return replace(process, data=self.stored[launch.claim])
        named = flags.get("initial-cluster", environment.get("ETCD_INITIAL_CLUSTER", ""))
        urls = dict(item.partition("=")[::2] for item in named.split(","))
        if flags["name"] not in urls:
            return Exit(1, f"couldn't find local name {flags['name']!r} in the initial cluster configuration")
        data = self._first_data(process, frozenset(urls.values()), flags)
        if isinstance(data, Exit):
            return data
        self.first_starts = (*self.first_starts, process.peer_url)
        return replace(process, data=data)

    def _first_data(self, process: Process, urls: frozenset[str], flags: dict[str, str]) -> Data | Exit:
        """The data directory of a first start, after what etcd asks its peers before it."""
        peers = [
            other for other in self.processes.values() if other.peer_url in urls and self._connected(process, other)
        ]
        if flags["initial-cluster-state"] == "existing":
            if not peers:
                return Exit(1, "could not retrieve cluster information from the given URLs")
            known = peers[0].data
            if frozenset(url for _, url in known.members) != urls:
                return Exit(1, "error validating peerURLs: member count is unequal")
            own = next(member_id for member_id, url in known.members if url == process.peer_url)
            return replace(known, name=process.data.name, member_id=own, log=())
        members = first_members(urls, flags["initial-cluster-token"])
        own = next(member_id for member_id, url in members if url == process.peer_url)
        if any(listed.id == own and listed.started for peer in peers for listed in peer.data.listed):
            return Exit(1, f"member {own:x} has already been bootstrapped")
        return Data(process.data.name, own, cluster_id(members), members)

    def _connected(self, one: Process, other: Process) -> bool:
        if {one.member, other.member} & self.cut:
            return False
        return self._reaches(one, other) and self._reaches(other, one)

    def _reaches(self, client: Process, server: Process) -> bool:
        """Whether a member can open a connection to another's peer URL: by its Service, and with its certificate."""
        service = self.server.find(Kind.SERVICE, server.namespace, server.peer_url.split("/")[2].split(".")[0])
        pod = self.server.find(Kind.POD, server.namespace, server.member)
        if service is None or pod is None:
            return False
        labels = pod["metadata"]["labels"]
        if any(labels.get(key) != value for key, value in service["spec"]["selector"].items()):
            return False
        if client.peer_trust is None:
            return server.peer_trust is None
        certificate = secret_data(self.server, server.namespace, server.member).get(PEER_CERTIFICATE)
        return accepted(certificate, trust=client.peer_trust, now=self.server.now)

    def _leader(self, identifier: int) -> Process | None:
        """The leader of a cluster while a quorum follows it."""
        leader = self.processes.get(self.leaders.get(identifier, ""))
        if leader is None or 1 + len(self.peers(leader)) < quorum(len(leader.data.members)):
            return None
        return leader

    def _elect(self, identifier: int) -> Process | None:
        """The worst choice that raft allows: of all who can win, one whose log is the least up to date."""
        group = [process for process in self.processes.values() if process.data.cluster_id == identifier]
        winners = [candidate for candidate in group if self._wins(candidate)]
        if not winners:
            return None
        chosen = min(winners, key=lambda process: process.data.up_to_date)
        term = 1 + max(process.data.up_to_date[0] for process in group)
        self._save(chosen, replace(chosen.data, log=(*chosen.data.log, Elected(term))))
        return self.processes[chosen.pod]

    def _wins(self, candidate: Process) -> bool:
        votes = [peer for peer in self.peers(candidate) if peer.data.up_to_date <= candidate.data.up_to_date]
        return 1 + len(votes) >= quorum(len(candidate.data.members))

    def _publish(self, leader: str, process: Process) -> None:
        data = self.processes[leader].data
        if not any(listed.started for listed in data.listed if listed.id == process.data.member_id):
            entry = Published(data.up_to_date[0], process.data.member_id, process.data.name, process.client_url)
            self._save(self.processes[leader], replace(data, log=(*data.log, entry)))

    def _follow(self, leader: str, follower: str) -> None:
        process, log = self.processes[follower], self.processes[leader].data.log
        if not process.serving or process.data.log != log:
            self._save(replace(process, serving=True), replace(process.data, log=log))

    def _save(self, process: Process, data: Data) -> None:
        self.processes[process.pod] = replace(process, data=data)
        self._store(self.processes[process.pod])

    def _store(self, process: Process) -> None:
        if process.claim not in self.volumes:
            return
        if process.claim not in self.stored:
            if self.volumes[process.claim] == EMPTY:
                return
            self.volumes[process.claim] = with_wal(self.volumes[process.claim])
        self.stored[process.claim] = process.data
