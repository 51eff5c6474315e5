"""A cluster that somebody else made: scenarios run on it, except those that need power over its nodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from e2e.cluster import kubectl
from e2e.cluster.errors import LocalClusterError, NotOurClusterError


class ExistingCluster:
    """The cluster that a kubeconfig names. It is never started, stopped or harmed."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return tuple(self.kubectl("get", "nodes", "-ojsonpath={.items[*].metadata.name}").split())

    def start(self) -> None:
        """Check that the cluster answers; raises LocalClusterError when it does not."""
        try:
            self.kubectl("get", "--raw=/readyz")
        except LocalClusterError as error:
            raise LocalClusterError(f"KUBECONFIG names {self.kubeconfig}, but {error}") from error

    def stop(self) -> None:
        """Leave the cluster as it is: it is not ours to stop."""

    def wait_ready(self, *, seconds: float = 120) -> None:
        """Return when every node is Ready, within `seconds`."""
        wait = ("wait", "nodes", "--all", "--for=condition=Ready", f"--timeout={seconds:.0f}s")
        self.kubectl(*wait, timeout=seconds + 10)

    def kubectl(self, *arguments: str, timeout: float = 60) -> str:
        """Return what kubectl prints; raises LocalClusterError with its complaint, or after `timeout` seconds."""
        return kubectl.run(self.kubeconfig, *arguments, timeout=timeout)

    def apply(self, *objects: dict[str, Any], timeout: float = 60) -> None:
        """Apply `objects` in their order; raises LocalClusterError with kubectl's complaint."""
        kubectl.apply(self.kubeconfig, *objects, timeout=timeout)

    def power_off(self, node: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"power {node} off")

    def power_on(self, node: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"power {node} on")

    def freeze(self, node: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"freeze {node}")

    def thaw(self, node: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"thaw {node}")

    def cut(self, one: str, other: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"cut {one} from {other}")

    def cut_apiserver(self, answer: str = "silence") -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"answer calls of the apiserver with {answer}")

    def heal(self) -> None:
        """Do nothing: nothing was cut."""

    def set_dns(self, setting: str) -> None:
        """Raise NotOurClusterError."""
        _not_ours(f"switch DNS to {setting}")

    def load_image(self, ref: str) -> None:
        """Raise NotOurClusterError: its nodes pull from a registry."""
        _not_ours(f"load {ref} into its nodes; push it to a registry that they can pull from")

    def have_etcd(self, version: str) -> None:
        """Do nothing: its nodes pull it."""

    def exec_on_node(self, node: str, command: Sequence[str]) -> str:
        """Raise NotOurClusterError."""
        _not_ours(f"run {command[0]} on {node}")


def _not_ours(verb: str) -> NoReturn:
    raise NotOurClusterError(
        f"this cluster was not made here, so nothing may {verb}; unset KUBECONFIG for one that may"
    )
