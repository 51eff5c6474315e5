"""The power fails for the whole Kubernetes: the data is on the volumes, so all comes back by itself."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from e2e.cluster import Cluster
from e2e.support.clusters import EtcdCluster
from e2e.support.operator import Operator
from e2e.support.waiting import eventually
from e2e.support.writer import Writer


@pytest.fixture
def powered(cluster: Cluster) -> Iterator[None]:
    """All nodes have power after the scenario, whatever happened."""
    yield
    for node in cluster.nodes:
        cluster.power_on(node)
    cluster.wait_ready()


@pytest.mark.usefixtures("powered")
@pytest.mark.parametrize("operator_runs", [True, False], ids=["operator up", "operator down"])
def test_all_nodes_lose_power_and_every_acknowledged_write_is_there_afterwards(
    orders: EtcdCluster, cluster: Cluster, operator: Operator, *, operator_runs: bool
) -> None:
    orders.apply().becomes_healthy()
    latched, pods = int(orders.status()["clusterID"], 16), {pod["metadata"]["uid"] for pod in orders.pods()}
    with ExitStack() as stack:
        if not operator_runs:
            stack.enter_context(operator.down())
        with orders.etcd() as etcd, Writer(etcd.endpoints) as written:
            eventually(lambda: _enough(written), within=30)
            for node in cluster.nodes:
                cluster.power_off(node)
        for node in cluster.nodes:
            cluster.power_on(node)
        cluster.wait_ready()
        eventually(lambda: _all_there(orders, written.acknowledged, latched), within=180, every=1)
        assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods
    orders.becomes_healthy()


def _enough(written: Writer) -> None:
    assert len(written.acknowledged) >= 100, "too few writes yet"


def _all_there(orders: EtcdCluster, keys: tuple[str, ...], latched: int) -> None:
    """All members are up as the cluster they were, serve what was acknowledged, and take writes."""
    with orders.etcd() as etcd:
        statuses = etcd.statuses()
        assert len(statuses) == 3
        assert {status.cluster_id for status in statuses.values()} == {latched}
        assert [key for key in keys if etcd.get(key) != key] == []
        etcd.put("after", "the power cut")
