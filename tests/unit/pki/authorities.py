"""Builders for the tests of certificates: an authority and leaves, at a fixed moment."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from etcd_operator import pki

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("m0.orders.svc", "localhost", "127.0.0.1", "fd00::7")


def ca(common_name: str = "orders peer", *, now: datetime = NOW, lifetime: timedelta = pki.CA_LIFETIME) -> pki.KeyPair:
    """A new authority."""
    return pki.new_ca(common_name, fresh=pki.fresh(), now=now, lifetime=lifetime)


def leaf(
    authority: pki.KeyPair,
    profile: pki.Profile = pki.Profile.PEER,
    *,
    common_name: str = "m0",
    names: Collection[str] = NAMES,
    now: datetime = NOW,
    lifetime: timedelta = pki.LEAF_LIFETIME,
) -> pki.KeyPair:
    """A new leaf of `authority`."""
    return pki.issue(
        authority,
        profile,
        common_name=common_name,
        names=names,
        fresh=pki.fresh(),
        now=now,
        lifetime=lifetime,
    )
