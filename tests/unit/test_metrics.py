"""What Prometheus sees."""

from __future__ import annotations

from prometheus_client import generate_latest

from etcd_operator.metrics import Metrics
from etcd_operator.resources.kinds import Kind


def text(metrics: Metrics) -> str:
    """All samples as Prometheus reads them."""
    return generate_latest(metrics.registry).decode()


def test_every_answer_of_the_api_server_is_counted_by_verb_resource_and_code() -> None:
    metrics = Metrics()
    for code in (200, 200, 0):
        metrics.on_call("list", Kind.CLAIM, code)
    resource = 'resource="persistentvolumeclaims",verb="list"'
    assert f'etcd_operator_api_calls_total{{code="200",{resource}}} 2.0' in text(metrics)
    assert f'etcd_operator_api_calls_total{{code="0",{resource}}} 1.0' in text(metrics)


def test_the_series_of_a_cluster_end_with_it_and_those_of_others_stay() -> None:
    metrics = Metrics()
    for name in ("orders", "users"):
        metrics.passes.labels("shop", name, "done").inc()
        metrics.passes.labels("shop", name, "failed").inc()
        metrics.steps.labels("shop", name, "Create", "done").inc()
        metrics.quorum_margin.labels("shop", name).set(1)
        metrics.leader_changes.labels("shop", name).inc()
        metrics.blocked.labels("shop", name).set(1)
    metrics.forget("shop", "orders")
    assert 'cluster="orders"' not in text(metrics)
    assert text(metrics).count('cluster="users"') >= 6


def test_a_cluster_that_left_no_series_can_be_forgotten() -> None:
    metrics = Metrics()
    metrics.forget("shop", "orders")
    assert "cluster=" not in text(metrics)


def test_two_operators_in_one_process_do_not_share_their_figures() -> None:
    one, other = Metrics(), Metrics()
    one.leading.set(1)
    assert "etcd_operator_leading 0.0" in text(other)
