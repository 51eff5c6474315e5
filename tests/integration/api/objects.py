"""EtcdClusters as the tests of the API write and read them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from tests.integration.apiserver import ApiServer, Json

API_VERSION = "etcd-operator.dev/v1alpha1"
COLLECTION = f"/apis/{API_VERSION}/namespaces/default/etcdclusters"


def merged(base: Json, change: Json) -> Json:
    """Return `base` with `change` laid over it, as a JSON merge patch does."""
    result = deepcopy(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = deepcopy(value)
    return result


def cluster(change: Json | None = None, *, name: str | None = None) -> Json:
    """Return the shortest EtcdCluster, with `change` laid over its spec and, unless given, a name of its own."""
    return {
        "apiVersion": API_VERSION,
        "kind": "EtcdCluster",
        "metadata": {"name": name or f"orders-{uuid4().hex[:8]}"},
        "spec": merged({"replicas": 3, "version": "3.6.16"}, change or {}),
    }


@dataclass(frozen=True, slots=True)
class Clusters:
    """The EtcdClusters of an API server, written as `kubectl` writes them: unknown fields are refused."""

    server: ApiServer

    def create(self, manifest: Json) -> Json:
        """Create `manifest` and return it with its defaults; raises RefusedError."""
        return self.server.request("POST", f"{COLLECTION}?fieldValidation=Strict", manifest)

    def formed(self) -> str:
        """Create a cluster that has formed, and return its name."""
        name = self.name_of(self.create(cluster()))
        self.patch(name, {"status": {"clusterID": "3a57933972cb5131"}}, subresource="status")
        return name

    def patch(self, name: str, change: Json, *, subresource: str = "") -> Json:
        """Lay `change` over the cluster, or over its `subresource`; raises RefusedError."""
        return self.server.request(
            "PATCH",
            f"{COLLECTION}/{name}{subresource and f'/{subresource}'}?fieldValidation=Strict",
            change,
            content_type="application/merge-patch+json",
        )

    def get(self, name: str, *, subresource: str = "") -> Json:
        """Return the cluster, or its `subresource`."""
        return self.server.request("GET", f"{COLLECTION}/{name}{subresource and f'/{subresource}'}")

    @staticmethod
    def name_of(manifest: Json) -> str:
        """Return the name of an object."""
        return str(manifest["metadata"]["name"])
