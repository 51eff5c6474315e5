"""The labels and owner references that say whose an object is: by UID, so that a namesake's is never taken for ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api import API_VERSION, GROUP

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.api.cluster import Json
    from etcd_operator.resources.names import Identity

KIND = "EtcdCluster"

CLUSTER = f"{GROUP}/cluster"
CLUSTER_UID = f"{GROUP}/cluster-uid"
MEMBER = f"{GROUP}/member"

ROLE = f"{GROUP}/role"
"""No builder sets it; the operator adds it to the Pod of a voter, once the cluster has formed and the member's
permission of a first start is withdrawn.

The client Service and the disruption budget select it, so that no client reaches a member which might still start anew
on an emptied volume.
"""

VOTER = "voter"

DISMISSED = f"{GROUP}/dismissed"
"""On the Pod of a voter that is about to stop: since when clients are sent elsewhere, as seconds since the epoch."""


def cluster_labels(identity: Identity) -> dict[str, str]:
    """The labels of every object of a cluster."""
    return {
        "app.kubernetes.io/name": "etcd",
        "app.kubernetes.io/instance": identity.name,
        "app.kubernetes.io/managed-by": "etcd-operator",
        CLUSTER: identity.name,
        CLUSTER_UID: identity.uid,
    }


def member_labels(identity: Identity, member: str) -> dict[str, str]:
    """The labels of every object of one member."""
    return {**cluster_labels(identity), MEMBER: member}


def voter_label() -> dict[str, str]:
    """What the operator adds to the labels of a Pod that may take clients."""
    return {ROLE: VOTER}


def dismissal(at: datetime) -> Json:
    """What takes the Pod of a voter that is about to stop out of the client Service, with the time it is done."""
    return {"labels": {ROLE: None}, "annotations": {DISMISSED: f"{at.timestamp():.3f}"}}


def voter_selector(identity: Identity) -> dict[str, str]:
    """The selector of the Pods that may take clients."""
    return {CLUSTER_UID: identity.uid, **voter_label()}


def owner_reference(identity: Identity) -> Json:
    """What makes Kubernetes delete an object with its EtcdCluster, also while the operator is down."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": identity.name,
        "uid": identity.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def metadata(identity: Identity, name: str, labels: dict[str, str]) -> Json:
    """The metadata of an object that goes with its EtcdCluster."""
    return {
        "name": name,
        "namespace": identity.namespace,
        "labels": labels,
        "ownerReferences": [owner_reference(identity)],
    }
