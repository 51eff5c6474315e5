"""The baseline, and the stages of a creation."""

from typing import Any

import yaml

from e2e.bench.baseline import stateful_set
from e2e.bench.create import IMAGE, RESOURCES, SIZE
from e2e.bench.moments import moments
from e2e.bench.watch import Sighting
from e2e.demo.cluster import ORDERS
from e2e.support.kube import Kind
from etcd_operator.resources.ownership import MEMBER

SERVICE, MEMBERS = stateful_set("hand", image=IMAGE, replicas=3, storage=SIZE, resources=RESOURCES)


def pod(name: str, **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {MEMBER: name}}, "spec": {}, "status": {}, **parts}


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
    assert IMAGE.rpartition(":")[0] == fields["image"]["properties"]["repository"]["default"]
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


def test_a_stage_is_reached_when_the_last_member_reaches_it() -> None:
    seen = [
        Sighting(10.5, Kind.POD, pod("a")),
        Sighting(11.0, Kind.POD, pod("b")),
        Sighting(12.0, Kind.POD, pod("a", spec={"nodeName": "node-1"})),
        Sighting(12.5, Kind.POD, pod("b", spec={"nodeName": "node-2"})),
    ]
    assert moments(seen, since=10.0) == {"pods_created": 1.0, "pods_scheduled": 2.5}


def test_a_stage_that_was_reached_once_is_not_reached_later_again() -> None:
    seen = [Sighting(moment, Kind.POD, pod("a")) for moment in (10.5, 19.0)]
    assert moments(seen, since=10.0) == {"pods_created": 0.5}


def test_a_container_that_waits_has_not_ended() -> None:
    def sighting(at: float, state: dict[str, Any]) -> Sighting:
        return Sighting(
            at, Kind.POD, pod("a", status={"initContainerStatuses": [{"name": "start-check", "state": state}]})
        )

    seen = [sighting(11.0, {"running": {}}), sighting(12.0, {"terminated": {"exitCode": 0}})]
    assert moments(seen, since=10.0)["start_check_ended"] == 2.0


def test_the_secret_of_applications_is_not_a_members() -> None:
    secret = {"metadata": {"name": "orders-client", "labels": {}}}
    assert moments([Sighting(11.0, Kind.SECRET, secret)], since=10.0) == {}
