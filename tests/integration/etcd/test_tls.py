"""The certificates of `pki/` on real servers: who is let in where, and how renewed ones are taken up."""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509

from etcd_operator import pki
from etcd_operator.etcd.client import Endpoint, Tls
from etcd_operator.etcd.errors import UnreachableError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Authorities, Lab, Server, failed, healthy, tls_context, until

WITHIN = 3.0


def members_on_peer_port(server: Server, shown: pki.KeyPair | None) -> str:
    """The cluster ID that the peer port names to whom shows this certificate."""
    assert server.authorities is not None
    context = tls_context(server.directory, server.authorities.peer.certificate, shown)
    connection = http.client.HTTPSConnection("127.0.0.1", server.peer_port, context=context, timeout=WITHIN)
    try:
        connection.request("GET", "/members")
        return connection.getresponse().headers["X-Etcd-Cluster-Id"]
    finally:
        connection.close()


def serial_shown(port: int) -> int:
    """The serial number of the certificate that a server shows now."""
    shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=WITHIN)
    return x509.load_pem_x509_certificate(shown.encode()).serial_number


def without_certificate(server: Server) -> Endpoint:
    """The endpoint for a client that has no certificate."""
    endpoint = server.endpoint()
    assert endpoint.tls is not None
    return replace(endpoint, tls=replace(endpoint.tls, certificate=None, key=None))


def as_peer(tls: Tls, authorities: Authorities) -> Tls:
    """The same client with a certificate of the peer authority."""
    leaf = pki.issue(authorities.peer, pki.Profile.PEER, common_name="m9", fresh=pki.fresh(), now=datetime.now(UTC))
    return replace(tls, certificate=leaf.certificate, key=leaf.key)


async def test_a_certificate_of_the_client_authority_is_refused_on_the_peer_port(trio: list[Server]) -> None:
    authorities = trio[0].authorities
    assert authorities is not None
    for stranger in (authorities.application, None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            members_on_peer_port(trio[0], stranger)


async def test_a_certificate_of_the_peer_authority_reads_the_members_on_the_peer_port(
    client: GrpcEtcdClient, trio: list[Server], authorities: Authorities
) -> None:
    now = datetime.now(UTC)
    peer = pki.issue(authorities.peer, pki.Profile.PEER, common_name="m9", fresh=pki.fresh(), now=now)
    report = await client.status(trio[0].endpoint(), within=WITHIN)
    assert int(members_on_peer_port(trio[0], peer), 16) == report.cluster_id


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tls, _: replace(tls, certificate=None, key=None), "it refused our client certificate"),
        (as_peer, "it refused our client certificate"),
        (lambda tls, _: replace(tls, server_name="other.etcd.test"), "names other than the one expected"),
        (
            lambda tls, authorities: replace(tls, ca=authorities.peer.certificate),
            "not signed by the authority we trust",
        ),
        (lambda tls, _: replace(tls, key=b"nonsense"), "our own certificate, key or trust bundle"),
    ],
    ids=["no certificate", "of the peer authority", "wrong name", "wrong authority", "broken key"],
)
async def test_a_handshake_that_fails_is_told_in_words(
    client: GrpcEtcdClient,
    trio: list[Server],
    authorities: Authorities,
    spoil: Callable[[Tls, Authorities], Tls],
    said: str,
) -> None:
    endpoint = trio[0].endpoint()
    assert endpoint.tls is not None
    error = await failed(client.put(replace(endpoint, tls=spoil(endpoint.tls, authorities)), b"k", b"v", within=WITHIN))
    assert isinstance(error, UnreachableError)
    assert said in error.detail
    assert not error.outcome_unknown


async def test_a_member_is_called_by_address_and_known_by_name(client: GrpcEtcdClient, trio: list[Server]) -> None:
    endpoint = trio[0].endpoint()
    assert endpoint.address.startswith("127.0.0.1:")
    assert endpoint.tls is not None
    assert endpoint.tls.server_name == trio[0].host_name
    await client.check_health(endpoint, within=WITHIN)


async def test_a_server_without_a_trust_file_is_called_without_a_certificate(
    client: GrpcEtcdClient, version: Version, authorities: Authorities, lab: Lab
) -> None:
    server = lab.server(version, "m0", authorities=authorities)
    server.start([server], arguments=["--client-cert-auth=false", "--trusted-ca-file="])
    await until(lambda: client.check_health(without_certificate(server), within=WITHIN))


async def test_a_server_with_a_trust_file_wants_certificates_even_if_told_not_to(
    client: GrpcEtcdClient, version: Version, authorities: Authorities, lab: Lab
) -> None:
    server = lab.server(version, "m0", authorities=authorities)
    server.start([server], arguments=["--client-cert-auth=false"])
    await healthy(client, server)
    error = await failed(client.check_health(without_certificate(server), within=WITHIN))
    assert isinstance(error, UnreachableError)


async def test_renewed_certificates_are_shown_without_a_restart(
    client: GrpcEtcdClient, version: Version, authorities: Authorities, lab: Lab
) -> None:
    (server,) = lab.cluster(version, 1, authorities=authorities)
    await healthy(client, server)
    before = [serial_shown(port) for port in (server.client_port, server.peer_port)]
    assert before == [serial_shown(port) for port in (server.client_port, server.peer_port)]
    server.write_certificates()
    after = [serial_shown(port) for port in (server.client_port, server.peer_port)]
    assert not set(before) & set(after)
    await client.check_health(replace(server.endpoint(), member="a new connection"), within=WITHIN)


async def test_a_trust_bundle_of_two_authorities_lets_both_in(
    client: GrpcEtcdClient, version: Version, authorities: Authorities, lab: Lab
) -> None:
    now = datetime.now(UTC)
    second = pki.new_ca("second client authority", fresh=pki.fresh(), now=now)
    both = pki.bundle(second.certificate, authorities.client.certificate)
    server = lab.server(version, "m0", authorities=authorities)
    server.write_certificates()
    (server.directory / "client-ca.crt").write_bytes(both)
    server.start([server])
    application = pki.issue(second, pki.Profile.CLIENT, common_name="new", fresh=pki.fresh(), now=now)
    await healthy(client, server)
    by_second = replace(server.endpoint(by=application), member="by the second authority")
    assert by_second.tls is not None
    trusting_both = replace(by_second, tls=replace(by_second.tls, ca=both))
    await client.check_health(trusting_both, within=WITHIN)
