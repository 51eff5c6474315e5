"""Writes what is derived: the chart's copy of the definitions, install.yaml from the chart, and the page of versions.

Run it after every change of crds/, of the chart, or of etcd/versions.py: `python -m deploy.render`. Tests compare.
"""  # noqa: INP001 - deploy/ is a folder of manifests with one program, not a package

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy import versions_page
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
    versions_page.PAGE.write_text(versions_page.rendered())


if __name__ == "__main__":
    write()
