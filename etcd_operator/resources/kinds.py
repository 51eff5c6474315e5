"""Every kind of object that the operator reads or writes, as the API server names it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from etcd_operator.api import API_VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """How the API server names one kind of object."""

    api_version: str
    kind: str
    plural: str


class Kind(Enum):
    """The kinds; events are written in today's API and read in the core one, which can be asked for an object's UID."""

    CLUSTER = Resource(API_VERSION, "EtcdCluster", "etcdclusters")
    POD = Resource("v1", "Pod", "pods")
    CLAIM = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
    SERVICE = Resource("v1", "Service", "services")
    SECRET = Resource("v1", "Secret", "secrets")
    BUDGET = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
    NODE = Resource("v1", "Node", "nodes")
    STORAGE_CLASS = Resource("storage.k8s.io/v1", "StorageClass", "storageclasses")
    LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases")
    EVENT = Resource("events.k8s.io/v1", "Event", "events")
    CORE_EVENT = Resource("v1", "Event", "events")
