"""The stages of what happens to a cluster."""

from typing import Any

from e2e.bench.baseline import APP
from e2e.bench.moments import CHANGE, CREATION, moments
from e2e.bench.watch import Sighting
from e2e.support.kube import Kind
from etcd_operator.resources.ownership import MEMBER


def pod(name: str, *, uid: str = "", **parts: Any) -> dict[str, Any]:
    labels = {APP: "orders", MEMBER: name}
    return {"metadata": {"name": name, "uid": uid or name, "labels": labels}, "spec": {}, "status": {}, **parts}


def cluster(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "orders", "uid": "orders"}, "status": status}


def test_a_stage_is_reached_when_the_last_member_reaches_it() -> None:
    seen = [
        Sighting(10.5, Kind.POD, pod("a")),
        Sighting(11.0, Kind.POD, pod("b")),
        Sighting(12.0, Kind.POD, pod("a", spec={"nodeName": "node-1"})),
        Sighting(12.5, Kind.POD, pod("b", spec={"nodeName": "node-2"})),
    ]
    assert moments(seen, CREATION, since=10.0) == {"pods_created": 1.0, "pods_scheduled": 2.5}


def test_a_stage_that_was_reached_once_is_not_reached_later_again() -> None:
    seen = [Sighting(moment, Kind.POD, pod("a")) for moment in (10.5, 19.0)]
    assert moments(seen, CREATION, since=10.0) == {"pods_created": 0.5}


def test_what_was_there_before_the_event_has_reached_nothing_in_it() -> None:
    seen = [Sighting(9.0, Kind.POD, pod("a")), Sighting(11.0, Kind.POD, pod("a", spec={"nodeName": "node-1"}))]
    assert moments(seen, CHANGE, since=10.0) == {"pods_scheduled": 1.0}


def test_a_pod_that_is_made_anew_under_its_name_counts() -> None:
    seen = [
        Sighting(9.0, Kind.POD, pod("a", uid="old")),
        Sighting(11.0, Kind.POD, pod("a", uid="old"), gone=True),
        Sighting(11.5, Kind.POD, pod("a", uid="new")),
    ]
    assert moments(seen, CHANGE, since=10.0) == {"pods_created": 1.5, "pods_gone": 1.0}


def test_a_record_that_was_written_and_erased_earlier_is_written_anew() -> None:
    seen = [
        Sighting(8.0, Kind.CLUSTER, cluster(membership={"joining": ["orders-a"]})),
        Sighting(9.0, Kind.CLUSTER, cluster(membership={"members": ["orders-a"]})),
        Sighting(10.25, Kind.CLUSTER, cluster(membership={"joining": ["orders-b"]})),
    ]
    assert moments(seen, CHANGE, since=10.0) == {"newcomers_recorded": 0.25}


def test_a_container_that_waits_has_not_ended() -> None:
    def sighting(at: float, state: dict[str, Any]) -> Sighting:
        containers = [{"name": "start-check", "state": state}]
        return Sighting(at, Kind.POD, pod("a", status={"initContainerStatuses": containers}))

    seen = [sighting(11.0, {"running": {}}), sighting(12.0, {"terminated": {"exitCode": 0}})]
    assert moments(seen, CREATION, since=10.0)["start_check_ended"] == 2.0
    assert moments(seen, CHANGE, since=10.0)["start_check_running"] == 1.0


def test_a_container_that_was_restarted_is_seen_although_it_ran_before() -> None:
    def sighting(at: float, restarts: int) -> Sighting:
        containers = [{"name": "etcd", "state": {"running": {}}, "restartCount": restarts}]
        return Sighting(at, Kind.POD, pod("a", status={"containerStatuses": containers}))

    assert moments([sighting(9.0, 0), sighting(11.0, 1)], CHANGE, since=10.0) == {"etcd_restarted": 1.0}


def test_the_secret_of_applications_is_not_a_members() -> None:
    secret = {"metadata": {"name": "orders-client", "uid": "s", "labels": {APP: "orders"}}}
    assert moments([Sighting(11.0, Kind.SECRET, secret)], CREATION, since=10.0) == {}
