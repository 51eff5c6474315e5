"""The plan as a whole: one path from nothing to stable, and properties that hold on all of it."""

from __future__ import annotations

import pytest

from etcd_operator.observation import Cause, Observation, Problem
from etcd_operator.plan.model import Create
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    IDENTITY,
    MEMBERS,
    Stage,
    a_budget,
    a_claim,
    a_pod,
    a_spec,
    an_observation,
    having,
    silent,
    with_spec,
    without,
)
from tests.unit.plan.decide import decide, done

STAGES = list(Stage)


def test_a_stable_cluster_has_nothing_to_do_and_is_looked_at_again() -> None:
    plan = decide(an_observation(Stage.STABLE))
    assert (plan.action, plan.steps, plan.blocked) == ("Stable", (), ())
    assert 0 < plan.wake_after <= 5


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("tls", ["Mutual", "Off"])
def test_a_stable_cluster_of_any_size_and_encryption_has_nothing_to_do(size: int, tls: str) -> None:
    spec = a_spec(replicas=size, tls={"client": tls, "peer": tls})
    assert done(decide(an_observation(Stage.STABLE, members=size, spec=spec))) == set()


def test_a_stable_cluster_whose_members_do_not_answer_is_left_alone() -> None:
    seen = an_observation(Stage.STABLE)
    plan = decide(silent(seen))
    assert (plan.steps, plan.record) == ((), seen.cluster.record)


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_moment_gives_the_same_plan(stage: Stage) -> None:
    assert decide(an_observation(stage)) == decide(an_observation(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_entropy_decides_names_and_nothing_else(stage: Stage) -> None:
    plans = [decide(an_observation(stage), entropy=bytes([seed] * 16)) for seed in (1, 2)]
    assert (plans[0] == plans[1]) is (stage is not Stage.EMPTY)


@pytest.mark.parametrize("stage", STAGES)
def test_a_change_of_the_record_is_written_before_anything_depends_on_it(stage: Stage) -> None:
    seen = an_observation(stage)
    plan = decide(seen)
    assert plan.record == seen.cluster.record or plan.steps == ()


@pytest.mark.parametrize("stage", STAGES)
def test_a_plan_can_be_printed_without_telling_a_secret(stage: Stage) -> None:
    seen = an_observation(stage)
    printed = repr(decide(seen)) + repr(seen)
    assert "PRIVATE KEY" not in printed
    assert "CERTIFICATE-----" not in printed


@pytest.mark.parametrize("stage", STAGES)
def test_every_step_says_why(stage: Stage) -> None:
    assert all(step.why for step in decide(an_observation(stage)).steps)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage >= Stage.FORMED])
@pytest.mark.parametrize("answered", [True, False])
def test_once_formed_no_pod_that_could_found_a_cluster_is_ever_created(stage: Stage, *, answered: bool) -> None:
    seen = without(an_observation(stage), Kind.POD)
    for step in decide(seen if answered else silent(seen)).steps:
        if isinstance(step, Create) and step.kind is Kind.POD:
            assert "--initial-cluster-state=new" not in step.body["spec"]["containers"][0]["args"]


BLOCKED = Problem(Cause.IMAGE, "not found")


@pytest.mark.parametrize(
    "hindered",
    [
        without(an_observation(Stage.STABLE), Kind.BUDGET),
        without(an_observation(Stage.STABLE), Kind.SERVICE, "orders"),
        having(an_observation(Stage.STABLE), a_budget(1)),
        having(an_observation(Stage.STABLE), a_claim(MEMBERS[2], owner=IDENTITY.uid)),
        without(an_observation(Stage.STABLE), Kind.SECRET, IDENTITY.client_secret),
        without(an_observation(Stage.STABLE), Kind.SECRET, IDENTITY.peer_ca_secret),
        without(an_observation(Stage.STABLE), Kind.CLAIM, MEMBERS[2]),
        having(an_observation(Stage.STABLE), a_pod(MEMBERS[2], running=False, problem=BLOCKED)),
    ],
    ids=["budget", "client Service", "budget's size", "claim's owner", "client Secret", "authority", "claim", "image"],
)
def test_nothing_else_that_is_amiss_keeps_a_member_from_getting_its_pod(hindered: Observation) -> None:
    assert f"create Pod {MEMBERS[0]}" in done(decide(without(hindered, Kind.POD, MEMBERS[0])))


@pytest.mark.parametrize(
    "hindered",
    [
        without(an_observation(Stage.FORMED), Kind.BUDGET),
        without(an_observation(Stage.FORMED), Kind.SERVICE, "orders"),
        without(an_observation(Stage.FORMED), Kind.SECRET, IDENTITY.peer_ca_secret),
        without(an_observation(Stage.FORMED), Kind.POD, MEMBERS[2]),
    ],
    ids=["budget", "client Service", "authority", "Pod"],
)
def test_nothing_else_that_is_amiss_keeps_a_permission_from_being_withdrawn(hindered: Observation) -> None:
    assert f"write credentials {MEMBERS[0]}" in done(decide(hindered))


@pytest.mark.parametrize("stage", STAGES)
def test_every_plan_that_does_nothing_is_looked_at_again_within_seconds(stage: Stage) -> None:
    for seen in (an_observation(stage), silent(an_observation(stage)), with_spec(an_observation(stage), paused=True)):
        assert 0 <= decide(seen).wake_after <= 5


def test_a_blocked_cluster_does_not_call_itself_stable() -> None:
    plan = decide(without(an_observation(Stage.STABLE), Kind.CLAIM, MEMBERS[2]))
    assert plan.action == "Blocked"
