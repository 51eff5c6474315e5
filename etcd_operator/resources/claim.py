"""The claim of one member: its copy of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import OnDelete
from etcd_operator.resources.ownership import member_labels, metadata

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json, Storage
    from etcd_operator.resources.names import Identity


def member_claim(identity: Identity, member: str, storage: Storage) -> Json:
    """The claim of a member.

    With `onDelete: Retain` it has no owner, so that it outlives its EtcdCluster also when the operator is down; the
    labels still name the cluster and its UID.
    """
    about = metadata(identity, member, member_labels(identity, member))
    if storage.on_delete is OnDelete.RETAIN:
        del about["ownerReferences"]
    spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage.size}}}
    if storage.class_name is not None:
        spec["storageClassName"] = storage.class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": spec}
