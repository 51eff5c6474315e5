"""The baseline: what a person who knows etcd writes by hand."""

import yaml

from e2e.bench.baseline import client_service
from e2e.bench.subjects import REPOSITORY, RESOURCES, SIZE, hand_written_manifests
from e2e.demo.cluster import ORDERS

SERVICE, MEMBERS = hand_written_manifests("hand")


def test_the_baseline_starts_all_members_at_once_and_publishes_their_names_early() -> None:
    assert MEMBERS["spec"]["podManagementPolicy"] == "Parallel"
    assert SERVICE["spec"]["publishNotReadyAddresses"] is True
    assert SERVICE["spec"]["clusterIP"] == "None"


def test_the_baseline_has_the_operators_default_resources_volume_and_image() -> None:
    definition = yaml.safe_load((ORDERS.parents[2] / "crds" / "etcdcluster.yaml").read_text())
    fields = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    requests = fields["resources"]["properties"]["requests"]["properties"]
    assert {name: each["default"] for name, each in requests.items() if "default" in each} == RESOURCES["requests"]
    assert fields["storage"]["properties"]["size"]["default"] == SIZE
    assert fields["image"]["properties"]["repository"]["default"] == REPOSITORY
    (container,) = MEMBERS["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == RESOURCES
    (claim,) = MEMBERS["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == SIZE


def test_every_member_of_the_baseline_is_named_in_its_initial_cluster() -> None:
    (container,) = MEMBERS["spec"]["template"]["spec"]["containers"]
    (first,) = (argument for argument in container["args"] if argument.startswith("--initial-cluster="))
    assert first == (
        "--initial-cluster=hand-0=http://hand-0.hand:2380,hand-1=http://hand-1.hand:2380,hand-2=http://hand-2.hand:2380"
    )


def test_the_service_of_applications_leads_to_the_members_of_the_baseline_once_they_are_ready() -> None:
    service = client_service("hand")
    assert service["spec"]["selector"] == MEMBERS["spec"]["template"]["metadata"]["labels"]
    assert "publishNotReadyAddresses" not in service["spec"]
