"""When a certificate has to be made anew, and when it can stay."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator import pki
from etcd_operator.pki import Profile, Reissue
from tests.unit.pki.authorities import DAY, NAMES, NOW, ca, leaf

AUTHORITY = ca()
OTHER = ca()
LEAF = leaf(AUTHORITY)
SECOND = timedelta(seconds=1)


def reason(
    pair: pki.KeyPair,
    profile: Profile = Profile.PEER,
    *,
    common_name: str = "m0",
    names: tuple[str, ...] = NAMES,
    bundle: bytes = AUTHORITY.certificate,
    after: timedelta = timedelta(),
) -> Reissue | None:
    return pki.reissue_reason(pair, profile, common_name=common_name, names=names, bundle=bundle, now=NOW + after)


@pytest.mark.parametrize("profile", list(Profile))
def test_what_was_just_issued_stays(profile: Profile) -> None:
    assert reason(leaf(AUTHORITY, profile), profile) is None


@given(names=st.permutations((*NAMES, "FD00:0:0:0:0:0:0:7")))
def test_neither_the_order_nor_the_spelling_of_addresses_matters(names: list[str]) -> None:
    assert reason(LEAF, names=tuple(names)) is None


def test_a_leaf_of_either_authority_in_the_bundle_stays() -> None:
    both = pki.bundle(OTHER.certificate, AUTHORITY.certificate)
    assert reason(leaf(AUTHORITY), bundle=both) is None
    assert reason(leaf(OTHER), bundle=both) is None


def encrypted(key: bytes) -> bytes:
    return serialization.load_pem_private_key(key, password=None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


def rsa_key() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: reason(pki.KeyPair(b"", LEAF.key)), Reissue.UNREADABLE),
        (lambda: reason(pki.KeyPair(LEAF.certificate[:-60], LEAF.key)), Reissue.UNREADABLE),
        (lambda: reason(pki.KeyPair(LEAF.certificate, b"nonsense")), Reissue.UNREADABLE),
        (lambda: reason(pki.KeyPair(LEAF.certificate, encrypted(LEAF.key))), Reissue.UNREADABLE),
        (lambda: reason(pki.KeyPair(LEAF.certificate, rsa_key())), Reissue.UNREADABLE),
        (lambda: reason(pki.KeyPair(LEAF.certificate, leaf(AUTHORITY).key)), Reissue.KEY_MISMATCH),
        (lambda: reason(leaf(OTHER)), Reissue.UNKNOWN_AUTHORITY),
        (lambda: reason(LEAF, bundle=b""), Reissue.UNKNOWN_AUTHORITY),
        (lambda: reason(LEAF, bundle=b"nonsense"), Reissue.UNKNOWN_AUTHORITY),
        (lambda: reason(LEAF, common_name="m1"), Reissue.SUBJECT),
        (lambda: reason(LEAF, names=NAMES[1:]), Reissue.NAMES),
        (lambda: reason(LEAF, names=(*NAMES, "one.more")), Reissue.NAMES),
        (lambda: reason(LEAF, names=()), Reissue.NAMES),
        (lambda: reason(LEAF, Profile.CLIENT), Reissue.USAGE),
        (lambda: reason(leaf(AUTHORITY, Profile.CLIENT)), Reissue.USAGE),
        (lambda: reason(AUTHORITY, common_name="orders peer", names=()), Reissue.USAGE),
    ],
)
def test_a_leaf_that_is_not_what_was_asked_for_is_made_anew(
    found: Callable[[], Reissue | None], expected: Reissue
) -> None:
    assert found() is expected


def test_an_authority_of_the_same_name_is_not_the_same_authority() -> None:
    namesake = ca("orders peer")
    assert reason(LEAF, bundle=namesake.certificate) is Reissue.UNKNOWN_AUTHORITY


def test_renewal_is_due_at_two_thirds_of_the_lifetime_to_the_second() -> None:
    renewed = pki.renew_at(LEAF.certificate)
    begin, end = NOW - timedelta(minutes=5), NOW + pki.LEAF_LIFETIME
    assert renewed == begin + (end - begin) * 2 / 3
    assert reason(LEAF, after=renewed - NOW - SECOND) is None
    assert reason(LEAF, after=renewed - NOW) is Reissue.DUE


def test_an_expired_leaf_is_due() -> None:
    assert reason(LEAF, after=2 * pki.LEAF_LIFETIME) is Reissue.DUE


def test_a_leaf_from_the_future_is_due_because_its_peers_would_refuse_it() -> None:
    assert reason(LEAF, after=-DAY) is Reissue.DUE


def test_an_operator_that_is_gone_for_four_months_expires_nothing() -> None:
    assert NOW + pki.LEAF_LIFETIME - pki.renew_at(LEAF.certificate) > 120 * DAY


def test_the_moment_of_renewal_of_what_is_no_certificate_is_an_error() -> None:
    with pytest.raises(ValueError, match="PEM"):
        pki.renew_at(b"nonsense")


@pytest.mark.parametrize(
    ("authority", "problem"),
    [
        (pki.KeyPair(b"nonsense", AUTHORITY.key), "cannot be read"),
        (pki.KeyPair(AUTHORITY.certificate, b"nonsense"), "cannot be read"),
        (pki.KeyPair(AUTHORITY.certificate, OTHER.key), "its key belongs to another certificate"),
        (LEAF, "not a certificate authority"),
        (ca(now=NOW - 20 * DAY, lifetime=10 * DAY), "expired at 2026-11-12T12:00:00"),
    ],
)
def test_an_authority_that_cannot_sign_says_why(authority: pki.KeyPair, problem: str) -> None:
    said = pki.ca_problem(authority, now=NOW)
    assert said is not None
    assert problem in said


def test_a_sound_authority_has_no_problem_until_its_last_second() -> None:
    assert pki.ca_problem(AUTHORITY, now=NOW) is None
    assert pki.ca_problem(AUTHORITY, now=NOW + pki.CA_LIFETIME - SECOND) is None
    assert pki.ca_problem(AUTHORITY, now=NOW + pki.CA_LIFETIME) is not None
