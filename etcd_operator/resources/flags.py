"""The command line of etcd: the whole of it, because what stands here cannot be set twice through the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import ClientTLS, PeerTLS
from etcd_operator.etcd.versions import flags_of, parse_version
from etcd_operator.resources.names import (
    CLIENT_PORT,
    METRICS_PORT,
    PEER_PORT,
    WITHDRAWN,
    client_url,
    peer_url,
)
from etcd_operator.resources.secret import (
    CLIENT_CA,
    PEER_CA,
    PEER_CERTIFICATE,
    PEER_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
)
from etcd_operator.resources.start import ClusterState, FirstStart, Restart
from etcd_operator.resources.tuning import tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.api.cluster import TLS, ClusterSpec
    from etcd_operator.resources.names import Identity

DATA_DIR = "/var/lib/etcd/data"
TLS_DIR = "/etc/etcd-operator/member"

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - a Pod has a network of its own
"""Where etcd listens: Go opens this address for IPv6 as well wherever the kernel has it (tried with and without), so it
serves single and dual stack alike."""


def arguments(identity: Identity, spec: ClusterSpec, member: str, *, start: FirstStart | Restart) -> tuple[str, ...]:
    """The arguments of `member`'s etcd, the user's own last, sorted.

    A first start has no `--initial-cluster` here: it comes from the environment, which Kubernetes reads from the
    member's Secret at each start of the container, and etcd refuses to have it in both places.
    """
    return tuple(_escaped(argument) for argument in _arguments(identity, spec, member, start))


def _arguments(identity: Identity, spec: ClusterSpec, member: str, start: FirstStart | Restart) -> Iterator[str]:
    yield f"--name={member}"
    yield f"--data-dir={DATA_DIR}"
    yield from _addresses(identity, spec.tls, member)
    yield from _identity(identity, start)
    yield from _settings(spec)
    yield from _client_tls(spec.tls.client)
    yield from _peer_tls(spec)
    yield from flags_of(parse_version(spec.version)).corruption_checks
    yield from (f"--{name}={value}" for name, value in sorted(spec.etcd.extra_args.items()))


def _addresses(identity: Identity, tls: TLS, member: str) -> Iterator[str]:
    advertised_peer, advertised_client = peer_url(identity, member, tls), client_url(identity, member, tls)
    yield f"--listen-peer-urls={_scheme(advertised_peer)}://{EVERY_ADDRESS}:{PEER_PORT}"
    yield f"--initial-advertise-peer-urls={advertised_peer}"
    yield f"--listen-client-urls={_scheme(advertised_client)}://{EVERY_ADDRESS}:{CLIENT_PORT}"
    yield f"--advertise-client-urls={advertised_client}"
    yield f"--listen-metrics-urls=http://{EVERY_ADDRESS}:{METRICS_PORT}"


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _identity(identity: Identity, start: FirstStart | Restart) -> Iterator[str]:
    yield f"--initial-cluster-token={identity.uid}"
    match start:
        case FirstStart(state):
            yield f"--initial-cluster-state={state}"
        case Restart():
            yield f"--initial-cluster-state={ClusterState.EXISTING}"
            yield f"--initial-cluster={WITHDRAWN}"


def _settings(spec: ClusterSpec) -> Iterator[str]:
    etcd = tuning(spec)
    yield f"--quota-backend-bytes={etcd.quota}"
    yield f"--auto-compaction-mode={etcd.compaction_mode.lower()}"
    yield f"--auto-compaction-retention={etcd.compaction_retention}"
    yield f"--snapshot-count={etcd.snapshot_count}"
    yield f"--heartbeat-interval={etcd.heartbeat_ms}"
    yield f"--election-timeout={etcd.election_ms}"


def _client_tls(mode: ClientTLS) -> Iterator[str]:
    """Server alone names no authority: with one, etcd asks every client for a certificate, whatever else is said."""
    if mode is ClientTLS.OFF:
        return
    yield f"--cert-file={TLS_DIR}/{SERVER_CERTIFICATE}"
    yield f"--key-file={TLS_DIR}/{SERVER_KEY}"
    if mode is ClientTLS.MUTUAL:
        yield f"--trusted-ca-file={TLS_DIR}/{CLIENT_CA}"
        yield "--client-cert-auth=true"


def _peer_tls(spec: ClusterSpec) -> Iterator[str]:
    if spec.tls.peer is PeerTLS.OFF:
        return
    yield f"--peer-cert-file={TLS_DIR}/{PEER_CERTIFICATE}"
    yield f"--peer-key-file={TLS_DIR}/{PEER_KEY}"
    yield f"--peer-trusted-ca-file={TLS_DIR}/{PEER_CA}"
    yield "--peer-client-cert-auth=true"
    yield flags_of(parse_version(spec.version)).skip_peer_client_san


def _escaped(argument: str) -> str:
    """The argument as it reaches etcd unchanged: Kubernetes replaces `$(NAME)` in command lines, and `$$` by `$`."""
    return argument.replace("$", "$$")
