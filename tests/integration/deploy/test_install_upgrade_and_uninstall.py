"""The chart's life on a real API server: what an upgrade brings, and what an uninstallation leaves."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy.render import CHART, INSTALL, NAMESPACE
from tests.integration.apiserver import ApiServer
from tests.integration.deploy.helm import FailedError, Programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELEASE = ("etcd-operator", f"--namespace={NAMESPACE}")
DEFINITION = ("customresourcedefinition", "etcdclusters.etcd-operator.dev")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Programs]:
    """Helm and kubectl with an API server that nobody used before."""
    with ApiServer.built(tmp_path / "apiserver") as server:
        yield Programs(tmp_path, server)


def _four_lines(notes: str) -> str:
    return notes.partition("<<'YAML'\n")[2].partition("YAML\n")[0]


def test_the_notes_tell_four_lines_that_make_a_cluster_and_it_outlives_the_chart(empty: Programs) -> None:
    notes = empty.helm("install", *RELEASE, str(CHART), "--create-namespace")
    lines = _four_lines(notes)
    assert len(lines.splitlines()) == 4
    empty.kubectl("wait", "--for=condition=Established", "/".join(DEFINITION))
    empty.kubectl("apply", "-f", "-", stdin=lines)
    empty.helm("uninstall", *RELEASE)
    assert empty.kubectl("get", "deployments", f"--namespace={NAMESPACE}", "--output=name") == ""
    assert empty.kubectl("get", "etcd", "--output=name") == "etcdcluster.etcd-operator.dev/orders\n"
    empty.helm("install", *RELEASE, str(CHART))
    assert empty.kubectl("get", "etcd", "--output=name") == "etcdcluster.etcd-operator.dev/orders\n"


def test_an_upgrade_of_the_chart_upgrades_the_definitions(empty: Programs, tmp_path: Path) -> None:
    older = shutil.copytree(CHART, tmp_path / "older")
    copy = older / "files" / "etcdcluster.yaml"
    copy.write_text(copy.read_text().replace("shortNames: [etcd]", "shortNames: [older]"))
    names = ("get", *DEFINITION, "--output=jsonpath={.spec.names.shortNames[0]}")
    empty.helm("install", *RELEASE, str(older), "--create-namespace")
    assert empty.kubectl(*names) == "older"
    empty.helm("upgrade", *RELEASE, str(CHART))
    assert empty.kubectl(*names) == "etcd"


def test_install_yaml_is_taken_by_kubectl_to_the_last_field_once_and_again(empty: Programs) -> None:
    for _ in range(2):
        empty.kubectl("apply", "--validate=strict", "-f", str(INSTALL))
    objects = [manifest["kind"] for manifest in yaml.safe_load_all(INSTALL.read_text())]
    assert objects[0] == "Namespace"
    assert empty.kubectl("get", "deployments", f"--namespace={NAMESPACE}", "--output=name") != ""


def test_what_kubectl_tells_about_a_wrong_cluster_is_a_sentence(empty: Programs) -> None:
    empty.kubectl("apply", "-f", str(INSTALL))
    empty.kubectl("wait", "--for=condition=Established", "/".join(DEFINITION))
    head = "apiVersion: etcd-operator.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: orders}\n"
    with pytest.raises(FailedError, match="keep their volumes: an even number adds risk and no tolerance"):
        empty.kubectl("apply", "-f", "-", stdin=f"{head}spec: {{replicas: 2, version: 3.6.16}}\n")
    with pytest.raises(FailedError, match=r'unknown field "spec\.sise"'):
        empty.kubectl("apply", "-f", "-", stdin=f"{head}spec: {{replicas: 3, version: 3.6.16, sise: 8Gi}}\n")
    with pytest.raises(FailedError, match=r"spec\.version: Invalid value: .* 3\.6\.16"):
        empty.kubectl("apply", "-f", "-", stdin=f"{head}spec: {{replicas: 3, version: v3.6.16}}\n")
    empty.kubectl("apply", "-f", "-", stdin=f"{head}spec: {{replicas: 3, version: 3.6.16}}\n")
    with pytest.raises(FailedError, match="write 1, 3, 5 or 7"):
        empty.kubectl("scale", "etcd", "orders", "--replicas=4")
