"""The Secrets: the keys that they hold, which Pods, applications and the operator read by name."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from etcd_operator.resources.ownership import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.api.cluster import Json
    from etcd_operator.resources.names import Identity

PEER_CERTIFICATE, PEER_KEY, PEER_CA = "peer.crt", "peer.key", "peer-ca.crt"
SERVER_CERTIFICATE, SERVER_KEY, CLIENT_CA = "server.crt", "server.key", "client-ca.crt"

INITIAL_CLUSTER = "initial-cluster"
"""In a member's Secret: the permission of its first start.

While its value names the member, the member may start on an empty data directory. Once etcd lists the member as
started, the operator overwrites it with `names.WITHDRAWN`.
"""

CERTIFICATE, KEY, CA_BUNDLE = "tls.crt", "tls.key", "ca.crt"

ENDPOINTS = "endpoints"
"""In the connection Secret: the address of the client Service, never those of members."""


def secret(identity: Identity, name: str, data: Mapping[str, bytes], *, labels: dict[str, str]) -> Json:
    """A Secret of a cluster. Its type is Opaque, because a type can never change, while the TLS mode may."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(identity, name, labels),
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in sorted(data.items())},
    }
