"""Writes what is derived in deploy/: the chart's copy of the definitions, and install.yaml from the chart.

Run it after every change of crds/ or of the chart: `python -m deploy.render`. Tests compare the result.
"""  # noqa: INP001 - deploy/ is a folder of manifests with one program, not a package

from __future__ import annotations

import subprocess
from pathlib import Path

from e2e.cluster import binaries

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "chart"
INSTALL = ROOT / "deploy" / "install.yaml"
NAMESPACE = "etcd-operator-system"
OLDEST_KUBERNETES = "1.30.0"
"""Helm has to be told for which Kubernetes it renders; nothing in the chart depends on a newer one."""

HEADER = f"""\
# Installs the operator with kubectl alone: kubectl apply -f install.yaml
# Rendered from deploy/chart by deploy/render.py; change it there.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def definitions() -> dict[Path, Path]:
    """Return each definition in crds/ with the place of the chart's copy, from where Helm upgrades it."""
    return {source: CHART / "files" / source.name for source in sorted((ROOT / "crds").glob("*.yaml"))}


def rendered(helm: Path) -> str:
    """Return install.yaml as the program `helm` renders it from the chart with its default values."""
    command = [str(helm), "template", "etcd-operator", str(CHART)]
    command += [f"--namespace={NAMESPACE}", f"--kube-version={OLDEST_KUBERNETES}"]
    result = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)  # noqa: S603
    return HEADER + result.stdout


def write() -> None:
    """Bring everything derived up to date."""
    for source, copy in definitions().items():
        copy.write_bytes(source.read_bytes())
    INSTALL.write_text(rendered(binaries.ensure("helm")))


if __name__ == "__main__":
    write()
