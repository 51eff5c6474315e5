"""What is in the certificates, and that TLS accepts them where it should and nowhere else."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from etcd_operator import pki
from tests.unit.pki.authorities import DAY, NAMES, NOW, ca, leaf

TODAY = datetime.now(UTC)


def parsed(pair: pki.KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_an_authority_signs_leaves_and_nothing_else() -> None:
    extensions = parsed(ca()).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (pki.Profile.PEER, {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
        (pki.Profile.SERVER, {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
        (pki.Profile.CLIENT, {ExtendedKeyUsageOID.CLIENT_AUTH}),
    ],
)
def test_a_leaf_may_do_what_its_profile_says(profile: pki.Profile, expected: set[x509.ObjectIdentifier]) -> None:
    extensions = parsed(leaf(ca(), profile)).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == expected


def test_a_leaf_carries_exactly_the_names_that_were_given() -> None:
    names = parsed(leaf(ca())).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["m0.orders.svc", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(name) for name in NAMES[2:]]


def test_a_client_is_its_common_name_and_has_no_other() -> None:
    client = parsed(leaf(ca(), pki.Profile.CLIENT, common_name="root", names=()))
    assert [name.value for name in client.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["root"]
    with pytest.raises(x509.ExtensionNotFound):
        client.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_a_leaf_names_the_key_that_signed_it() -> None:
    authority = ca()
    issuer = parsed(leaf(authority)).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = parsed(authority).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == subject.digest


def test_keys_are_p256_in_pkcs8() -> None:
    for pair in (authority := ca(), leaf(authority)):
        assert pair.key.startswith(b"-----BEGIN PRIVATE KEY-----")
        key = serialization.load_pem_private_key(pair.key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"


def test_certificates_are_dated_back_for_late_clocks_and_live_as_long_as_asked() -> None:
    authority = ca()
    for pair, lifetime in ((authority, pki.CA_LIFETIME), (leaf(authority), pki.LEAF_LIFETIME)):
        certificate = parsed(pair)
        assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
        assert certificate.not_valid_after_utc == NOW + lifetime


def test_the_same_randomness_gives_the_same_key_and_serial() -> None:
    drawn = pki.fresh()
    first, second = (pki.new_ca("orders", fresh=drawn, now=NOW) for _ in range(2))
    assert first.key == second.key
    assert parsed(first).serial_number == parsed(second).serial_number == drawn.serial


def test_fresh_randomness_is_never_the_same() -> None:
    drawn = [pki.fresh() for _ in range(8)]
    assert len({one.serial for one in drawn}) == len({one.key.private_numbers().private_value for one in drawn}) == 8


def test_a_leaf_ends_with_its_authority_at_the_latest() -> None:
    authority = ca(lifetime=10 * DAY)
    assert parsed(leaf(authority)).not_valid_after_utc == NOW + 10 * DAY


def test_an_authority_that_has_ended_signs_nothing_and_is_named() -> None:
    authority = ca("orders client", lifetime=10 * DAY)
    with pytest.raises(ValueError, match=r"authority \"CN=orders client\" expired at 2026-12-02T12:00:00"):
        leaf(authority, now=NOW + 10 * DAY)


def test_a_bundle_holds_each_authority_once_in_order() -> None:
    first, second = ca().certificate, ca().certificate
    assert pki.bundle(first, second.rstrip(), first) == first + second


def test_a_private_key_is_never_printed() -> None:
    pair = ca()
    assert pair.key.decode() not in repr(pair)
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize("host", ["m0.orders.svc", "127.0.0.1"])
def test_members_accept_each_other(tmp_path: Path, host: str) -> None:
    authority = ca(now=TODAY)
    member = leaf(authority, now=TODAY)
    handshake(tmp_path, server=member, client=member, trusted=authority.certificate, host=host)


def test_a_client_of_either_authority_in_a_bundle_is_let_in(tmp_path: Path) -> None:
    old, new = ca("old", now=TODAY), ca("new", now=TODAY)
    trusted = pki.bundle(new.certificate, old.certificate)
    server = leaf(old, pki.Profile.SERVER, now=TODAY)
    for authority in (old, new):
        client = leaf(authority, pki.Profile.CLIENT, names=(), now=TODAY)
        handshake(tmp_path, server=server, client=client, trusted=trusted, host="localhost")


def test_a_client_of_another_authority_is_refused(tmp_path: Path) -> None:
    peer, other = ca(now=TODAY), ca(now=TODAY)
    stranger = leaf(other, pki.Profile.CLIENT, names=(), now=TODAY)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, server=leaf(peer, now=TODAY), client=stranger, trusted=peer.certificate, host="localhost")


def test_a_client_certificate_cannot_serve(tmp_path: Path) -> None:
    authority = ca(now=TODAY)
    client = leaf(authority, pki.Profile.CLIENT, now=TODAY)
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        handshake(tmp_path, server=client, client=client, trusted=authority.certificate, host="localhost")


def test_a_leaf_cannot_sign(tmp_path: Path) -> None:
    authority = ca(now=TODAY)
    member = leaf(authority, now=TODAY)
    forged = leaf(pki.KeyPair(member.certificate, member.key), common_name="forged", now=TODAY)
    trusted = pki.bundle(authority.certificate, member.certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, server=forged, client=member, trusted=trusted, host="localhost")


def handshake(directory: Path, *, server: pki.KeyPair, client: pki.KeyPair, trusted: bytes, host: str) -> None:
    """A mutual TLS handshake in memory, as strict as RFC 5280; raises ssl.SSLError if either side refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        context(directory, ssl.PROTOCOL_TLS_CLIENT, client, trusted).wrap_bio(
            to_client, to_server, server_hostname=host
        ),
        context(directory, ssl.PROTOCOL_TLS_SERVER, server, trusted).wrap_bio(to_server, to_client, server_side=True),
    ]
    while sides:
        for side in list(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)


def context(directory: Path, protocol: int, shown: pki.KeyPair, trusted: bytes) -> ssl.SSLContext:
    """One side of the handshake."""
    (directory / "shown.pem").write_bytes(shown.certificate + shown.key)
    made = ssl.SSLContext(protocol)
    made.load_cert_chain(directory / "shown.pem")
    made.load_verify_locations(cadata=trusted.decode())
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made
