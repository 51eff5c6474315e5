"""Makes the certificates of a cluster. Pure: the moment and the randomness are arguments."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
"""An authority outlives most clusters; changing it restarts every member (etcd-rules.md §7)."""

LEAF_LIFETIME = timedelta(days=365)
"""Renewed after eight months: an operator that is paused or gone for four harms nobody, nor does an application that
reads its certificate only when it starts. A shorter life is no answer to a stolen key: that is a new authority."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far certificates are dated back: a node whose clock is that late accepts a new one at once."""


class Profile(Enum):
    """What a leaf certificate is for: a member's peer port, its client port, or a program that calls members."""

    PEER = "peer"
    SERVER = "server"
    CLIENT = "client"

    @property
    def usage(self) -> tuple[x509.ObjectIdentifier, ...]:
        """The extended key usage. Members need both: peers call each other, and etcd's gateway calls its own server."""
        if self is Profile.CLIENT:
            return (ExtendedKeyUsageOID.CLIENT_AUTH,)
        return (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key (PKCS 8, not encrypted), both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The randomness of one certificate: its private key and its serial number. Never use one twice."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    serial: int


def fresh() -> Fresh:
    """Draw a P-256 key and a serial number of 159 random bits from the system's generator."""
    return Fresh(key=ec.generate_private_key(ec.SECP256R1()), serial=x509.random_serial_number())


def new_ca(common_name: str, *, fresh: Fresh, now: datetime, lifetime: timedelta = CA_LIFETIME) -> KeyPair:
    """A self-signed authority that may sign leaves only.

    `common_name` has 1 to 64 characters (RFC 5280), else ValueError; `now` carries its time zone.
    """
    name = _name(common_name)
    key = fresh.key.public_key()
    usage = _key_usage(signs_certificates=True)
    builder = (
        _builder(name, name, fresh=fresh, not_before=now - CLOCK_SKEW, not_after=now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
    )
    return _signed(builder, fresh, by=fresh.key)


def issue(
    ca: KeyPair,
    profile: Profile,
    *,
    common_name: str,
    names: Collection[str] = (),
    fresh: Fresh,
    now: datetime,
    lifetime: timedelta = LEAF_LIFETIME,
) -> KeyPair:
    """A leaf certificate signed by `ca`, which `check.ca_problem` must have passed.

    `names` are the DNS names and IP addresses it is valid for, taken literally; `common_name`, 1 to 64 characters, is
    for `Profile.CLIENT` the etcd user. It ends with its authority at the latest; raises ValueError if that has ended.
    """
    authority = x509.load_pem_x509_certificate(ca.certificate)
    signer = private_key(ca.key)
    not_after = min(now + lifetime, authority.not_valid_after_utc)
    if not_after <= now:
        ended = authority.not_valid_after_utc.isoformat()
        raise ValueError(
            f'the authority "{authority.subject.rfc4514_string()}" expired at {ended}: it can sign nothing'
        )
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name(common_name), authority.subject, fresh=fresh, not_before=now - CLOCK_SKEW, not_after=not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(profile.usage), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if names:
        builder = builder.add_extension(_alternative_names(names), critical=False)
    return _signed(builder, fresh, by=signer)


def bundle(*certificates: bytes) -> bytes:
    """One trust bundle of several PEM certificates, in their order, each once."""
    return b"".join(dict.fromkeys(certificate.strip() + b"\n" for certificate in certificates))


def private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The key in `pem`; raises ValueError if it is not an unencrypted elliptic-curve key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:  # how the library says "encrypted"
        raise ValueError(str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"an elliptic-curve key is needed, this is {type(key).__name__}")  # noqa: TRY004 - the bytes are wrong, not the type
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, *, fresh: Fresh, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    key = fresh.key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(fresh.serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, fresh: Fresh, *, by: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate=builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key=fresh.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Collection[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_alternative_name(name) for name in names])


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
