"""Where the local cluster lives: its name and addresses, all of which the environment can change."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from e2e.cluster import cache

ZONES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Node:
    """One node: a container that is a machine to Kubernetes."""

    name: str
    zone: str
    address: IPv4Address
    pods: IPv4Network
    control_plane: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The cluster's name and its three networks, none of which may be in use on this machine."""

    name: str
    machines: IPv4Network  # /24: the Docker network of the nodes
    pods: IPv4Network  # /16: one /24 for each node
    services: IPv4Network  # /16

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read LOCAL_CLUSTER_NAME, LOCAL_CLUSTER_MACHINES, LOCAL_CLUSTER_PODS and LOCAL_CLUSTER_SERVICES (CIDRs)."""
        return cls(
            name=os.environ.get("LOCAL_CLUSTER_NAME", "etcd-operator"),
            machines=IPv4Network(os.environ.get("LOCAL_CLUSTER_MACHINES", "10.198.0.0/24")),
            pods=IPv4Network(os.environ.get("LOCAL_CLUSTER_PODS", "10.199.0.0/16")),
            services=IPv4Network(os.environ.get("LOCAL_CLUSTER_SERVICES", "10.200.0.0/16")),
        )

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes; the first is the control plane, and a worker too."""
        pods = self.pods.subnets(new_prefix=24)
        return tuple(
            Node(
                name=f"{self.name}-{number}",
                zone=zone,
                address=self.machines[10 + number],
                pods=next(pods),
                control_plane=number == 1,
            )
            for number, zone in enumerate(ZONES, start=1)
        )

    @property
    def control_plane(self) -> Node:
        """The node that runs the apiserver."""
        return self.nodes[0]

    @property
    def apiserver(self) -> str:
        """URL of the apiserver, reached from this machine and from the nodes."""
        return f"https://{self.control_plane.address}:6443"

    @property
    def dns(self) -> IPv4Address:
        """The address of the cluster's DNS Service."""
        return self.services[10]

    @property
    def state(self) -> Path:
        """The folder of this cluster's keys, configuration and kubeconfig."""
        return cache.root() / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, at a place that never changes."""
        return self.state / "kubeconfig"
