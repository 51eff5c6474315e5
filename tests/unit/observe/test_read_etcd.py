"""Who is asked, with which credentials, and what counts as an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Unknown
from etcd_operator.observe import etcd as etcd_reader
from etcd_operator.observe.etcd import DEADLINE, IMPATIENT_DEADLINE
from etcd_operator.observe.kubernetes import Objects
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    CLUSTER_ID,
    IDENTITY,
    MEMBERS,
    Stage,
    a_member,
    a_member_list,
    a_node,
    a_pod,
    a_spec,
    a_status,
    an_observation,
    having,
    with_data,
    without,
)
from tests.unit.fakes import FakeEtcd

if TYPE_CHECKING:
    from etcd_operator.observation import Etcd, Node, Observation

A, B, C = (a_member(name) for name in MEMBERS[:3])
AGREED = a_member_list(A, B, C)


def answering(*names: str) -> FakeEtcd:
    """An etcd of which these members answer."""
    members = {member.name: member for member in (A, B, C)}
    return FakeEtcd(
        statuses={name: a_status(members[name], leader=A) for name in names}, lists=dict.fromkeys(names, AGREED)
    )


async def read(etcd: FakeEtcd, seen: Observation) -> Etcd:
    """Ask the members of `seen`."""
    objects = Objects(
        seen.cluster,
        seen.pods,
        seen.claims,
        seen.secrets,
        seen.services,
        seen.budgets,
        seen.strangers,
        seen.nodes,
    )
    return await etcd_reader.read(etcd, objects)


async def test_every_running_member_is_asked_at_the_address_of_its_pod() -> None:
    etcd = answering(*MEMBERS[:3])
    await read(etcd, an_observation(Stage.STABLE))
    assert {at.member: at.address for at in etcd.asked} == dict.fromkeys(MEMBERS[:3], "10.244.1.7:2379")


async def test_an_address_of_six_is_written_in_brackets() -> None:
    etcd = answering()
    pod = replace(a_pod(MEMBERS[0]), ip="fd00::7")
    await read(etcd, having(an_observation(Stage.STABLE), pod))
    assert "[fd00::7]:2379" in {at.address for at in etcd.asked}


async def test_a_member_that_does_not_run_is_not_asked() -> None:
    etcd = answering()
    waiting = replace(a_pod(MEMBERS[0], running=False), ip="10.244.1.7")
    await read(etcd, having(an_observation(Stage.STABLE), waiting))
    assert {at.member for at in etcd.asked} == {MEMBERS[1], MEMBERS[2]}


async def test_the_connections_to_members_that_are_gone_are_closed() -> None:
    etcd = answering()
    await read(etcd, without(an_observation(Stage.STABLE), Kind.POD, MEMBERS[0]))
    assert etcd.kept == {MEMBERS[1], MEMBERS[2]}


@pytest.mark.parametrize(("stage", "expected"), [(Stage.AGREED, None), (Stage.FORMED, CLUSTER_ID)])
async def test_a_formed_cluster_takes_answers_of_its_own_cluster_only(stage: Stage, expected: int | None) -> None:
    etcd = answering()
    await read(etcd, an_observation(stage))
    assert {at.cluster_id for at in etcd.asked} == {expected}


async def test_a_member_must_prove_its_own_name_and_is_shown_the_operators_certificate() -> None:
    etcd = answering()
    seen = an_observation(Stage.STABLE)
    await read(etcd, seen)
    tls, secret = etcd.asked[0].tls, seen.secrets[IDENTITY.operator_secret]
    assert tls is not None
    assert tls.server_name == f"{etcd.asked[0].member}.shop.svc"
    assert (tls.ca, tls.certificate, tls.key) == (
        secret.data["ca.crt"],
        secret.data["tls.crt"],
        secret.data["tls.key"],
    )


async def test_without_encryption_members_are_asked_in_plain_text() -> None:
    etcd = answering()
    await read(etcd, an_observation(Stage.STABLE, spec=a_spec(tls={"client": "Off", "peer": "Off"})))
    assert {at.tls for at in etcd.asked} == {None}


async def test_while_the_operators_certificate_is_missing_nobody_is_asked() -> None:
    seen = without(an_observation(Stage.STABLE), Kind.SECRET, IDENTITY.operator_secret)
    found = await read(answering(*MEMBERS[:3]), seen)
    assert found.views == {}
    assert isinstance(found.members, Unknown)


async def test_while_the_operators_trust_is_damaged_nobody_is_asked_and_the_pass_goes_on() -> None:
    seen = an_observation(Stage.STABLE)
    damaged = with_data(seen.secrets[IDENTITY.operator_secret], {"ca.crt": None})
    found = await read(answering(*MEMBERS[:3]), having(seen, damaged))
    assert isinstance(found.members, Unknown)


async def test_one_silent_member_does_not_keep_the_list_from_being_known() -> None:
    found = await read(answering(MEMBERS[1], MEMBERS[2]), an_observation(Stage.STABLE))
    assert found.members == AGREED
    silent = found.views[MEMBERS[0]]
    assert isinstance(silent.status, Unknown)
    assert "connection refused" in silent.status.reason
    assert not silent.healthy
    assert found.views[MEMBERS[1]].healthy


async def test_a_member_that_speaks_for_itself_only_is_not_healthy() -> None:
    etcd = answering(MEMBERS[0])
    etcd.lists.clear()
    found = await read(etcd, an_observation(Stage.STABLE))
    assert not found.views[MEMBERS[0]].healthy
    assert isinstance(found.members, Unknown)


async def test_when_nobody_answers_the_list_is_unknown_and_not_empty() -> None:
    found = await read(answering(), an_observation(Stage.STABLE))
    assert isinstance(found.members, Unknown)


async def test_when_nobody_runs_the_list_is_unknown_with_that_reason() -> None:
    found = await read(answering(), an_observation(Stage.NAMED))
    assert found.members == Unknown("no member runs")


async def test_it_is_known_where_each_member_was_asked() -> None:
    etcd = answering(*MEMBERS[:3])
    found = await read(etcd, an_observation(Stage.STABLE))
    assert set(found.endpoints) == set(MEMBERS[:3])
    assert set(found.endpoints.values()) == set(etcd.asked)


@pytest.mark.parametrize(
    ("nodes", "patience"),
    [
        ({"node-9": a_node("node-9", ready=False)}, IMPATIENT_DEADLINE),
        ({"node-9": a_node("node-9", exists=False, ready=False)}, IMPATIENT_DEADLINE),
        ({"node-9": a_node("node-9", cordoned=True)}, DEADLINE),
        ({}, DEADLINE),
        (Unknown("forbidden"), DEADLINE),
    ],
    ids=["away", "gone", "cordoned", "not known", "not to be read"],
)
async def test_the_answer_of_a_member_is_waited_for_less_long_when_its_node_is_away(
    nodes: dict[str, Node] | Unknown, patience: float
) -> None:
    etcd = answering(*MEMBERS[:3])
    seen = having(an_observation(Stage.STABLE), a_pod(MEMBERS[0], node="node-9", voter=True))
    await read(etcd, replace(seen, nodes=nodes))
    assert etcd.patience == {MEMBERS[0]: patience, MEMBERS[1]: DEADLINE, MEMBERS[2]: DEADLINE}
    assert IMPATIENT_DEADLINE < DEADLINE


async def test_the_answer_of_one_that_takes_no_clients_yet_is_waited_for_less_long() -> None:
    etcd = answering(*MEMBERS[:3])
    await read(etcd, having(an_observation(Stage.STABLE), a_pod(MEMBERS[2])))
    assert etcd.patience == {MEMBERS[0]: DEADLINE, MEMBERS[1]: DEADLINE, MEMBERS[2]: IMPATIENT_DEADLINE}


async def test_one_of_another_cluster_takes_no_part_whatever_its_metrics_port_says() -> None:
    etcd = answering(*MEMBERS[:2])
    etcd.current = set(MEMBERS[:3])
    etcd.elsewhere = {MEMBERS[2]}
    found = await read(etcd, having(an_observation(Stage.STABLE), a_pod(MEMBERS[2])))
    assert not found.views[MEMBERS[2]].takes_part


async def test_only_of_one_that_takes_no_clients_yet_the_metrics_port_is_asked_whether_it_takes_part() -> None:
    etcd = answering(*MEMBERS[:2])
    etcd.current = set(MEMBERS[:3])
    found = await read(etcd, having(an_observation(Stage.STABLE), a_pod(MEMBERS[2])))
    assert {name: view.takes_part for name, view in found.views.items()} == {
        MEMBERS[0]: False,
        MEMBERS[1]: False,
        MEMBERS[2]: True,
    }
    assert etcd.asked_of_itself == [MEMBERS[2]]
    assert {at.metrics_url for at in etcd.asked} == {"http://10.244.1.7:2381"}
