"""Versions move one minor at a time, up and down, while an application writes; all members have the same data then."""

from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly, has_the_same_data_everywhere
from e2e.support.kube import Kube
from e2e.support.namespaces import Namespaces
from e2e.support.nodes import signal_container
from e2e.support.promises import writing
from e2e.support.waiting import eventually, throughout
from etcd_operator.resources.pod import ETCD_CONTAINER

OLD, MIDDLE, NEW = "3.5.35", "3.6.16", "3.7.3"


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members of the oldest version."""
    with namespaces.new("upgrade") as namespace:
        yield EtcdCluster(kube, namespace).apply(version=OLD).becomes_healthy()


def run_on(orders: EtcdCluster, version: str) -> None:
    """Hold when every member says that it runs this version, and all is well."""
    status = orders.status()
    assert {member.get("version") for member in status["members"]} == {version}, status["plan"]
    assert status["version"] == version
    orders.becomes_healthy(within=0)


def test_a_jump_over_a_minor_version_is_not_begun_and_the_way_is_told(orders: EtcdCluster) -> None:
    before = {pod["metadata"]["uid"] for pod in orders.pods()}
    orders.change(version=NEW)
    assert f"write {MIDDLE} first, then {NEW}" in orders.becomes_blocked("VersionRefused")
    throughout(lambda: _are_the_same(orders, before), seconds=5)


def _are_the_same(orders: EtcdCluster, before: set[str]) -> None:
    assert {pod["metadata"]["uid"] for pod in orders.pods()} == before


def test_with_a_member_down_no_upgrade_is_begun_and_it_begins_when_the_member_is_back(
    orders: EtcdCluster, cluster: Cluster
) -> None:
    before = {pod["metadata"]["uid"] for pod in orders.pods()}
    leader = orders.status()["leader"]
    down = next(pod for pod in orders.pods() if pod["metadata"]["name"] != leader)
    signal_container(cluster, down, ETCD_CONTAINER, "SIGSTOP")
    try:
        orders.becomes("Degraded", "True")
        orders.change(version=MIDDLE)
        eventually(lambda: _waits_for(orders, down["metadata"]["name"]), within=30)
        throughout(lambda: _are_the_same(orders, before), seconds=5)
    finally:
        signal_container(cluster, down, ETCD_CONTAINER, "SIGCONT")
    eventually(lambda: _one_runs(orders, MIDDLE), within=60, every=0.1)
    orders.change(version=OLD)
    eventually(lambda: run_on(orders, OLD), within=120)


def _waits_for(orders: EtcdCluster, member: str) -> None:
    said = orders.becomes_blocked("VersionRefused", within=0)
    assert "all members must serve before another minor version is begun: 2 of 3 voters healthy" in said
    assert f"waiting for {member}" in said


def test_an_upgrade_that_is_taken_back_in_the_middle_ends_where_it_began(orders: EtcdCluster) -> None:
    with writing(orders):
        orders.change(version=MIDDLE)
        eventually(lambda: _one_runs(orders, MIDDLE), within=60, every=0.1)
        orders.change(version=OLD)
        eventually(lambda: run_on(orders, OLD), within=120)
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def _one_runs(orders: EtcdCluster, version: str) -> None:
    assert version in {member.get("version") for member in orders.status()["members"]}


@pytest.mark.parametrize("version", [MIDDLE, NEW])
def test_the_next_minor_version_reaches_every_member(orders: EtcdCluster, version: str) -> None:
    _reaches_every_member(orders, version)


def test_a_jump_down_over_a_minor_version_is_not_begun_and_the_way_is_told(orders: EtcdCluster) -> None:
    before = {pod["metadata"]["uid"] for pod in orders.pods()}
    orders.change(version=OLD)
    assert f"write {MIDDLE} first, then {OLD}" in orders.becomes_blocked("VersionRefused")
    _are_the_same(orders, before)


def test_the_minor_version_before_reaches_every_member(orders: EtcdCluster) -> None:
    _reaches_every_member(orders, MIDDLE)


def _reaches_every_member(orders: EtcdCluster, version: str) -> None:
    """Hold when writes go on meanwhile, the members are the same, and they have the same data."""
    members = orders.members()
    with writing(orders):
        orders.change(version=version)
        eventually(lambda: run_on(orders, version), within=120)
    assert orders.members() == members
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def test_a_lower_version_that_is_taken_back_in_the_middle_leaves_the_higher_one(orders: EtcdCluster) -> None:
    with writing(orders):
        orders.change(version=OLD)
        eventually(lambda: _one_runs(orders, OLD), within=60, every=0.1)
        orders.change(version=MIDDLE)
        eventually(lambda: run_on(orders, MIDDLE), within=120)
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)
