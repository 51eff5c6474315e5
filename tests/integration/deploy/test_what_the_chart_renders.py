"""The chart by itself: what its values make of it, and which values it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import yaml

from deploy.render import CHART, INSTALL, NAMESPACE, rendered
from e2e.cluster import binaries
from etcd_operator.__main__ import app
from tests.integration.deploy.helm import FailedError, one

if TYPE_CHECKING:
    from tests.integration.deploy.helm import Programs


def container(manifests: list[Any]) -> Any:
    return one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]


def test_helm_has_nothing_to_say_against_the_chart(chart: Programs) -> None:
    assert "0 chart(s) failed" in chart.helm("lint", "--strict", str(CHART))


def test_install_yaml_is_what_the_chart_renders() -> None:
    assert INSTALL.read_text() == rendered(binaries.ensure("helm")), "run python -m deploy.render"


@pytest.mark.parametrize(
    "value",
    [
        "replica=3",
        "replicas=two",
        "image.digest=a",
        "image.repository=etcd-operator:latest",
        "image.pullPolicy=Sometimes",
        "watch.namespace=a",
        "watch.namespaces={Shop}",
        "log.level=loud",
        "log.format=xml",
        "resources.request.cpu=1",
    ],
)
def test_a_value_that_means_nothing_is_refused(chart: Programs, value: str) -> None:
    with pytest.raises(FailedError, match="values don't meet the specifications of the schema"):
        chart.template("--set", value)


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["--set", "watch.namespaces={shop,bank},log.level=debug,log.format=text"],
        ["--set", "imagePullSecrets[0].name=registry,imagePullSecrets[1].name=mirror"],
    ],
)
def test_the_operator_understands_its_command_line(chart: Programs, values: list[str]) -> None:
    command, *arguments = container(chart.template(*values))["args"]
    run = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    assert run.make_context(command, arguments).params["http_port"] == 8080


def test_the_probes_ask_the_port_that_the_operator_serves(chart: Programs) -> None:
    operator = container(chart.template())
    assert operator["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert operator["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert operator["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_start_check_comes_from_the_operators_own_image(chart: Programs) -> None:
    operator = container(chart.template("--set", "image.repository=localhost:5000/etcd-operator,image.tag=edge"))
    assert operator["image"] == "localhost:5000/etcd-operator:edge"
    assert "--start-check-image=localhost:5000/etcd-operator:edge" in operator["args"]


def test_pull_secrets_serve_the_operator_and_the_start_check(chart: Programs) -> None:
    manifests = chart.template("--set", "imagePullSecrets[0].name=registry")
    assert one(manifests, "Deployment")["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "--start-check-pull-secret=registry" in container(manifests)["args"]


def test_chosen_namespaces_are_watched_with_a_role_in_each_and_no_cluster_role(chart: Programs) -> None:
    manifests = chart.template("--set", "watch.namespaces={shop,bank}")
    assert {"--namespace=shop", "--namespace=bank"} < set(container(manifests)["args"])
    assert not [manifest for manifest in manifests if manifest["kind"].startswith("ClusterRole")]
    for kind in ("Role", "RoleBinding"):
        namespaces = {manifest["metadata"]["namespace"] for manifest in manifests if manifest["kind"] == kind}
        assert namespaces == {"shop", "bank", NAMESPACE}


def test_no_namespace_means_all(chart: Programs) -> None:
    assert not [argument for argument in container(chart.template())["args"] if argument.startswith("--namespace")]


def test_the_definitions_can_be_left_out(chart: Programs) -> None:
    kinds = {manifest["kind"] for manifest in chart.template("--set", "crds.install=false")}
    assert "CustomResourceDefinition" not in kinds


def test_one_operator_alone_has_no_disruption_budget_that_would_block_a_drain(chart: Programs) -> None:
    assert "PodDisruptionBudget" not in {manifest["kind"] for manifest in chart.template("--set", "replicas=1")}


def test_every_scheduling_value_reaches_the_pods(chart: Programs) -> None:
    values = {
        "nodeSelector": {"disk": "nvme"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "podLabels": {"team": "storage"},
        "podAnnotations": {"note": "a"},
        "serviceAccount": {"create": False, "name": "mine"},
    }
    file = chart.home / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    manifests = chart.template("--values", str(file))
    template = one(manifests, "Deployment")["spec"]["template"]
    for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert template["spec"][name] == values[name]
    assert template["spec"]["serviceAccountName"] == "mine"
    assert template["metadata"]["labels"]["team"] == "storage"
    assert template["metadata"]["annotations"] == {"note": "a"}
    assert "ServiceAccount" not in {manifest["kind"] for manifest in manifests}
