"""What a member of the simulated etcd knows: its identity, the log of what was agreed, and the member list in it.

Raft is reduced to what its guarantee needs: a vote goes only to a log that is at least as up to date, a leader needs
the votes of a quorum of the voters in its own log, and its log replaces those of its followers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from etcd_operator.etcd.client import Member
from etcd_operator.etcd.quorum import quorum

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Elected:
    """A new leader's first entry, without content: what it inherited is committed with it."""

    term: int


@dataclass(frozen=True, slots=True)
class Added:
    """A member, from the first start or by MemberAdd. It is not started yet."""

    term: int
    member_id: int
    url: str
    learner: bool


@dataclass(frozen=True, slots=True)
class Promoted:
    """A learner votes from now on."""

    term: int
    member_id: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A member is gone for ever: its ID never comes back."""

    term: int
    member_id: int


@dataclass(frozen=True, slots=True)
class Published:
    """A member that runs has told its name and its client URL: from now on it is listed as started.

    `old` is whether it did so as 3.5 does, which 3.7 does not read (its apply.Apply).
    """

    term: int
    member_id: int
    name: str
    client_url: str
    old: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """A key was written."""

    term: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Versioned:
    """The minor version as which the members talk and store their data: the lowest that one of them runs."""

    term: int
    minor: int


@dataclass(frozen=True, slots=True)
class Lowered:
    """All members store their data for a lower `minor` version from now on; 0 ends that."""

    term: int
    minor: int


Entry = Elected | Added | Promoted | Removed | Published | Put | Versioned | Lowered


@dataclass(frozen=True)
class Journal:
    """A log, with the member list, the removed members, and the cluster's version that it leads to."""

    # Without slots, for what is asked at every turn and worked out once.

    entries: tuple[Entry, ...] = ()
    members: tuple[Member, ...] = ()
    removed: frozenset[int] = frozenset()
    version: int = 0
    lowered: int = 0

    def and_then(self, entry: Entry) -> Journal:
        """The journal with one more entry."""
        entries, members = (*self.entries, entry), self.members
        match entry:
            case Added(_, member_id, url, learner):
                newcomer = Member(member_id, "", (url,), (), learner)
                ordered = sorted((*members, newcomer), key=lambda member: member.id)
                return replace(self, entries=entries, members=tuple(ordered))
            case Removed(_, member_id):
                left = tuple(member for member in members if member.id != member_id)
                return replace(self, entries=entries, members=left, removed=self.removed | {member_id})
            case Promoted(_, member_id):
                return replace(self, entries=entries, members=_changed(members, member_id, is_learner=False))
            case Published(_, member_id, name, client_url):
                told = _changed(members, member_id, name=name, client_urls=(client_url,))
                return replace(self, entries=entries, members=told)
            case Versioned() | Lowered():
                part = "version" if isinstance(entry, Versioned) else "lowered"
                return replace(self, entries=entries, **{part: entry.minor})  # type: ignore[arg-type]
            case Elected() | Put():
                return replace(self, entries=entries)

    @property
    def term(self) -> int:
        """The term of the newest entry; 0 without one."""
        return self.entries[-1].term if self.entries else 0

    @property
    def up_to_date(self) -> tuple[int, int]:
        """What raft compares before it votes: the last term, then the length."""
        return self.term, len(self.entries)

    @cached_property
    def puts(self) -> tuple[Put, ...]:
        """The writes, in their order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Put))

    @property
    def revision(self) -> int:
        """The revision as etcd counts it: 1 is that of an empty store."""
        return 1 + len(self.puts)

    @cached_property
    def voters(self) -> frozenset[int]:
        """The IDs of those who count."""
        return frozenset(member.id for member in self.members if not member.is_learner)

    @cached_property
    def quorum(self) -> int:
        """How many voters must agree."""
        return quorum(len(self.voters))

    def member(self, member_id: int) -> Member | None:
        """The member with this ID, if it is listed."""
        return next((member for member in self.members if member.id == member_id), None)


@dataclass(frozen=True, slots=True)
class Data:
    """The content of a data directory: whose it is, and what was agreed as far as its member knows.

    The first `snapshot` entries are in a snapshot: no process reads them again.
    """

    name: str
    member_id: int
    cluster_id: int
    journal: Journal = Journal()
    snapshot: int = 0

    @property
    def has_old_entries(self) -> bool:
        """Whether a process that starts on it reads an entry that 3.7 does not understand."""
        return any(isinstance(entry, Published) and entry.old for entry in self.journal.entries[self.snapshot :])

    @property
    def votes(self) -> bool:
        """Whether it is a voter by its own log; who has no log knows no cluster, and never asks for votes."""
        return self.member_id in self.journal.voters

    def and_then(self, entry: Entry) -> Data:
        """The same member with one more entry."""
        return replace(self, journal=self.journal.and_then(entry))


def founded(urls: Iterable[str], token: str) -> Journal:
    """The log with which every first member begins: all of them, in order of their IDs (etcdserver/bootstrap.go)."""
    journal = Journal()
    for member_id, url in first_members(urls, token):
        journal = journal.and_then(Added(1, member_id, url, learner=False))
    return journal


def first_members(urls: Iterable[str], token: str) -> tuple[tuple[int, str], ...]:
    """The members of a static first start, by ID: a hash of their URL and the token (etcd's membership/member.go)."""
    return tuple(sorted((_digest(f"{url}{token}".encode()), url) for url in urls))


def later_member(url: str, moment: int) -> int:
    """The ID of a member that is added to a cluster: a hash of its URL and the second (membership/member.go)."""
    return _digest(f"{url}{moment}".encode())


def cluster_id(members: Iterable[tuple[int, str]]) -> int:
    """The ID of the cluster of these first members, which says nothing about its data (membership/cluster.go)."""
    return _digest(b"".join(member_id.to_bytes(8, "big") for member_id, _ in members))


def _changed(members: tuple[Member, ...], member_id: int, **changes: object) -> tuple[Member, ...]:
    return tuple(replace(member, **changes) if member.id == member_id else member for member in members)  # type: ignore[arg-type]


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.sha1(content, usedforsecurity=False).digest()[:8], "big")
