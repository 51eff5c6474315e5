"""An EtcdCluster as its applications reach it: by its Service, which leads to another member when one goes."""

import dataclasses

from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kind
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.names import CLIENT_PORT


def service(cluster: EtcdCluster) -> dict[str, Endpoint]:
    """Return the address of the client Service as the only endpoint, for a writer that outlives any member."""
    status = cluster.status()
    name, host = status["clientService"], f"{status['clientService']}.{cluster.namespace}.svc"
    address = cluster.kube.get(Kind.SERVICE, cluster.namespace, name)["spec"]["clusterIP"]
    with cluster.etcd() as etcd:
        tls = next(iter(etcd.endpoints.values())).tls
    named = None if tls is None else dataclasses.replace(tls, server_name=host)
    return {name: Endpoint(name, f"{address}:{CLIENT_PORT}", named)}
