"""A plan is data: printable, comparable, testable.

A step carries what must still hold when it is carried out, and no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.api.cluster import Json
    from etcd_operator.api.conditions import BlockReason
    from etcd_operator.observation import Meta, Record
    from etcd_operator.pki import Profile
    from etcd_operator.resources.kinds import Kind


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object that is not there. A name that is taken makes the step fail: nothing is ever adopted."""

    kind: Kind
    name: str
    body: Json
    why: str


@dataclass(frozen=True, slots=True)
class Patch:
    """Change an object, only while it is the very one that was observed, unchanged."""

    kind: Kind
    target: Meta
    patch: Json
    why: str

    @property
    def name(self) -> str:
        """The object's name."""
        return self.target.name


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object, only while it is the very one that was observed.

    `grace` are the seconds that a Pod's processes have to end, None as many as the Pod itself says. With 0 nobody waits
    for the node: only for a Pod whose member has left etcd's list for good.
    """

    kind: Kind
    target: Meta
    why: str
    grace: int | None = None

    @property
    def name(self) -> str:
        """The object's name."""
        return self.target.name


@dataclass(frozen=True, slots=True)
class CreateAuthority:
    """Make a certificate authority of the cluster's own and store it."""

    name: str
    common_name: str
    labels: dict[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate that a Secret must hold as `<prefix>.crt` and `<prefix>.key`, signed by the `authority` Secret."""

    prefix: str
    profile: Profile
    common_name: str
    names: tuple[str, ...]
    authority: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a Secret of the operator's must hold: leaves, trust bundles (key → authority Secrets) and plain texts."""

    name: str
    labels: dict[str, str]
    leaves: tuple[Leaf, ...]
    bundles: Mapping[str, str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WriteCredentials:
    """Create or bring up to date a Secret; leaves that still serve are kept, those named in `issue` are made anew."""

    wanted: Credentials
    target: Meta | None
    issue: tuple[str, ...]
    why: str

    @property
    def name(self) -> str:
        """The Secret's name."""
        return self.wanted.name


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Add a newcomer to etcd's list, as a learner: it gets the data and has no vote yet."""

    member: str
    peer_url: str
    why: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Make a voter of a learner."""

    member: str
    member_id: int
    why: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a member out of etcd's list, for good."""

    member: str
    member_id: int
    why: str


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Hand leadership to `member`."""

    member: str
    member_id: int
    why: str


@dataclass(frozen=True, slots=True)
class Downgrade:
    """Let etcd store its data for a lower `version`, such as "3.6", or end that with None; `member` leads."""

    member: str
    version: str | None
    why: str


MembershipChange = AddLearner | Promote | Remove
Step = Create | Patch | Delete | CreateAuthority | WriteCredentials | MembershipChange | MoveLeader | Downgrade
"""Steps on etcd are carried out only while its member list is the one that was observed."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What the operator would do, and why it does not."""

    action: str
    reason: BlockReason
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The one next thing to do.

    `record` is written to the status before the first step: what a later pass must know survives a crash between any
    two steps. `steps` are independent of each other. `wake_after` is in seconds: when to look again if nothing wakes
    the cluster before.
    """

    action: str
    reason: str
    record: Record
    steps: tuple[Step, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    wake_after: float = 5.0
