"""How long Kubernetes is patient with a node, and which node may be lost."""

from datetime import timedelta

import pytest

from e2e.bench.losses import alone_on_node, grace
from e2e.bench.results import NotMeasuredError


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ("4711 kube-controller-manager --leader-elect=false --node-monitor-grace-period=16s", 16),
        ("4711 kube-controller-manager --node-monitor-grace-period=1m40s --v=2", 100),
        ("4711 kube-controller-manager --node-monitor-period=5s", 50),
    ],
)
def test_the_grace_period_of_nodes_is_the_one_that_the_controllers_were_started_with(
    command: str, seconds: int
) -> None:
    assert grace(command) == timedelta(seconds=seconds)


def test_a_node_may_be_lost_that_runs_one_member() -> None:
    assert alone_on_node({"a": "node-1", "b": "node-2", "c": "node-2", "d": "node-3"}, ["node-2", "node-3"]) == "node-3"


def test_without_such_a_node_nothing_is_lost() -> None:
    with pytest.raises(NotMeasuredError, match="none is alone on one of node-2, node-3"):
        alone_on_node({"a": "node-1", "b": "node-2", "c": "node-2"}, ["node-3", "node-2"])
