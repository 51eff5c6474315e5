"""The Services: one for applications, which leads to voters that can answer, and one per member for its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.names import CLIENT_PORT, PEER_PORT
from etcd_operator.resources.ownership import (
    CLUSTER_UID,
    MEMBER,
    cluster_labels,
    member_labels,
    metadata,
    voter_selector,
)

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.resources.names import Identity

_CLIENT = {"name": "client", "port": CLIENT_PORT, "targetPort": CLIENT_PORT, "protocol": "TCP"}
_PEER = {"name": "peer", "port": PEER_PORT, "targetPort": PEER_PORT, "protocol": "TCP"}


def client_service(identity: Identity) -> Json:
    """The Service of the applications: its endpoints are the ready voters."""
    return _service(
        identity,
        identity.client_service,
        cluster_labels(identity),
        {"selector": voter_selector(identity), "ports": [_CLIENT]},
    )


def member_service(identity: Identity, member: str) -> Json:
    """The address of one member for as long as it lives, ready or not.

    Made before the member's Pod, a ClusterIP is known to every DNS cache before anyone asks and never changes when the
    Pod does; a headless name costs 20-30 s at each creation and restart with caching DNS (etcd-rules.md §7).
    """
    spec = {
        "selector": {CLUSTER_UID: identity.uid, MEMBER: member},
        "ports": [_PEER, _CLIENT],
        "publishNotReadyAddresses": True,
    }
    return _service(identity, member, member_labels(identity, member), spec)


def _service(identity: Identity, name: str, labels: dict[str, str], spec: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(identity, name, labels),
        "spec": {"type": "ClusterIP", **spec},
    }
