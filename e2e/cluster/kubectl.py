"""kubectl of the cluster's own version, on the cluster that a kubeconfig names."""

import json
from pathlib import Path
from typing import Any

from e2e.cluster import binaries
from e2e.cluster.commands import output


def run(kubeconfig: Path, *arguments: str, timeout: float, stdin: str | None = None) -> str:
    """Return what kubectl prints; raises LocalClusterError with its complaint, or after `timeout` seconds."""
    command: list[str | Path] = [binaries.ensure("kubectl"), f"--kubeconfig={kubeconfig}", *arguments]
    return output(command, timeout=timeout, stdin=stdin)


def apply(kubeconfig: Path, *objects: dict[str, Any], timeout: float) -> None:
    """Apply `objects` in their order; raises LocalClusterError with kubectl's complaint."""
    whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    run(kubeconfig, "apply", "--filename=-", timeout=timeout, stdin=json.dumps(whole))
