"""What Prometheus sees: what the operator does, how long it takes, how far each cluster is from losing its quorum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from etcd_operator.resources.kinds import Kind

_CLUSTER = ("namespace", "cluster")


class Metrics:
    """The operator's metrics in a registry of their own; a cluster's series end with the cluster."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leading = Gauge("etcd_operator_leading", "1 while this replica holds the Lease", registry=self.registry)
        self.passes = Counter(
            "etcd_operator_passes", "Reconcile passes by outcome", (*_CLUSTER, "outcome"), registry=self.registry
        )
        self.pass_seconds = Histogram(
            "etcd_operator_pass_duration_seconds",
            "Duration of a pass",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.steps = Counter(
            "etcd_operator_steps", "Steps by kind and outcome", (*_CLUSTER, "kind", "outcome"), registry=self.registry
        )
        self.api_calls = Counter(
            "etcd_operator_api_calls",
            "Calls to the API server; code 0 is no answer",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.quorum_margin = Gauge(
            "etcd_operator_cluster_quorum_margin",
            "How many more voters may fail before the quorum is lost; negative when it is lost",
            _CLUSTER,
            registry=self.registry,
        )
        self.leader_changes = Counter(
            "etcd_operator_cluster_leader_changes", "Changes of etcd's leader seen", _CLUSTER, registry=self.registry
        )
        self.blocked = Gauge(
            "etcd_operator_cluster_blocked", "How many actions are blocked", _CLUSTER, registry=self.registry
        )

    def on_call(self, verb: str, kind: Kind, code: int) -> None:
        """Count one call to the API server."""
        self.api_calls.labels(verb, kind.value.plural, str(code)).inc()

    def forget(self, namespace: str, cluster: str) -> None:
        """End the series of a cluster that is gone."""
        for metric in (self.passes, self.steps, self.quorum_margin, self.leader_changes, self.blocked):
            metric.remove_by_labels({"namespace": namespace, "cluster": cluster})
