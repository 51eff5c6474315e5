"""The whole status: what it says of each member, and that a stable cluster's is never written again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.observation import Cause, Problem
from etcd_operator.observe import parse
from etcd_operator.plan.model import Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.status import document
from tests.builders import (
    CLUSTER_ID,
    IDENTITY,
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_member,
    a_node,
    a_pod,
    a_status,
    an_observation,
    deserting,
    having,
    listing,
    on_nodes,
    silent,
    with_learner,
    with_newcomers,
    with_spec,
    with_status,
    without,
)
from tests.unit.fakes import merged
from tests.unit.status.write import status_of

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json

STABLE = an_observation(Stage.STABLE)
A, B, C = (a_member(name) for name in MEMBERS[:3])


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("answered", [True, False])
def test_a_status_that_stands_is_not_written_again(stage: Stage, *, answered: bool) -> None:
    seen = an_observation(stage)
    seen = seen if answered else silent(seen)
    stands = status_of(seen)
    later = replace(with_status(seen, stands), at=NOW + timedelta(hours=3))
    assert document.patch(stands, status_of(later)) == {}


def test_what_moves_by_itself_is_not_in_the_status() -> None:
    stands = status_of(STABLE)
    views = {
        name: replace(view, status=replace(a_status(member, leader=A, revision=4711), raft_index=99, db_size=1 << 30))
        for member in (A, B, C)
        for name, view in STABLE.etcd.views.items()
        if name == member.name
    }
    grown = replace(with_status(STABLE, stands), etcd=replace(STABLE.etcd, views=views))
    assert document.patch(stands, status_of(grown)) == {}


def test_each_member_is_described_as_etcd_and_kubernetes_know_it() -> None:
    first, second, _ = status_of(STABLE)["members"]
    assert first == {
        "name": MEMBERS[0],
        "id": f"{A.id:x}",
        "role": "Voter",
        "phase": "Healthy",
        "version": "3.6.16",
        "leader": True,
        "node": "node-1",
    }
    assert second["leader"] is False


def test_a_member_that_does_not_answer_says_why() -> None:
    last = status_of(silent(STABLE, MEMBERS[2], reason="no answer before the deadline"))["members"][2]
    assert (last["phase"], last["reason"]) == ("Unhealthy", "no answer before the deadline")
    assert "version" not in last


def test_a_member_without_a_pod_is_missing() -> None:
    seen = without(silent(STABLE, MEMBERS[2]), Kind.POD, MEMBERS[2])
    views = {name: view for name, view in seen.etcd.views.items() if name != MEMBERS[2]}
    last = status_of(replace(seen, etcd=replace(seen.etcd, views=views)))["members"][2]
    assert (last["phase"], last["reason"]) == ("Missing", "no Pod")


def test_a_member_whose_pod_is_gone_from_a_node_that_is_away_keeps_its_node_and_says_why_it_has_no_other() -> None:
    seen = deserting(silent(on_nodes(STABLE, node_3=a_node("node-3", ready=False)), MEMBERS[2]), MEMBERS[2])
    last = status_of(seen)["members"][2]
    assert (last["phase"], last["node"]) == ("Missing", "node-3")
    assert last["reason"] == "no Pod while node node-3 is away, where its etcd may still run"


def test_members_that_were_told_to_stop_are_on_no_node() -> None:
    seen = with_spec(deserting(silent(on_nodes(STABLE), MEMBERS[2]), MEMBERS[2]), replicas=0)
    assert "node" not in status_of(seen)["members"][2]


def test_a_member_that_cannot_start_says_so_in_kubernetes_words() -> None:
    problem = Problem(Cause.UNSCHEDULABLE, "0/3 nodes are available")
    pod = a_pod(MEMBERS[0], running=False, problem=problem)
    first = status_of(having(an_observation(Stage.STARTED), pod))["members"][0]
    assert (first["phase"], first["reason"]) == ("Blocked", "Unschedulable: 0/3 nodes are available")


def test_a_member_that_somebody_added_to_etcd_is_listed_too() -> None:
    seen = listing(STABLE, A, B, C, replace(a_member("guest", learner=True), id=0xABC, name=""))
    guest = status_of(seen)["members"][3]
    assert (guest["name"], guest["id"], guest["role"]) == ("abc", "abc", "Learner")
    assert status_of(seen)["readyReplicas"] == 3


def test_while_etcd_is_silent_the_recorded_members_are_listed() -> None:
    found = status_of(silent(STABLE))
    assert [member["name"] for member in found["members"]] == list(MEMBERS[:3])
    assert found["replicas"] == 3
    assert found["ready"] == "0/3"


def test_the_record_is_what_a_later_pass_reads_back() -> None:
    found = status_of(STABLE)
    assert found["clusterID"] == f"{CLUSTER_ID:x}"
    assert found["membership"] == {"members": list(MEMBERS[:3]), "version": "3.6.16"}


def test_an_intention_is_in_the_status_before_it_is_carried_out() -> None:
    found = status_of(an_observation(Stage.EMPTY))
    assert len(found["membership"]["members"]) == 3


def test_it_tells_applications_where_and_with_what_to_connect() -> None:
    found = status_of(STABLE)
    assert found["endpoints"] == "https://orders.shop.svc:2379"
    assert (found["clientService"], found["clientSecret"]) == ("orders", "orders-client")


def test_the_selector_of_the_scale_subresource_selects_this_clusters_voters() -> None:
    assert status_of(STABLE)["selector"] == (
        f"etcd-operator.dev/cluster-uid={IDENTITY.uid},etcd-operator.dev/role=voter"
    )


@pytest.mark.parametrize(
    ("owners", "policy"),
    [
        ((None, None, None), "Retain"),
        ((IDENTITY.uid, IDENTITY.uid, IDENTITY.uid), "Delete"),
        ((IDENTITY.uid, None, IDENTITY.uid), "Retain"),
    ],
)
def test_the_policy_is_the_one_in_force_and_not_the_one_asked_for(owners: tuple[str | None, ...], policy: str) -> None:
    claims = (a_claim(member, owner=owner) for member, owner in zip(MEMBERS, owners, strict=False))
    assert status_of(having(STABLE, *claims))["onDelete"] == policy


@pytest.mark.parametrize(
    ("versions", "lowest"),
    [
        (("3.6.16", "3.6.16", "3.6.16"), "3.6.16"),
        (("3.6.9", "3.6.16", "3.6.16"), "3.6.9"),
        (("3.7.0-rc.1", "3.6.16", "3.7.0-rc.1"), "3.6.16"),
    ],
)
def test_the_version_is_the_lowest_that_a_member_runs(versions: tuple[str, ...], lowest: str) -> None:
    views = {
        member.name: replace(STABLE.etcd.views[member.name], status=a_status(member, leader=A, version=version))
        for member, version in zip((A, B, C), versions, strict=True)
    }
    assert status_of(replace(STABLE, etcd=replace(STABLE.etcd, views=views)))["version"] == lowest


def test_the_version_that_was_last_known_stays_while_nobody_answers() -> None:
    assert status_of(with_status(silent(STABLE), {"version": "3.6.16"}))["version"] == "3.6.16"


def test_the_plan_is_dated_from_its_first_appearance() -> None:
    stands = status_of(STABLE)
    later = replace(with_status(STABLE, stands), at=NOW + timedelta(hours=1))
    assert status_of(later)["plan"]["since"] == "2026-11-22T12:00:00Z"
    other = Plan("RunMembers", "orders-bbbbb has no Pod", later.cluster.record)
    assert status_of(later, other)["plan"]["since"] == "2026-11-22T13:00:00Z"


def test_what_the_operator_chose_stands_there_with_the_reason_for_the_smallest_volume() -> None:
    grown = having(with_spec(STABLE, storage={"size": "16Gi"}), a_claim(MEMBERS[0], size="16Gi"))
    chosen = {choice["setting"]: choice for choice in status_of(grown)["tuning"]}
    assert chosen["etcd.quota"] == {
        "setting": "etcd.quota",
        "value": "4Gi",
        "reason": "half of the volume of 8Gi: logs, snapshots and defragmentation need the rest",
    }
    assert set(chosen) > {"etcd.quota", "etcd.snapshotCount"}


def test_below_what_the_largest_volume_of_a_member_holds_the_spec_cannot_go() -> None:
    assert status_of(having(STABLE, a_claim(MEMBERS[0], size="8Gi", capacity="16Gi")))["storage"] == "16Gi"
    assert status_of(having(STABLE, a_claim(MEMBERS[0], size="900Gi", capacity="8Gi")))["storage"] == "8Gi"
    assert status_of(having(STABLE, a_claim(MEMBERS[3], size="900Gi")))["storage"] == "8Gi"
    assert "storage" not in status_of(an_observation(Stage.NAMED))


def test_what_is_likely_to_make_trouble_is_said() -> None:
    assert "warning" not in status_of(STABLE)
    tight = with_spec(STABLE, resources={"limits": {"memory": "1Gi"}}, etcd={"quota": "2Gi"})
    assert "below etcd's quota" in status_of(tight)["warning"]


def test_no_secret_is_in_the_status() -> None:
    assert "PRIVATE KEY" not in str(status_of(STABLE))


json = st.recursive(
    st.sampled_from([True, 0, 7, "", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), json, max_size=4)


@given(old=objects, new=objects)
def test_the_patch_turns_any_status_into_the_new_one_as_the_api_server_merges_it(old: Json, new: Json) -> None:
    assert merged(old, document.patch(old, new)) == new


@given(status=objects)
def test_the_patch_of_what_stands_is_empty(status: Json) -> None:
    assert document.patch(status, status) == {}


def test_a_key_that_another_version_of_the_operator_wrote_is_taken_away_at_every_depth() -> None:
    old = {"plan": {"action": "Stable", "budget": 3}, "recovery": {"step": 1}}
    assert document.patch(old, {"plan": {"action": "Stable"}}) == {"plan": {"budget": None}, "recovery": None}


FULL = {
    "members": list(MEMBERS[:3]),
    "joining": [MEMBERS[3]],
    "removing": {"member": MEMBERS[2], "cause": "DataLost", "reason": "its claim is gone"},
    "left": [{"member": MEMBERS[4], "keepClaim": True}],
    "suspects": [{"member": MEMBERS[1], "podUID": "u-1"}],
}


def test_every_intention_is_read_back_as_it_was_written() -> None:
    record = parse.record({"membership": FULL, "clusterID": f"{CLUSTER_ID:x}"})
    plan = Plan("Stable", "nothing", record)
    written = status_of(STABLE, plan)
    assert written["membership"] == FULL
    assert parse.record(written) == record


def test_newcomers_are_listed_and_not_counted_before_etcd_lists_them() -> None:
    seen = with_newcomers(STABLE, *MEMBERS[3:5])
    waiting = status_of(seen, Plan("AddMember", "waiting", seen.cluster.record))
    assert [entry["phase"] for entry in waiting["members"]] == ["Healthy"] * 3 + ["AtGate"] * 2
    assert (waiting["replicas"], waiting["readyReplicas"], waiting["ready"]) == (3, 3, "3/3")
    learning = with_learner(seen, MEMBERS[3])
    found = status_of(learning, Plan("PromoteLearner", "waiting", seen.cluster.record))
    assert found["replicas"] == 4
    assert found["readyReplicas"] == 3
    assert found["members"][3] | {"node": ""} == {
        "name": MEMBERS[3],
        "id": f"{a_member(MEMBERS[3]).id:x}",
        "role": "Learner",
        "phase": "Learning",
        "version": "3.6.16",
        "leader": False,
        "node": "",
    }


def test_a_newcomer_that_was_just_named_is_not_counted_as_a_member() -> None:
    seen = silent(with_newcomers(STABLE, MEMBERS[3]))
    assert status_of(seen)["replicas"] == 3
