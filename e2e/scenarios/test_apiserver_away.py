"""An API server that is away for longer than any time-out: etcd does not notice, and the operator waits."""

from collections.abc import Iterator
from typing import Literal

import pytest

from e2e.cluster import Cluster
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kube
from e2e.support.operator import Operator
from e2e.support.waiting import throughout
from e2e.support.writer import Writer

AWAY = 90.0
"""Seconds."""

LONGEST_GAP = 3.0
"""Seconds between two acknowledged writes that a busy machine may cost; an election would cost some of them, too."""

Answer = Literal["silence", "refusal"]


@pytest.fixture
def healed(cluster: Cluster) -> Iterator[None]:
    """The API server is back after the scenario, whatever happened."""
    yield
    cluster.heal()
    cluster.wait_ready()


@pytest.mark.usefixtures("healed")
@pytest.mark.repeated("answer", ("silence", "refusal"), few=("silence",))
def test_writes_go_on_and_the_operator_neither_restarts_nor_forgets(
    orders: EtcdCluster, cluster: Cluster, kube: Kube, operator: Operator, answer: Answer
) -> None:
    orders.apply().becomes_healthy()
    pods, restarts = {pod["metadata"]["uid"] for pod in orders.pods()}, operator.restarts()
    with orders.etcd() as etcd:
        written = Writer(etcd.endpoints)
        with written:
            cluster.cut_apiserver(answer)

            def still_written() -> None:
                assert written.longest_gap() < LONGEST_GAP, written.failures

            throughout(still_written, seconds=AWAY, every=1)
            cluster.heal()
        missing = [key for key in written.acknowledged if etcd.get(key) != key]
        assert not missing
    cluster.wait_ready()
    EtcdCluster(kube, orders.namespace, "later").apply(replicas=1).becomes_healthy()
    orders.becomes_healthy()
    assert operator.restarts() == restarts
    assert {pod["metadata"]["uid"] for pod in orders.pods()} == pods
