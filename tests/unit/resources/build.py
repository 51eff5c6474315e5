"""Builders for the tests of the Kubernetes objects: a cluster as the CRD's defaults make it, and changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etcd_operator.api.cluster import ClusterSpec
from etcd_operator.resources.names import Identity
from etcd_operator.resources.pod import FirstStart, Restart, StartCheckImage, member_pod
from etcd_operator.resources.start import ClusterState
from tests.spec import shortest

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json

IDENTITY = Identity(name="orders", namespace="shop", uid="0d7c3a52-6a2c-4a3f-9d0e-2f5b8c1e7a90")
MEMBER = "orders-x7k2p"
GATE = StartCheckImage(reference="example.com/etcd-operator:1", pull_policy="IfNotPresent", pull_secrets=())
FIRST_START = FirstStart(ClusterState.NEW)

_DEFAULTS: Json = shortest()


def spec(**changes: Any) -> ClusterSpec:
    """The default spec, with the fields of each named part laid over it."""
    parts = {
        name: {**part, **changes.pop(name, {})} if isinstance(part, dict) else changes.pop(name, part)
        for name, part in _DEFAULTS.items()
    }
    assert not changes, f"no such field: {sorted(changes)}"
    return ClusterSpec.parse(parts)


def pod(*, start: FirstStart | Restart = FIRST_START, gate: StartCheckImage = GATE, **changes: Any) -> Json:
    """The Pod of MEMBER."""
    return member_pod(IDENTITY, spec(**changes), MEMBER, start=start, gate=gate)


def container(pod: Json, name: str) -> Json:
    """One container of a Pod, init containers included."""
    every = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
    found: Json = next(container for container in every if container["name"] == name)
    return found
