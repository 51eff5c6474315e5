"""What Secrets hold: certificates that serve, and a permission that ends when it is used up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator import pki
from etcd_operator.observation import Leaver
from etcd_operator.plan.credentials import keep, permission, permitted
from etcd_operator.plan.model import WriteCredentials
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN, initial_cluster
from tests.builders import (
    IDENTITY,
    MEMBERS,
    NOW,
    Stage,
    a_member,
    a_pod,
    a_spec,
    an_observation,
    having,
    listing,
    silent,
    with_data,
    with_learner,
    with_newcomers,
    with_record,
    without,
)
from tests.unit.plan.decide import decide, done, reasons, situation, written

CLIENT, OPERATOR = IDENTITY.client_secret, IDENTITY.operator_secret
PERMITTED = initial_cluster(IDENTITY, MEMBERS[:3], a_spec().tls)
A, B, LATE = a_member(MEMBERS[0]), a_member(MEMBERS[1]), a_member(MEMBERS[2], started=False)


def test_secrets_are_written_for_the_operator_the_applications_and_each_member() -> None:
    assert done(decide(an_observation(Stage.FOUNDED))) == {
        f"create credentials {name}" for name in (CLIENT, OPERATOR, *MEMBERS[:3])
    }


@pytest.mark.parametrize(
    ("client", "peer", "leaves", "bundles"),
    [
        ("Mutual", "Mutual", {"peer", "server"}, {"peer-ca.crt", "client-ca.crt"}),
        ("Server", "Mutual", {"peer", "server"}, {"peer-ca.crt", "client-ca.crt"}),
        ("Off", "Mutual", {"peer"}, {"peer-ca.crt"}),
        ("Mutual", "Off", {"server"}, {"client-ca.crt"}),
        ("Off", "Off", set(), set()),
    ],
)
def test_a_member_has_a_certificate_for_each_encrypted_port_signed_by_that_ports_authority(
    client: str, peer: str, leaves: set[str], bundles: set[str]
) -> None:
    seen = an_observation(Stage.FOUNDED, spec=a_spec(tls={"client": client, "peer": peer}))
    wanted = written(decide(seen), MEMBERS[0]).wanted
    assert {leaf.prefix for leaf in wanted.leaves} == leaves
    assert wanted.bundles.keys() == bundles
    authorities = {"peer": IDENTITY.peer_ca_secret, "server": IDENTITY.client_ca_secret}
    assert all(leaf.authority == authorities[leaf.prefix] for leaf in wanted.leaves)


@pytest.mark.parametrize(("mode", "keys"), [("Mutual", {"tls", "ca.crt"}), ("Server", {"ca.crt"}), ("Off", set())])
def test_an_application_is_given_what_the_client_port_asks_for_and_the_address_of_the_service(
    mode: str, keys: set[str]
) -> None:
    seen = an_observation(Stage.FOUNDED, spec=a_spec(tls={"client": mode, "peer": "Mutual"}))
    wanted = written(decide(seen), CLIENT).wanted
    assert {leaf.prefix for leaf in wanted.leaves} | wanted.bundles.keys() == keys
    scheme = "http" if mode == "Off" else "https"
    assert wanted.texts == {"endpoints": f"{scheme}://orders.shop.svc:2379"}


def test_no_secret_of_an_application_or_the_operator_is_signed_by_the_peers_authority() -> None:
    plan = decide(an_observation(Stage.FOUNDED))
    for name in (CLIENT, OPERATOR):
        assert {leaf.authority for leaf in written(plan, name).wanted.leaves} == {IDENTITY.client_ca_secret}
        assert {leaf.profile for leaf in written(plan, name).wanted.leaves} == {pki.Profile.CLIENT}


def test_before_the_formation_every_first_member_may_start_empty() -> None:
    plan = decide(an_observation(Stage.FOUNDED))
    for member in MEMBERS[:3]:
        assert written(plan, member).wanted.texts == {"initial-cluster": PERMITTED}


def test_the_permission_is_withdrawn_of_all_that_started_as_soon_as_the_formation_is_recorded() -> None:
    plan = decide(an_observation(Stage.FORMED))
    for member in MEMBERS[:3]:
        assert written(plan, member).wanted.texts == {"initial-cluster": WITHDRAWN}
        assert written(plan, member).issue == ()


def test_a_late_member_that_etcd_lists_as_never_started_keeps_its_permission() -> None:
    plan = decide(listing(an_observation(Stage.FORMED), A, B, LATE))
    names = {step.name for step in plan.steps if isinstance(step, WriteCredentials)}
    assert names == {MEMBERS[0], MEMBERS[1]}


def test_the_permission_of_a_late_member_is_withdrawn_once_it_started() -> None:
    seen = an_observation(Stage.STABLE)
    late = with_data(seen.secrets[MEMBERS[2]], {"initial-cluster": PERMITTED.encode()})
    assert done(decide(having(seen, late))) >= {f"write credentials {MEMBERS[2]}"}


def test_a_member_that_is_no_longer_in_etcds_list_has_no_permission() -> None:
    seen = listing(an_observation(Stage.FORMED), A, B)
    assert permission(situation(seen), MEMBERS[2]) == WITHDRAWN


@pytest.mark.parametrize("stands", [PERMITTED, WITHDRAWN])
def test_while_etcd_cannot_be_asked_a_permission_stays_as_it_is(stands: str) -> None:
    seen = silent(an_observation(Stage.STABLE))
    secret = with_data(seen.secrets[MEMBERS[2]], {"initial-cluster": stands.encode()})
    assert done(decide(having(seen, secret))) == set()


def test_a_secret_that_is_made_again_while_etcd_cannot_be_asked_permits_nothing() -> None:
    seen = without(silent(an_observation(Stage.STABLE)), Kind.SECRET, MEMBERS[2])
    assert written(decide(seen), MEMBERS[2]).wanted.texts == {"initial-cluster": WITHDRAWN}


def test_a_permission_that_somebody_emptied_becomes_none_while_etcd_cannot_be_asked() -> None:
    seen = silent(an_observation(Stage.STABLE))
    secret = with_data(seen.secrets[MEMBERS[2]], {"initial-cluster": None})
    assert written(decide(having(seen, secret)), MEMBERS[2]).wanted.texts == {"initial-cluster": WITHDRAWN}


@pytest.mark.parametrize("age", [timedelta(days=1), timedelta(days=240)])
def test_certificates_that_serve_for_long_are_left_alone(age: timedelta) -> None:
    assert done(decide(an_observation(Stage.STABLE, at=NOW + age))) == set()


def test_certificates_are_renewed_well_before_they_expire() -> None:
    plan = decide(an_observation(Stage.STABLE, at=NOW + timedelta(days=250)))
    assert {step.name: set(step.issue) for step in plan.steps if isinstance(step, WriteCredentials)} == {
        CLIENT: {"tls"},
        OPERATOR: {"tls"},
        **{member: {"peer", "server"} for member in MEMBERS[:3]},
    }


def test_only_the_certificate_that_is_damaged_is_made_anew() -> None:
    seen = an_observation(Stage.STABLE)
    damaged = with_data(seen.secrets[MEMBERS[1]], {"server.crt": b"garbage"})
    plan = decide(having(seen, damaged))
    assert done(plan) == {f"write credentials {MEMBERS[1]}"}
    assert written(plan, MEMBERS[1]).issue == ("server",)


@pytest.mark.parametrize("key", ["tls.key", "tls.crt"])
def test_a_missing_half_of_a_pair_is_made_anew_together_with_the_other(key: str) -> None:
    seen = an_observation(Stage.STABLE)
    plan = decide(having(seen, with_data(seen.secrets[CLIENT], {key: None})))
    assert written(plan, CLIENT).issue == ("tls",)


def test_a_trust_bundle_that_was_changed_by_hand_is_put_right_and_no_certificate_is_made_anew() -> None:
    seen = an_observation(Stage.STABLE)
    plan = decide(having(seen, with_data(seen.secrets[OPERATOR], {"ca.crt": b"garbage"})))
    assert written(plan, OPERATOR).issue == ()


def test_a_secret_is_written_only_as_the_one_that_was_seen() -> None:
    seen = an_observation(Stage.FORMED)
    assert written(decide(seen), MEMBERS[0]).target == seen.secrets[MEMBERS[0]].meta


@pytest.mark.parametrize(
    "damage",
    [{"tls.key": None}, {"tls.crt": b"garbage"}, {"ca.crt": None}, {"tls.key": b"", "tls.crt": b""}],
    ids=str,
)
def test_a_damaged_authority_is_reported_and_signs_nothing(damage: dict[str, bytes | None]) -> None:
    seen = without(an_observation(Stage.STABLE), Kind.SECRET, MEMBERS[0])
    plan = decide(having(seen, with_data(seen.secrets[IDENTITY.peer_ca_secret], damage)))
    assert f"create credentials {MEMBERS[0]}" not in done(plan)
    assert "AuthorityLost" in reasons(plan)


def test_an_authority_that_expired_is_reported_and_members_keep_running() -> None:
    seen = without(an_observation(Stage.STABLE, at=NOW + timedelta(days=4000)), Kind.POD, MEMBERS[0])
    plan = decide(seen)
    assert "AuthorityLost" in reasons(plan)
    assert f"create Pod {MEMBERS[0]}" in done(plan)


NEWCOMER = with_newcomers(an_observation(Stage.STABLE), MEMBERS[3], at_gate=False)


def test_the_secret_of_a_newcomer_names_etcds_own_list_and_itself() -> None:
    seen = with_record(an_observation(Stage.STABLE), joining=MEMBERS[3:5])
    plan = keep(situation(seen))
    assert plan is not None
    for newcomer in MEMBERS[3:5]:
        others = initial_cluster(IDENTITY, (*MEMBERS[:3], newcomer), a_spec().tls)
        assert written(plan, newcomer).wanted.texts == {"initial-cluster": others}


def test_the_secret_of_a_newcomer_names_a_member_that_is_not_ours_as_etcd_does() -> None:
    guest = replace(a_member("guest"), id=0xABC, peer_urls=("https://10.0.0.9:2380",))
    said = permission(situation(listing(NEWCOMER, A, B, a_member(MEMBERS[2]), guest)), MEMBERS[3])
    assert "abc=https://10.0.0.9:2380" in said.split(",")
    assert len(said.split(",")) == 5


def test_the_secret_of_a_newcomer_is_rewritten_when_the_list_has_changed() -> None:
    seen = listing(with_record(NEWCOMER, members=MEMBERS[:2]), A, B)
    plan = keep(situation(seen))
    assert plan is not None
    others = initial_cluster(IDENTITY, (*MEMBERS[:2], MEMBERS[3]), a_spec().tls)
    assert written(plan, MEMBERS[3]).wanted.texts == {"initial-cluster": others}
    assert written(plan, MEMBERS[3]).issue == ()


def test_a_newcomer_gets_no_secret_that_would_withdraw_what_was_never_permitted() -> None:
    seen = silent(with_record(an_observation(Stage.STABLE), joining=(MEMBERS[3],)))
    assert keep(situation(seen)) is None


def test_a_newcomer_that_has_run_gets_its_secret_back_without_a_permission_while_etcd_cannot_be_asked() -> None:
    alone = silent(with_record(an_observation(Stage.STABLE), joining=(MEMBERS[3],)))
    plan = keep(situation(having(alone, a_pod(MEMBERS[3]))))
    assert plan is not None
    assert written(plan, MEMBERS[3]).wanted.texts == {"initial-cluster": WITHDRAWN}
    assert keep(situation(having(alone, a_pod(MEMBERS[3], running=False)))) is None


def test_the_secret_of_a_newcomer_stays_as_it_is_while_etcd_cannot_be_asked() -> None:
    assert keep(situation(silent(NEWCOMER))) is None


def test_the_permission_of_a_learner_is_withdrawn_as_soon_as_it_has_started() -> None:
    assert keep(situation(with_learner(NEWCOMER, MEMBERS[3], started=False))) is None
    started = having(with_learner(NEWCOMER, MEMBERS[3]), NEWCOMER.secrets[MEMBERS[3]])
    plan = keep(situation(started))
    assert plan is not None
    assert written(plan, MEMBERS[3]).wanted.texts == {"initial-cluster": WITHDRAWN}


def test_a_permission_that_was_withdrawn_is_never_given_again() -> None:
    secret = with_data(NEWCOMER.secrets[MEMBERS[3]], {"initial-cluster": WITHDRAWN.encode()})
    seen = having(NEWCOMER, secret)
    assert not permitted(situation(seen), MEMBERS[3])
    assert not permitted(situation(with_learner(seen, MEMBERS[3], started=False)), MEMBERS[3])
    assert keep(situation(seen)) is None


def test_only_a_newcomer_may_start_empty_without_a_place_in_the_list() -> None:
    seen = listing(with_record(NEWCOMER, joining=()), A, B)
    assert not permitted(situation(seen), MEMBERS[2])
    assert not permitted(situation(seen), MEMBERS[3])
    assert permitted(situation(NEWCOMER), MEMBERS[3])


def test_nobody_who_left_gets_a_secret() -> None:
    left = (Leaver(MEMBERS[4], keep_claim=False),)
    assert keep(situation(with_record(an_observation(Stage.STABLE), left=left))) is None
