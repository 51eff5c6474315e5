"""One look at one cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.observation import Observation
from etcd_operator.observe import etcd as etcd_reader
from etcd_operator.observe import kubernetes

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.etcd.client import EtcdClient
    from etcd_operator.kube.port import Kube
    from etcd_operator.observe.nodes import Nodes


async def observe(
    kube: Kube, nodes: Nodes, etcd: EtcdClient, *, namespace: str, name: str, now: datetime
) -> Observation:
    """Read one cluster from Kubernetes and etcd; changes nothing.

    Raises NotFound when the EtcdCluster is gone, another KubeError when Kubernetes could not be read, and KeyError or
    ValueError when the installed CRD is not the one that this operator knows. What etcd did not answer is `Unknown`.
    """
    objects = await kubernetes.read(kube, nodes, namespace, name, now=now)
    return Observation(
        cluster=objects.cluster,
        pods=objects.pods,
        claims=objects.claims,
        secrets=objects.secrets,
        services=objects.services,
        budgets=objects.budgets,
        strangers=objects.strangers,
        etcd=await etcd_reader.read(etcd, objects),
        at=now,
        nodes=objects.nodes,
        classes=objects.classes,
    )
