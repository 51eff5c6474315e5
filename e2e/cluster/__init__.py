"""A real Kubernetes of three nodes on this machine, for tests, benchmarks and the demo."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from e2e.cluster.errors import LocalClusterError, NotOurClusterError

__all__ = ["Cluster", "LocalClusterError", "NotOurClusterError", "current"]


class Cluster(Protocol):
    """What scenarios do with a cluster.

    All verbs block until they have taken effect. They raise LocalClusterError when they cannot, and NotOurClusterError,
    a kind of it, when the cluster was not made here and the verb would need that.
    """

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes; the first is the control plane of a local cluster."""

    def start(self) -> None:
        """Return when the cluster can be used; cheap when it can already."""

    def stop(self) -> None:
        """Remove the cluster, if it was made here."""

    def wait_ready(self, *, seconds: float = 120) -> None:
        """Return when all nodes are Ready, within `seconds`."""

    def kubectl(self, *arguments: str, timeout: float = 60) -> str:
        """Return what kubectl prints."""

    def apply(self, *objects: dict[str, Any], timeout: float = 60) -> None:
        """Apply `objects` in their order."""

    def power_off(self, node: str) -> None:
        """Take a node's power away: all its processes end at once. Its disk keeps what was written."""

    def power_on(self, node: str) -> None:
        """Give a node its power back; returns when its programs are being started."""

    def freeze(self, node: str) -> None:
        """Let a node stand still: its processes keep memory and connections, and do nothing."""

    def thaw(self, node: str) -> None:
        """Let a frozen node run on."""

    def cut(self, one: str, other: str) -> None:
        """Drop all traffic between two nodes and their Pods, until `heal`."""

    def cut_apiserver(self, answer: Literal["silence", "refusal"] = "silence") -> None:
        """Make the apiserver unreachable for all: calls hang (`silence`) or fail (`refusal`), until `heal`."""

    def heal(self) -> None:
        """Undo all cuts."""

    def set_dns(self, setting: Literal["plain", "caching"]) -> None:
        """Switch DNS: `plain` answers are at most 1 s old; `caching` repeats each for 30 s."""

    def load_image(self, ref: str) -> None:
        """Give all nodes the image `ref` of the local Docker engine."""

    def have_etcd(self, version: str) -> None:
        """Make sure that all nodes get the image of this etcd when they ask for it."""

    def exec_on_node(self, node: str, command: Sequence[str]) -> str:
        """Run `command` on a node and return what it prints."""


def current() -> Cluster:
    """Return the cluster to use: the one that $KUBECONFIG names, else (or if that is it) the local one.

    It is not started yet: `start` does nothing where there is nothing to do.
    """
    from e2e.cluster.existing import ExistingCluster
    from e2e.cluster.local import LocalCluster

    local = LocalCluster()
    named = os.environ.get("KUBECONFIG")
    if named and Path(named) != local.kubeconfig:
        return ExistingCluster(Path(named))
    return local
