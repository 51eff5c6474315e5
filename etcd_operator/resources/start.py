"""How a member's process may begin: for the first time, or on the data it has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ClusterState(StrEnum):
    """etcd's `--initial-cluster-state`."""

    NEW = "new"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True)
class FirstStart:
    """The Pod of a member that has never started. Its permission is in its Secret, where it can be withdrawn.

    NEW until the cluster has formed and never again after; EXISTING for who joins a cluster that has: a newcomer, or a
    first member that is late (works on 3.5, 3.6 and 3.7). It waits at the gate until the cluster lists it.

    `ask` names the other members that the start check asks on an empty volume whether this one has ever started; their
    word counts if they are of the cluster with `cluster_id`, or of any while none is known (docs/adr/0006-gate.md).
    EXISTING needs somebody to ask. With `pull` the Pod gets etcd's image before it waits there.
    """

    state: ClusterState
    ask: tuple[str, ...] = ()
    cluster_id: int | None = None
    pull: bool = True


@dataclass(frozen=True, slots=True)
class Restart:
    """The Pod of a member that has started before: on an empty data directory it must not start again.

    The link on the volume sees to that, at no cost. With `inspect` the start check looks at the volume first and says
    what is wrong with it: for a member whose last Pod did not start.
    """

    inspect: bool = False
