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

    NEW until the cluster has formed and never again after; EXISTING for a first member that is late, which joins the
    cluster that the others formed (works on 3.5, 3.6 and 3.7).
    """

    state: ClusterState


@dataclass(frozen=True, slots=True)
class Restart:
    """The Pod of a member that has started before: on an empty data directory it must not start again."""
