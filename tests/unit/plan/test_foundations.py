"""What stands before the first process: and what is never made again afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.observation import Departure, Leaver, Removal
from etcd_operator.plan.foundations import lay
from etcd_operator.plan.model import CreateAuthority, Patch, WriteCredentials
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    IDENTITY,
    MEMBERS,
    Stage,
    a_budget,
    a_claim,
    a_member,
    a_service,
    a_spec,
    an_observation,
    having,
    listing,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.fakes import merged
from tests.unit.plan.decide import body_of, decide, deleted, done, reasons, situation

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation, Service

PEER_CA, CLIENT_CA = IDENTITY.peer_ca_secret, IDENTITY.client_ca_secret


def test_everything_that_members_need_is_laid_at_once_and_no_pod_before_it() -> None:
    assert done(decide(an_observation(Stage.NAMED))) == {
        f"create authority {PEER_CA}",
        f"create authority {CLIENT_CA}",
        "create Service orders",
        "create PodDisruptionBudget orders",
        *(f"create {kind} {member}" for kind in ("Service", "PersistentVolumeClaim") for member in MEMBERS[:3]),
    }


@pytest.mark.parametrize(
    ("client", "peer", "made"),
    [
        ("Mutual", "Mutual", {PEER_CA, CLIENT_CA}),
        ("Server", "Mutual", {PEER_CA, CLIENT_CA}),
        ("Off", "Mutual", {PEER_CA}),
        ("Mutual", "Off", {CLIENT_CA}),
        ("Off", "Off", set()),
    ],
)
def test_an_authority_is_made_for_each_encrypted_port_and_never_one_for_both(
    client: str, peer: str, made: set[str]
) -> None:
    seen = an_observation(Stage.NAMED, spec=a_spec(tls={"client": client, "peer": peer}))
    assert {step.name for step in decide(seen).steps if isinstance(step, CreateAuthority)} == made


def test_an_authority_can_be_signed_for_the_longest_names_that_kubernetes_takes() -> None:
    seen = an_observation(Stage.NAMED)
    meta = replace(seen.cluster.meta, name="o" * 52)
    seen = replace(seen, cluster=replace(seen.cluster, meta=meta, namespace="n" * 63))
    authorities = [step for step in decide(seen).steps if isinstance(step, CreateAuthority)]
    assert len(authorities) == 2
    assert all(1 <= len(step.common_name) <= 64 for step in authorities)


@pytest.mark.parametrize(("size", "kept"), [(1, 1), (3, 2), (5, 3), (7, 4)])
def test_the_budget_keeps_a_quorum(size: int, kept: int) -> None:
    plan = decide(an_observation(Stage.NAMED, members=size))
    assert body_of(plan, "PodDisruptionBudget", "orders")["spec"]["minAvailable"] == kept


@pytest.mark.parametrize("stage", [Stage.FOUNDED, Stage.STABLE])
@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_a_budget_of_another_size_is_put_right(stage: Stage, wrong: int) -> None:
    patches = [
        step
        for step in decide(having(an_observation(stage), a_budget(wrong))).steps
        if isinstance(step, Patch) and step.kind is Kind.BUDGET
    ]
    assert [step.patch for step in patches] == [{"spec": {"minAvailable": 2, "maxUnavailable": None}}]


RIGHT = a_budget(2)
FOREIGN_SELECTORS = [
    {},
    {"matchLabels": {"app": "theirs"}},
    {**RIGHT.selector, "matchExpressions": [{"key": "canary", "operator": "DoesNotExist"}]},
]


@pytest.mark.parametrize("selector", FOREIGN_SELECTORS, ids=json.dumps)
def test_a_budget_that_somebody_made_count_other_pods_counts_the_voters_again(selector: Json) -> None:
    for seen in (an_observation(Stage.STABLE), silent(an_observation(Stage.STABLE))):
        (patch,) = patches_of(having(seen, replace(RIGHT, selector=selector)), Kind.BUDGET)
        assert merged({"selector": selector}, patch["spec"]) == {"selector": RIGHT.selector}


CLIENT = a_service("orders")
MEMBER = a_service(MEMBERS[0], member=True)


def edited(service: Service, **parts: Any) -> Service:
    return replace(service, spec={**service.spec, **parts})


@pytest.mark.parametrize(
    "wrong",
    [
        edited(CLIENT, selector={"app": "theirs"}),
        edited(CLIENT, selector={**CLIENT.spec["selector"], "app": "theirs"}),
        edited(CLIENT, selector={}),
        edited(CLIENT, ports=[{**CLIENT.spec["ports"][0], "targetPort": 2380}]),
        edited(CLIENT, ports=[{**CLIENT.spec["ports"][0], "port": 2389}]),
        edited(CLIENT, publishNotReadyAddresses=True),
        edited(MEMBER, ports=MEMBER.spec["ports"][1:]),
        edited(MEMBER, publishNotReadyAddresses=False),
    ],
    ids=lambda service: json.dumps(service.spec),
)
def test_a_service_that_somebody_led_elsewhere_leads_to_its_members_again(wrong: Service) -> None:
    right = {CLIENT.meta.name: CLIENT, MEMBER.meta.name: MEMBER}[wrong.meta.name]
    (patch,) = patches_of(having(an_observation(Stage.STABLE), wrong), Kind.SERVICE)
    assert {"publishNotReadyAddresses": False, **merged(wrong.spec, patch["spec"])} == {
        "publishNotReadyAddresses": False,
        **right.spec,
    }


@pytest.mark.parametrize(
    "usual",
    [
        edited(CLIENT, type="LoadBalancer", ports=[{**CLIENT.spec["ports"][0], "nodePort": 31234}]),
        edited(CLIENT, ports=[*CLIENT.spec["ports"], {"name": "metrics", "port": 2381}]),
        edited(CLIENT, sessionAffinity="ClientIP", clusterIP="10.96.0.7"),
        edited(MEMBER, internalTrafficPolicy="Cluster"),
    ],
    ids=lambda service: json.dumps(service.spec),
)
def test_what_else_somebody_wants_of_a_service_is_left_to_them(usual: Service) -> None:
    assert patches_of(having(an_observation(Stage.STABLE), usual), Kind.SERVICE) == []


def test_ports_that_users_added_outlive_the_repair_of_ours() -> None:
    (port,) = CLIENT.spec["ports"]
    metrics = {"name": "metrics", "port": 2381}
    mistaken = {**port, "targetPort": 9, "nodePort": 31234, "appProtocol": "grpc"}
    in_the_way = {"name": "web", "port": 2379, "protocol": "TCP"}
    (patch,) = patches_of(having(an_observation(Stage.STABLE), edited(CLIENT, ports=[metrics, mistaken])), Kind.SERVICE)
    assert patch["spec"]["ports"] == [{**port, "nodePort": 31234, "appProtocol": "grpc"}, metrics]
    (patch,) = patches_of(having(an_observation(Stage.STABLE), edited(CLIENT, ports=[in_the_way])), Kind.SERVICE)
    assert patch["spec"]["ports"] == [port]


def patches_of(seen: Observation, kind: Kind) -> list[Json]:
    plan = lay(situation(seen))
    steps = () if plan is None else plan.steps
    assert all(isinstance(step, Patch) for step in steps)
    return [step.patch for step in steps if isinstance(step, Patch) and step.kind is kind]


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        (Kind.SERVICE, "orders", "create Service orders"),
        (Kind.SERVICE, MEMBERS[1], f"create Service {MEMBERS[1]}"),
        (Kind.BUDGET, "orders", "create PodDisruptionBudget orders"),
    ],
)
def test_what_is_deleted_by_hand_is_made_again_after_the_formation_too(kind: Kind, name: str, word: str) -> None:
    assert word in done(decide(without(an_observation(Stage.STABLE), kind, name)))


@pytest.mark.parametrize("stage", [Stage.FOUNDED, Stage.CREDENTIALED, Stage.STARTED])
def test_a_claim_that_is_gone_before_the_formation_is_made_again(stage: Stage) -> None:
    plan = decide(without(an_observation(stage), Kind.CLAIM, MEMBERS[0]))
    assert f"create PersistentVolumeClaim {MEMBERS[0]}" in done(plan)


@pytest.mark.parametrize("stage", [Stage.FORMED, Stage.WITHDRAWN, Stage.STABLE])
@pytest.mark.parametrize("answered", [True, False])
def test_no_claim_of_a_member_that_started_is_ever_made_again_after_the_formation(
    stage: Stage, *, answered: bool
) -> None:
    seen = without(an_observation(stage), Kind.CLAIM)
    plan = decide(seen if answered else silent(seen))
    assert not any("PersistentVolumeClaim" in word for word in done(plan))
    assert BlockReason.DATA_LOST in reasons(plan)


@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.STABLE])
@pytest.mark.parametrize("name", [PEER_CA, CLIENT_CA])
def test_an_authority_that_is_gone_is_never_replaced_while_its_certificates_are_in_use(stage: Stage, name: str) -> None:
    plan = decide(without(an_observation(stage), Kind.SECRET, name))
    assert not any(isinstance(step, CreateAuthority) for step in plan.steps)
    assert BlockReason.AUTHORITY_LOST in reasons(plan)
    assert any(name in block.message for block in plan.blocked)


def test_an_authority_of_a_formed_cluster_is_never_replaced_although_no_pod_is_there() -> None:
    plan = decide(without(without(an_observation(Stage.STABLE), Kind.POD), Kind.SECRET, PEER_CA))
    assert not any(isinstance(step, CreateAuthority) for step in plan.steps)
    assert BlockReason.AUTHORITY_LOST in reasons(plan)


def test_no_new_authority_is_made_under_running_members_when_every_secret_is_gone() -> None:
    plan = decide(without(an_observation(Stage.STABLE), Kind.SECRET))
    assert not any(isinstance(step, CreateAuthority | WriteCredentials) for step in plan.steps)
    assert BlockReason.AUTHORITY_LOST in reasons(plan)


def test_members_keep_their_pods_while_an_authority_is_lost() -> None:
    seen = without(an_observation(Stage.STABLE), Kind.SECRET, PEER_CA)
    assert f"create Pod {MEMBERS[1]}" in done(decide(without(seen, Kind.POD, MEMBERS[1])))


@pytest.mark.parametrize(
    ("policy", "owner", "references"),
    [("Delete", None, [IDENTITY.uid]), ("Retain", IDENTITY.uid, [])],
)
def test_claims_are_given_the_owner_that_the_policy_wants(
    policy: str, owner: str | None, references: list[str]
) -> None:
    seen = with_spec(an_observation(Stage.STABLE), storage={"onDelete": policy})
    seen = having(seen, *(a_claim(member, owner=owner) for member in MEMBERS[:3]))
    patches = [step for step in decide(seen).steps if isinstance(step, Patch) and step.kind is Kind.CLAIM]
    assert {step.name for step in patches} == set(MEMBERS[:3])
    for step in patches:
        assert [found["uid"] for found in step.patch["metadata"]["ownerReferences"]] == references


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_claim_that_somebody_else_controls_is_left_to_its_owner(policy: str) -> None:
    seen = an_observation(Stage.STABLE, spec=a_spec(storage={"onDelete": policy}))
    seen = having(seen, a_claim(MEMBERS[0], owner="somebody-else"))
    assert done(decide(seen)) == set()


def test_nothing_is_laid_while_the_record_speaks_of_no_member() -> None:
    assert done(decide(with_record(an_observation(Stage.EMPTY), members=()))) == set()


def budget_of(seen: Observation) -> int | None:
    """The budget that is written; None if none is."""
    plan = lay(situation(seen))
    patches = [step for step in (() if plan is None else plan.steps) if isinstance(step, Patch)]
    assert all(step.kind is Kind.BUDGET for step in patches)
    return next((step.patch["spec"]["minAvailable"] for step in patches), None)


LISTED = tuple(a_member(name) for name in MEMBERS[:3])
NEWCOMER = with_spec(with_newcomers(an_observation(Stage.STABLE), MEMBERS[3], at_gate=False), replicas=5)
LEARNER = with_learner(NEWCOMER, MEMBERS[3])


def test_the_budget_is_raised_before_a_learner_votes() -> None:
    assert budget_of(LEARNER) == 3
    assert budget_of(having(LEARNER, a_budget(3))) is None


NOT_YET: dict[str, Observation] = {
    "it waits at the gate": NEWCOMER,
    "it has not started": with_learner(NEWCOMER, MEMBERS[3], started=False),
    "it is behind": with_learner(NEWCOMER, MEMBERS[3], applied=1),
    "nobody wants it": with_record(LEARNER, joining=()),
    "a learner that is not ours keeps it from voting": listing(
        LEARNER,
        *LISTED,
        a_member(MEMBERS[3], learner=True),
        replace(a_member("guest", learner=True), peer_urls=("https://10.0.0.9:2380",)),
    ),
}


@pytest.mark.parametrize("seen", NOT_YET.values(), ids=NOT_YET)
def test_a_stuck_newcomer_never_blocks_a_drain_for_the_budget_does_not_count_it_while(seen: Observation) -> None:
    assert budget_of(seen) is None
    assert budget_of(having(seen, a_budget(3))) == 2


def test_the_budget_is_lowered_only_when_the_member_has_left_the_list() -> None:
    five = an_observation(Stage.STABLE, members=5)
    leaving = with_record(five, removing=Removal(MEMBERS[4], Departure.SCALE_IN, "one too many"))
    assert budget_of(leaving) is None
    four = listing(leaving, *LISTED, a_member(MEMBERS[3]))
    assert budget_of(four) is None
    three = listing(with_record(leaving, members=MEMBERS[:3], removing=None), *LISTED)
    assert budget_of(three) == 2


def test_the_budget_counts_voters_that_are_not_ours() -> None:
    assert budget_of(listing(an_observation(Stage.STABLE), *LISTED, a_member("guest"))) == 3


@pytest.mark.parametrize("stands", [1, 2, 3])
def test_the_budget_stays_as_it_is_while_etcd_cannot_be_asked(stands: int) -> None:
    assert budget_of(having(silent(an_observation(Stage.STABLE)), a_budget(stands))) is None


def test_a_budget_that_is_gone_while_etcd_cannot_be_asked_counts_the_members_on_record() -> None:
    seen = without(silent(an_observation(Stage.STABLE, members=5)), Kind.BUDGET)
    plan = lay(situation(seen))
    assert plan is not None
    assert body_of(plan, "PodDisruptionBudget", "orders")["spec"]["minAvailable"] == 3


def test_all_that_newcomers_need_is_laid_at_once() -> None:
    seen = with_record(an_observation(Stage.STABLE), joining=MEMBERS[3:5])
    plan = lay(situation(seen))
    assert plan is not None
    assert done(plan) == {
        f"create {kind} {member}" for kind in ("Service", "PersistentVolumeClaim") for member in MEMBERS[3:5]
    }


def test_no_claim_of_a_newcomer_is_made_while_etcd_may_list_it_as_started() -> None:
    seen = silent(with_record(an_observation(Stage.STABLE), joining=(MEMBERS[3],)))
    plan = lay(situation(seen))
    assert plan is not None
    assert done(plan) == {f"create Service {MEMBERS[3]}"}


def test_no_claim_of_a_newcomer_that_has_started_is_made_again() -> None:
    plan = lay(situation(without(LEARNER, Kind.CLAIM, MEMBERS[3])))
    assert plan is None or "PersistentVolumeClaim" not in str(done(plan))


def test_nothing_is_laid_for_who_has_left() -> None:
    left = (Leaver(MEMBERS[4], keep_claim=False),)
    assert lay(situation(with_record(an_observation(Stage.STABLE), left=left))) is None


def test_a_volume_that_is_lost_before_its_member_ever_started_makes_way_for_another() -> None:
    seen = having(an_observation(Stage.STARTED), a_claim(MEMBERS[0], lost=True))
    assert deleted(decide(seen)) == {f"delete Pod {MEMBERS[0]}"}
    assert deleted(decide(without(seen, Kind.POD, MEMBERS[0]))) == {f"delete PersistentVolumeClaim {MEMBERS[0]}"}


def test_the_claim_of_a_member_that_has_started_is_not_deleted_for_its_lost_volume() -> None:
    seen = having(an_observation(Stage.STABLE), a_claim(MEMBERS[0], lost=True))
    assert deleted(decide(without(silent(seen, MEMBERS[0]), Kind.POD, MEMBERS[0]))) == set()
