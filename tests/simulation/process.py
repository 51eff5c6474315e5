"""A process of the simulated etcd: what it was started with, what it is while it runs, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.etcd.client import Member
    from tests.simulation.raft import Data


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

    @property
    def initial_cluster(self) -> dict[str, str]:
        """Peer URLs by name, from the flag or the variable."""
        named = self.flags.get("initial-cluster", self.environment.get("ETCD_INITIAL_CLUSTER", ""))
        return dict(item.partition("=")[::2] for item in named.split(","))


@dataclass(frozen=True, slots=True)
class Process:
    """A running etcd. `serving` is whether it answers clients, which it does from its first contact with a leader on.

    It writes a snapshot whenever it has more than `snapshot_count` entries since the last one.

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
    snapshot_count: int
    data: Data
    serving: bool = False

    @property
    def encrypts_clients(self) -> bool:
        """Whether the client port speaks TLS."""
        return self.client_url.startswith("https:")

    @property
    def minor(self) -> int:
        """The minor version that runs: 6 for 3.6.16."""
        return parse_version(self.version).minor

    @property
    def listed(self) -> Member | None:
        """Its own entry in the member list, as far as it knows."""
        return self.data.journal.member(self.data.member_id)

    @property
    def learns(self) -> bool:
        """Whether it is a learner, as far as it knows."""
        return self.listed is not None and self.listed.is_learner


@dataclass(frozen=True, slots=True)
class Exit:
    """A process that ended by itself, with the last line of its log."""

    code: int
    message: str
