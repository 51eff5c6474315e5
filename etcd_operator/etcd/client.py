"""The seam between the operator and etcd: values in, values out, so that a simulated etcd can stand behind it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tls:
    """How to prove who we are and whom to trust; all PEM.

    `certificate` and `key` are None where the server asks for none. `server_name` is the name that the server's
    certificate must carry, for a member that is dialled by the address of its Pod; None: the address itself.
    """

    ca: bytes
    certificate: bytes | None
    key: bytes | None = field(repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one member answers, and which cluster it must belong to.

    `member` is the member's name, unique within one client; `address` is "10.0.0.7:2379", "[fd00::7]:2379" or
    "name:2379"; `tls` None means plain text; `cluster_id` None means that any cluster may answer, which only holds
    before the cluster ID is latched. `metrics_url` is where its metrics are, "http://10.0.0.7:2381"; None: not known.
    """

    member: str
    address: str
    tls: Tls | None
    cluster_id: int | None = None
    metrics_url: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of etcd's member list."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool

    @property
    def started(self) -> bool:
        """Whether the member ever ran: only then does etcd know its name and its client URLs."""
        return bool(self.name and self.client_urls)


@dataclass(frozen=True, slots=True)
class MemberList:
    """The members of a cluster, with the ID of the member that said so."""

    cluster_id: int
    members: tuple[Member, ...]
    answered_by: int


@dataclass(frozen=True, slots=True)
class Status:
    """What one member says of itself, without asking the others.

    `leader_id` is 0 while it knows no leader; `version` is that of the server; `db_size` is in bytes, as allocated on
    disk; `errors` are etcd's sentences: active alarms, "etcdserver: no leader". `storage_version` is the lowest that
    opens its data, such as "3.6.0", and `downgrade_to` the one for which etcd prepares the data of all; both are empty
    where nothing is known of it, as always with 3.5.
    """

    cluster_id: int
    member_id: int
    leader_id: int
    raft_term: int
    raft_index: int
    raft_applied_index: int
    revision: int
    version: str
    db_size: int
    is_learner: bool
    errors: tuple[str, ...]
    storage_version: str = ""
    downgrade_to: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A key as it was at `revision`: `value` is None (and `mod_revision` 0) if there is no such key."""

    value: bytes | None
    mod_revision: int
    revision: int


@dataclass(frozen=True, slots=True)
class KeyspaceHash:
    """The hash of all keys of one member up to a revision.

    Two members hold the same data if `hash` is equal for the same requested revision and the same `compact_revision`.
    `revision` is the member's newest.
    """

    hash: int
    compact_revision: int
    revision: int


class EtcdClient(Protocol):
    """Calls the members of one cluster, each at its own endpoint.

    Every call has a deadline of `within` seconds, raises `EtcdError` (etcd/errors.py) if it has no result, never
    repeats itself, and never returns the answer of a cluster other than `at.cluster_id`. A change asks for that ID
    first, so none reaches another cluster. Calls may run at the same time.
    """

    async def status(self, at: Endpoint, *, within: float) -> Status:
        """What the member says of itself. Answered by learners and without quorum, too."""
        ...

    async def check_health(self, at: Endpoint, *, within: float) -> None:
        """Return if the member can read with the consent of a quorum; raise what stands against it.

        "Permission denied" is health: etcd asks the quorum before it looks at permissions (etcd-rules.md §2).
        """
        ...

    async def takes_part(self, at: Endpoint, *, within: float) -> bool:
        """Whether etcd says on its metrics port that it just read with a quorum's consent, as learners may, too.

        It says so before it serves any client. False if it does not, or cannot be asked; never raises. Another
        cluster's member is not told apart: its process must be known by other means.
        """
        ...

    async def member_list(self, at: Endpoint, *, within: float) -> MemberList:
        """The member list, agreed by a quorum (linearizable)."""
        ...

    async def member_add(self, at: Endpoint, peer_url: str, *, learner: bool, within: float) -> Member:
        """Add a member that will listen on `peer_url`; returns it with its new ID."""
        ...

    async def member_remove(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Remove a member for good; returns the list without it."""
        ...

    async def member_promote(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """Make a voter of a learner; returns the new list. Ask the leader: only it can judge (etcd-rules.md §1)."""
        ...

    async def move_leader(self, at: Endpoint, to_member_id: int, *, within: float) -> None:
        """Hand leadership to a voter; returns when it leads. `at` must be the leader."""
        ...

    async def downgrade(self, at: Endpoint, version: str | None, *, within: float) -> None:
        """Let etcd prepare the data of all members for a lower minor `version`, such as "3.6"; None ends that.

        The members run on. etcd ends it by itself when all of them run that version (etcd-rules.md §4).
        """
        ...

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:
        """The hash of the member's keys up to `revision`; 0 means its newest, which no other member need have."""
        ...

    async def get(self, at: Endpoint, key: bytes, *, serializable: bool = False, within: float) -> Read:
        """Read one key: agreed by a quorum, or with `serializable` what this member has, possibly stale."""
        ...

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> int:
        """Write one key; returns the revision of the write."""
        ...

    async def keep(self, members: Collection[str]) -> None:
        """Close the connections to all members but these."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
