"""What a member of the simulated etcd knows: its identity, and the log of what was agreed.

Raft is reduced to what its guarantee needs: a vote goes only to a log that is at least as up to date, a leader needs
the votes of a quorum, and its log replaces those of its followers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.etcd.client import Member

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Elected:
    """A new leader's first entry, without content: what it inherited is committed with it."""

    term: int


@dataclass(frozen=True, slots=True)
class Published:
    """A member that runs has told its name and its client URL: from now on it is listed as started."""

    term: int
    member_id: int
    name: str
    client_url: str


@dataclass(frozen=True, slots=True)
class Put:
    """A key was written."""

    term: int
    key: bytes
    value: bytes


Entry = Elected | Published | Put


@dataclass(frozen=True, slots=True)
class Data:
    """The content of a data directory. `members` are the ID and the peer URL of each member of the first start."""

    name: str
    member_id: int
    cluster_id: int
    members: tuple[tuple[int, str], ...]
    log: tuple[Entry, ...] = ()

    @property
    def up_to_date(self) -> tuple[int, int]:
        """What raft compares before it votes: the last term, then the length."""
        return (self.log[-1].term if self.log else 0), len(self.log)

    @property
    def puts(self) -> tuple[Put, ...]:
        """The writes, in their order."""
        return tuple(entry for entry in self.log if isinstance(entry, Put))

    @property
    def listed(self) -> tuple[Member, ...]:
        """The member list."""
        published = {entry.member_id: entry for entry in self.log if isinstance(entry, Published)}
        return tuple(
            Member(
                id=member_id,
                name=published[member_id].name if member_id in published else "",
                peer_urls=(url,),
                client_urls=(published[member_id].client_url,) if member_id in published else (),
                is_learner=False,
            )
            for member_id, url in self.members
        )


def first_members(urls: Iterable[str], token: str) -> tuple[tuple[int, str], ...]:
    """The members of a static first start, by ID: a hash of their URL and the token (etcd's membership/member.go)."""
    return tuple(sorted((_digest(f"{url}{token}".encode()), url) for url in urls))


def cluster_id(members: Iterable[tuple[int, str]]) -> int:
    """The ID of the cluster of these first members, which says nothing about its data (membership/cluster.go)."""
    return _digest(b"".join(member_id.to_bytes(8, "big") for member_id, _ in members))


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.sha1(content, usedforsecurity=False).digest()[:8], "big")
