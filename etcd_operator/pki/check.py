"""Says when a certificate must be made anew, and why. Pure, and cached: each pass asks, and hardly anything changes."""

import ipaddress
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from etcd_operator.pki.issue import KeyPair, Profile, private_key

_CACHE = 1024


class Reissue(StrEnum):
    """Why a leaf certificate must be made anew, the gravest reason first."""

    UNREADABLE = "Unreadable"
    KEY_MISMATCH = "KeyMismatch"
    UNKNOWN_AUTHORITY = "UnknownAuthority"
    SUBJECT = "Subject"
    NAMES = "Names"
    USAGE = "Usage"
    DUE = "Due"


def renew_at(certificate: bytes) -> datetime:
    """The moment, two thirds of its lifetime, from which on a certificate (PEM) is to be renewed; raises ValueError."""
    not_before, not_after = _lifetime(certificate)
    return not_before + (not_after - not_before) * 2 / 3


def reissue_reason(
    leaf: KeyPair,
    profile: Profile,
    *,
    common_name: str,
    names: Collection[str] = (),
    bundle: bytes,
    now: datetime,
) -> Reissue | None:
    """Why `leaf` must be made anew; None if it can stay.

    It can stay if it is signed by an authority in `bundle` (PEM, one or more), is what `issue` would make for
    `profile`, `common_name` and `names` (in any order), fits its key, and is neither due nor from the future.
    """
    defect = _defect(leaf, profile, common_name, frozenset(_normal(name) for name in names), bundle)
    if defect is not None:
        return defect
    not_before, _ = _lifetime(leaf.certificate)
    return None if not_before <= now < renew_at(leaf.certificate) else Reissue.DUE


def ca_problem(ca: KeyPair, *, now: datetime) -> str | None:
    """Why this authority, as read back from where it is stored, cannot sign: a clause for people; None if it can."""
    defect = _ca_defect(ca)
    if defect is not None:
        return defect
    _, not_after = _lifetime(ca.certificate)
    return None if now < not_after else f"it expired at {not_after.isoformat()}"


@lru_cache(maxsize=_CACHE)
def _lifetime(certificate: bytes) -> tuple[datetime, datetime]:
    parsed = x509.load_pem_x509_certificate(certificate)
    return parsed.not_valid_before_utc, parsed.not_valid_after_utc


@lru_cache(maxsize=_CACHE)
def _defect(leaf: KeyPair, profile: Profile, common_name: str, names: frozenset[str], bundle: bytes) -> Reissue | None:
    try:
        certificate = x509.load_pem_x509_certificate(leaf.certificate)
        stands = {
            Reissue.KEY_MISMATCH: private_key(leaf.key).public_key() == certificate.public_key(),
            Reissue.UNKNOWN_AUTHORITY: any(_issued(certificate, by=ca) for ca in _authorities(bundle)),
            Reissue.SUBJECT: _subject(certificate) == [common_name],
            Reissue.NAMES: _names(certificate) == names,
            Reissue.USAGE: _usage(certificate) == frozenset(profile.usage),
        }
    except ValueError:
        return Reissue.UNREADABLE
    return next((reason for reason, holds in stands.items() if not holds), None)


@lru_cache(maxsize=_CACHE)
def _ca_defect(ca: KeyPair) -> str | None:
    try:
        certificate = x509.load_pem_x509_certificate(ca.certificate)
        key = private_key(ca.key)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except ValueError as error:
        return f"it cannot be read: {error}"
    except x509.ExtensionNotFound as error:
        return f"it is not a certificate authority: {error}"
    if not constraints.ca:
        return "it is not a certificate authority: its basic constraints say CA:FALSE"
    if key.public_key() != certificate.public_key():
        return "its key belongs to another certificate"
    return None


def _authorities(bundle: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return []


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _subject(certificate: x509.Certificate) -> list[str | bytes]:
    return [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(str(name.value) for name in names)


def _usage(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()


@lru_cache(maxsize=_CACHE)
def _normal(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
