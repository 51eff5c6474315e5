"""The PodDisruptionBudget: a drain may take members as long as a quorum stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import quorum
from etcd_operator.resources.ownership import cluster_labels, metadata, voter_selector

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.resources.names import Identity


def disruption_budget(identity: Identity, *, voters: int) -> Json:
    """The budget while etcd's list has `voters` voters, which is not always `spec.replicas`.

    `minAvailable`, because `maxUnavailable` is counted from the Pods that happen to exist while members come and go.
    Only voters that may take clients are counted: a newcomer neither fills the budget nor blocks a drain.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(identity, identity.disruption_budget, cluster_labels(identity)),
        "spec": {"minAvailable": quorum(voters), "selector": budget_selector(identity)},
    }


def budget_selector(identity: Identity) -> Json:
    """Which Pods the budget counts: the voters that may take clients."""
    return {"matchLabels": voter_selector(identity)}
