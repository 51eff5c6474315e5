"""Helm and kubectl as the tests call them: the real programs, with nothing of the machine's own configuration."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from deploy.render import CHART, NAMESPACE, OLDEST_KUBERNETES
from e2e.cluster import binaries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.apiserver import ApiServer, Json

TIMEOUT = 120.0


class FailedError(Exception):
    """A program ended with an error; the text is what it told the user."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Helm and kubectl against `server`, with a home of their own in `home`."""

    home: Path
    server: ApiServer | None = None

    def helm(self, *arguments: str) -> str:
        """Run helm and return what it prints; raises FailedError."""
        return self._run(str(binaries.ensure("helm")), *arguments)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl and return what it prints; raises FailedError."""
        return self._run(str(binaries.ensure("kubectl")), *arguments, stdin=stdin)

    def template(self, *arguments: str) -> list[Json]:
        """Return the chart's objects as rendered with `arguments`."""
        name = ("template", "etcd-operator", str(CHART), f"--namespace={NAMESPACE}")
        text = self.helm(*name, f"--kube-version={OLDEST_KUBERNETES}", *arguments)
        return [manifest for manifest in yaml.safe_load_all(text) if manifest]

    def _run(self, *command: str, stdin: str = "") -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        if self.server is not None:
            environment["KUBECONFIG"] = str(self.server.kubeconfig)
        result = subprocess.run(
            command, check=False, capture_output=True, text=True, input=stdin, timeout=TIMEOUT, env=environment
        )
        if result.returncode != 0:
            raise FailedError(result.stderr + result.stdout)
        return result.stdout


def one(manifests: list[Json], kind: str) -> Json:
    """Return the only object of `kind`."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found
