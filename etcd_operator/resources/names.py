"""Every name, address and port of a cluster in one place, so that certificates, flags, Services and clients agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import TLS, ClientTLS, PeerTLS

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENT_PORT = 2379
PEER_PORT = 2380
METRICS_PORT = 2381
"""Plain HTTP for the kubelet's probes and for Prometheus; it shows health and metrics, never keys or values."""

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What a member's suffix is drawn from: no vowels, so no words, and nothing that is easily misread."""

SUFFIX_LENGTH = 5

WITHDRAWN = "none=http://none.invalid:2380"
"""The `initial-cluster` that permits nobody to start on an empty data directory.

It must be said: without any, etcd assumes one that names itself alone and forms a cluster of one member. The top-level
domain `invalid` never resolves (RFC 2606).
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which EtcdCluster something belongs to: a name says where to look, only the UID says that it is the same one."""

    name: str
    namespace: str
    uid: str

    @property
    def client_service(self) -> str:
        """The Service that applications use."""
        return self.name

    @property
    def disruption_budget(self) -> str:
        """The PodDisruptionBudget of the voters."""
        return self.name

    @property
    def client_secret(self) -> str:
        """The Secret with all that an application needs to connect."""
        return f"{self.name}-client"

    @property
    def operator_secret(self) -> str:
        """The Secret with which the operator connects."""
        return f"{self.name}-operator"

    @property
    def peer_ca_secret(self) -> str:
        """The Secret of the authority that members trust on their peer port: it signs members and nobody else."""
        return f"{self.name}-peer-ca"

    @property
    def client_ca_secret(self) -> str:
        """The Secret of the authority of the client port."""
        return f"{self.name}-client-ca"


def member_name(identity: Identity, suffix: str) -> str:
    """The name of a new member, and of its Pod, claim, Service and Secret.

    `suffix` is SUFFIX_LENGTH characters of SUFFIX_ALPHABET, drawn by the caller, who sees to it that no member of this
    cluster ever had it.
    """
    return f"{identity.name}-{suffix}"


def member_host(identity: Identity, member: str) -> str:
    """The host name at which a member is reached: its Service.

    It ends in `.svc`: every Pod's resolver completes that with the cluster's domain, which nobody has to know then.
    """
    return f"{member}.{identity.namespace}.svc"


def peer_url(identity: Identity, member: str, tls: TLS) -> str:
    """Where the other members reach this one."""
    scheme = "http" if tls.peer is PeerTLS.OFF else "https"
    return f"{scheme}://{member_host(identity, member)}:{PEER_PORT}"


def member_of(identity: Identity, urls: Iterable[str], tls: TLS) -> str | None:
    """The name of the member that has one of these peer URLs; None if no member of this cluster can have it."""
    for url in urls:
        name = url.partition("://")[2].partition(".")[0]
        suffix = name.removeprefix(f"{identity.name}-")
        ours = len(suffix) == SUFFIX_LENGTH and set(suffix) <= set(SUFFIX_ALPHABET)
        if ours and url == peer_url(identity, name, tls):
            return name
    return None


def client_url(identity: Identity, member: str, tls: TLS) -> str:
    """Where a client reaches this member and no other; applications use `cluster_endpoint`."""
    return f"{_client_scheme(tls)}://{member_host(identity, member)}:{CLIENT_PORT}"


def cluster_endpoint(identity: Identity, tls: TLS) -> str:
    """Where applications reach the cluster: its Service, which members may come and go behind."""
    return f"{_client_scheme(tls)}://{identity.client_service}.{identity.namespace}.svc:{CLIENT_PORT}"


def initial_cluster(
    identity: Identity, members: Iterable[str], tls: TLS, *, others: Iterable[tuple[str, str]] = ()
) -> str:
    """Etcd's `--initial-cluster`: the permission of the members it names to start on an empty volume.

    `others` are name and peer URL of members that are not ours but must be named, because etcd starts a newcomer only
    with the list that it has itself.
    """
    ours = ((member, peer_url(identity, member, tls)) for member in members)
    return ",".join(f"{name}={url}" for name, url in sorted({*ours, *others}))


def server_names(identity: Identity, member: str) -> tuple[str, ...]:
    """The names in a member's certificate on the client port: the cluster's, its own, and those of a port-forward."""
    service, own = (_forms(name, identity.namespace) for name in (identity.client_service, member))
    return (*service, *own, "localhost", "127.0.0.1")


def peer_names(identity: Identity, member: str) -> tuple[str, ...]:
    """The names in a member's certificate on the peer port: its own only."""
    return _forms(member, identity.namespace)


def _client_scheme(tls: TLS) -> str:
    return "http" if tls.client is ClientTLS.OFF else "https"


def _forms(service: str, namespace: str) -> tuple[str, ...]:
    """The four ways to write the name of a Service."""
    return (
        service,
        f"{service}.{namespace}",
        f"{service}.{namespace}.svc",
        f"{service}.{namespace}.svc.cluster.local",
    )
