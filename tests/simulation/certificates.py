"""Whether a TLS handshake would succeed, as far as the two certificates decide it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

if TYPE_CHECKING:
    from datetime import datetime


def accepted(certificate: bytes | None, *, trust: bytes, now: datetime) -> bool:
    """Whether a side that trusts the authorities in `trust` (PEM) accepts `certificate` (PEM) at this moment."""
    if certificate is None or not _issued(certificate, trust):
        return False
    first, last = _lifetime(certificate)
    return first <= now < last


@lru_cache(maxsize=4096)
def _lifetime(certificate: bytes) -> tuple[datetime, datetime]:
    parsed = x509.load_pem_x509_certificate(certificate)
    return parsed.not_valid_before_utc, parsed.not_valid_after_utc


@lru_cache(maxsize=4096)
def _issued(certificate: bytes, trust: bytes) -> bool:
    leaf = x509.load_pem_x509_certificate(certificate)
    for authority in x509.load_pem_x509_certificates(trust):
        try:
            leaf.verify_directly_issued_by(authority)
        except (ValueError, InvalidSignature):
            continue
        return True
    return False
