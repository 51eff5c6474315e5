"""Every member has its Pod, of the right kind, and clients reach only those that may take them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Departure, Problem, Removal, Unknown
from etcd_operator.plan.members import admit, await_all, run
from etcd_operator.plan.model import Delete, Patch
from etcd_operator.plan.stopping import SOON
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN, initial_cluster, peer_url
from etcd_operator.resources.ownership import MEMBER
from etcd_operator.resources.pod import START_CHECK_CONTAINER
from etcd_operator.resources.secret import INITIAL_CLUSTER
from tests.builders import (
    CLUSTER_ID,
    IDENTITY,
    MEMBERS,
    Stage,
    a_claim,
    a_gate_pod,
    a_member,
    a_node,
    a_pod,
    a_spec,
    an_observation,
    deserting,
    having,
    listing,
    mute,
    on_nodes,
    silent,
    with_data,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import body_of, decide, deleted, done, situation

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.etcd.client import Member
    from etcd_operator.observation import Claim, Observation, Pod

ONE, B_NAME, C, D = MEMBERS[:4]
PERMITTED = initial_cluster(IDENTITY, MEMBERS[:3], a_spec().tls)
A, B, LATE = a_member(MEMBERS[0]), a_member(MEMBERS[1]), a_member(MEMBERS[2], started=False)
LOST = Problem(Cause.DATA_LOST, "the data is gone")


def state_of(pod: Json) -> str:
    """How the Pod would start etcd on an empty directory: new, existing, or never."""
    checks = [check for check in pod["spec"]["initContainers"] if check["name"] == START_CHECK_CONTAINER]
    arguments = " ".join(argument for each in (*pod["spec"]["containers"], *checks) for argument in each["args"])
    if f"--initial-cluster={WITHDRAWN}" in arguments:
        return "never"
    assert checks, "nobody looks at the volume before a first start"
    return "new" if "--initial-cluster-state=new" in arguments else "existing"


def test_all_first_members_are_started_at_once() -> None:
    plan = decide(an_observation(Stage.CREDENTIALED))
    assert done(plan) == {f"create Pod {member}" for member in MEMBERS[:3]}
    assert {state_of(body_of(plan, "Pod", member)) for member in MEMBERS[:3]} == {"new"}


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.CLAIM, Kind.SECRET])
def test_no_pod_is_created_before_what_its_member_needs(kind: Kind) -> None:
    plan = decide(without(an_observation(Stage.CREDENTIALED), kind, ONE))
    assert f"create Pod {ONE}" not in done(plan)


def test_no_first_pod_is_created_before_the_address_of_every_member() -> None:
    plan = decide(without(an_observation(Stage.CREDENTIALED), Kind.SERVICE, MEMBERS[2]))
    assert not any("Pod orders-" in word for word in done(plan))


def test_no_pod_is_created_on_a_claim_that_is_being_deleted() -> None:
    seen = having(an_observation(Stage.CREDENTIALED), a_claim(ONE, deleting=True))
    assert f"create Pod {ONE}" not in done(decide(seen))


@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.STABLE])
@pytest.mark.parametrize(
    "old", [a_pod(ONE, deleting=True), a_pod(ONE, deleting=True, finished=True)], ids=["running", "finished"]
)
def test_a_pod_is_never_created_beside_one_that_is_still_ending(stage: Stage, old: Pod) -> None:
    plan = decide(having(an_observation(stage), old))
    assert not any(word.endswith(f"Pod {ONE}") for word in done(plan))


@pytest.mark.parametrize("stage", [Stage.FORMED, Stage.WITHDRAWN, Stage.STABLE])
@pytest.mark.parametrize("answered", [True, False])
def test_after_the_formation_a_member_that_started_comes_back_with_its_data_or_not_at_all(
    stage: Stage, *, answered: bool
) -> None:
    seen = without(an_observation(stage), Kind.POD, ONE)
    plan = decide(seen if answered else silent(seen))
    assert state_of(body_of(plan, "Pod", ONE)) == "never"


def test_a_late_member_that_etcd_lists_as_never_started_joins_the_existing_cluster() -> None:
    seen = listing(without(an_observation(Stage.WITHDRAWN), Kind.POD, MEMBERS[2]), A, B, LATE)
    seen = having(seen, with_data(seen.secrets[MEMBERS[2]], {"initial-cluster": PERMITTED.encode()}))
    assert state_of(body_of(decide(seen), "Pod", MEMBERS[2])) == "existing"


def test_a_member_that_was_removed_from_etcds_list_never_starts_empty() -> None:
    seen = listing(without(an_observation(Stage.STABLE), Kind.POD, MEMBERS[2]), A, B)
    plan = run(situation(seen))
    assert plan is not None
    assert state_of(body_of(plan, "Pod", MEMBERS[2])) == "never"


def _late_and_refused(permission: str) -> Observation:
    """A member that etcd lists as never started, with a Pod that found no data, and this permission in its Secret."""
    seen = listing(an_observation(Stage.WITHDRAWN), A, B, LATE)
    secret = with_data(seen.secrets[MEMBERS[2]], {"initial-cluster": permission.encode()})
    return having(seen, secret, a_pod(MEMBERS[2], running=False, problem=LOST))


def test_a_late_member_whose_pod_was_made_while_etcd_was_silent_gets_one_that_may_start() -> None:
    assert f"delete Pod {MEMBERS[2]}" in deleted(decide(_late_and_refused(PERMITTED)))


def test_a_late_member_whose_permission_was_withdrawn_is_not_tried_again_and_again() -> None:
    seen = _late_and_refused(WITHDRAWN)
    assert deleted(decide(seen)) == set()
    created = decide(without(seen, Kind.POD, MEMBERS[2]))
    assert state_of(body_of(created, "Pod", MEMBERS[2])) == "never"


@pytest.mark.parametrize("answered", [True, False])
def test_the_pod_of_a_member_that_lost_its_data_stays_to_say_so(*, answered: bool) -> None:
    seen = having(an_observation(Stage.STABLE), a_pod(ONE, running=False, problem=LOST))
    assert deleted(decide(seen if answered else silent(seen))) == set()


@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.FORMED, Stage.STABLE])
def test_a_pod_that_ended_for_good_is_replaced(stage: Stage) -> None:
    seen = an_observation(stage)
    seen = having(seen, a_pod(ONE, running=False, finished=True))
    steps = [step for step in decide(seen).steps if isinstance(step, Delete)]
    assert [(step.kind, step.target) for step in steps] == [(Kind.POD, seen.pods[ONE].meta)]


def test_before_the_formation_a_pod_that_is_not_as_specified_is_replaced() -> None:
    seen = with_spec(an_observation(Stage.STARTED), image={"repository": "example.com/other"})
    assert deleted(decide(seen)) == {f"delete Pod {member}" for member in MEMBERS[:3]}


def test_after_the_formation_a_pod_that_does_not_run_is_made_as_specified() -> None:
    seen = with_spec(an_observation(Stage.STABLE), image={"repository": "example.com/other"})
    stuck = a_pod(ONE, running=False, problem=Problem(Cause.IMAGE, "not found"))
    assert deleted(decide(having(seen, stuck))) == {f"delete Pod {ONE}"}


def test_clients_are_let_in_only_when_the_permissions_are_withdrawn() -> None:
    assert _admitted(an_observation(Stage.FORMED)) == set()
    assert _admitted(an_observation(Stage.WITHDRAWN)) == set(MEMBERS[:3])


def test_clients_are_let_in_only_after_the_formation_was_recorded() -> None:
    assert _admitted(an_observation(Stage.AGREED)) == set()


def test_a_member_whose_own_permission_still_stands_is_not_admitted() -> None:
    seen = an_observation(Stage.WITHDRAWN)
    seen = having(seen, with_data(seen.secrets[ONE], {"initial-cluster": PERMITTED.encode()}))
    assert _admitted(seen) == {MEMBERS[1], MEMBERS[2]}


@pytest.mark.parametrize(
    "entry",
    [a_member(MEMBERS[2], started=False), a_member(MEMBERS[2], learner=True), None],
    ids=["never started", "learner", "not in the list"],
)
def test_only_a_voter_that_started_is_admitted(entry: Member | None) -> None:
    members = (A, B) if entry is None else (A, B, entry)
    assert MEMBERS[2] not in _admitted(listing(an_observation(Stage.WITHDRAWN), *members))


def test_nobody_is_admitted_while_etcd_cannot_be_asked() -> None:
    assert _admitted(silent(an_observation(Stage.WITHDRAWN))) == set()


def test_a_pod_that_is_ending_is_not_admitted() -> None:
    seen = having(an_observation(Stage.WITHDRAWN), a_pod(ONE, deleting=True))
    assert _admitted(seen) == {MEMBERS[1], MEMBERS[2]}


def test_a_voter_that_is_about_to_leave_is_not_admitted_again() -> None:
    seen = with_record(an_observation(Stage.WITHDRAWN), removing=Removal(ONE, Departure.SCALE_IN, "chosen"))
    plan = admit(situation(seen))
    assert plan is not None
    assert done(plan) == {f"patch Pod {MEMBERS[1]}", f"patch Pod {MEMBERS[2]}"}


def test_a_new_pod_of_a_voter_is_admitted_again() -> None:
    assert _admitted(having(an_observation(Stage.STABLE), a_pod(ONE))) == {ONE}


def _admitted(seen: Observation) -> set[str]:
    plan = decide(seen)
    return {
        step.name
        for step in plan.steps
        if isinstance(step, Patch)
        and step.kind is Kind.POD
        and step.patch == {"metadata": {"labels": {"etcd-operator.dev/role": "voter"}}}
    }


def test_while_members_start_the_plan_says_for_whom_it_waits() -> None:
    seen = having(an_observation(Stage.STARTED), a_pod(MEMBERS[1], running=False))
    plan = decide(seen)
    assert plan.steps == ()
    assert plan.reason == f"waiting for {MEMBERS[1]} to start"
    assert 0 < plan.wake_after <= 1


def test_when_all_members_run_etcd_is_asked_again_within_a_moment() -> None:
    plan = decide(an_observation(Stage.STARTED))
    assert plan.steps == ()
    assert 0 < plan.wake_after < 0.5


def leaving(seen: Observation, cause: Departure) -> Observation:
    """The same moment, after C was chosen to leave, without a Pod."""
    seen = with_record(seen, removing=Removal(C, cause, "chosen"))
    return without(silent(seen, C), Kind.POD, C)


def made(seen: Observation) -> set[str]:
    """The Pods that are created or deleted."""
    plan = run(situation(seen))
    return set() if plan is None else done(plan)


NODE_AWAY = on_nodes(an_observation(Stage.STABLE), node_3=a_node("node-3", ready=False))
STAYS_AWAY: dict[str, tuple[Observation, bool]] = {
    "it is one too many": (leaving(an_observation(Stage.STABLE), Departure.SCALE_IN), True),
    "it is one too many and no quorum answers": (
        silent(leaving(an_observation(Stage.STABLE), Departure.SCALE_IN)),
        False,
    ),
    "its data is lost": (leaving(an_observation(Stage.STABLE), Departure.DATA_LOST), True),
    "its data is lost and no quorum answers": (
        silent(leaving(an_observation(Stage.STABLE), Departure.DATA_LOST)),
        True,
    ),
    "its node is away": (leaving(NODE_AWAY, Departure.NODE_LOST), False),
}


@pytest.mark.parametrize(("seen", "away"), STAYS_AWAY.values(), ids=STAYS_AWAY)
def test_whether_a_member_that_is_to_leave_gets_a_new_pod_when(seen: Observation, *, away: bool) -> None:
    assert made(seen) == (set() if away else {f"create Pod {C}"})


DESERTED = deserting(silent(NODE_AWAY, C), C)
"""The Pod of C was deleted by force while its node was away."""

NEVER_STARTED = having(
    listing(DESERTED, A, B, LATE), with_data(DESERTED.secrets[C], {INITIAL_CLUSTER: PERMITTED.encode()})
)


@pytest.mark.parametrize(
    ("seen", "new"),
    [
        (DESERTED, False),
        (silent(DESERTED), False),
        (having(DESERTED, a_node("node-3")), True),
        (having(DESERTED, a_node("node-3", exists=False, ready=False)), True),
        (NEVER_STARTED, True),
    ],
    ids=["away", "away, and no quorum answers", "back", "gone", "away, but it never started"],
)
def test_a_volume_is_not_mounted_again_while_a_former_process_may_write_to_it_on_a_node_that_is(
    seen: Observation, *, new: bool
) -> None:
    assert made(seen) == ({f"create Pod {C}"} if new else set())


def test_the_others_get_their_pods_while_one_leaves() -> None:
    seen = leaving(an_observation(Stage.STABLE), Departure.SCALE_IN)
    assert made(without(silent(seen, B_NAME), Kind.POD, B_NAME)) == {f"create Pod {B_NAME}"}


def test_a_pod_that_ended_for_good_is_taken_away_although_its_member_leaves() -> None:
    seen = with_record(silent(an_observation(Stage.STABLE), C), removing=Removal(C, Departure.DATA_LOST, "chosen"))
    assert made(having(seen, a_pod(C, running=False, finished=True))) == {f"delete Pod {C}"}


NEWCOMER = with_newcomers(an_observation(Stage.STABLE), D, at_gate=False)


def test_a_newcomer_gets_a_pod_that_waits_at_the_gate_and_asks_the_healthy_members_of_this_cluster() -> None:
    seen = silent(NEWCOMER, C)
    plan = run(situation(seen))
    assert plan is not None
    pod = body_of(plan, "Pod", D)
    assert state_of(pod) == "existing"
    arguments = pod["spec"]["initContainers"][-1]["args"]
    asked = ",".join(peer_url(IDENTITY, member, a_spec().tls) for member in (ONE, B_NAME))
    assert {"--wait", f"--ask={asked}", f"--cluster-id={CLUSTER_ID:x}"} <= set(arguments)


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.CLAIM, Kind.SECRET])
def test_a_newcomer_gets_no_pod_before_what_it_needs(kind: Kind) -> None:
    assert made(without(NEWCOMER, kind, D)) == set()


def test_a_newcomer_needs_no_address_but_its_own() -> None:
    assert made(without(NEWCOMER, Kind.SERVICE, C)) == {f"create Pod {D}"}


def test_a_newcomer_gets_no_pod_while_etcd_cannot_be_asked() -> None:
    assert made(silent(NEWCOMER)) == set()


def test_a_newcomer_gets_no_pod_while_nobody_healthy_could_tell_it_of_its_place() -> None:
    views = {name: replace(view, status=Unknown("no answer")) for name, view in NEWCOMER.etcd.views.items()}
    assert made(replace(NEWCOMER, etcd=replace(NEWCOMER.etcd, views=views))) == set()


def test_a_learner_that_has_started_comes_back_with_its_data_or_not_at_all() -> None:
    seen = without(with_learner(NEWCOMER, D), Kind.POD, D)
    plan = run(situation(seen))
    assert plan is not None
    assert state_of(body_of(plan, "Pod", D)) == "never"


def test_a_learner_that_never_started_waits_at_the_gate_again() -> None:
    plan = run(situation(with_learner(NEWCOMER, D, started=False)))
    assert plan is not None
    assert state_of(body_of(plan, "Pod", D)) == "existing"


@pytest.mark.parametrize("asks", [(MEMBERS[4], MEMBERS[5]), (C,)], ids=["they have left", "it is down"])
def test_a_newcomer_at_the_gate_whom_nobody_can_tell_of_its_place_gets_another_pod(asks: tuple[str, ...]) -> None:
    seen = having(silent(NEWCOMER, C), a_gate_pod(D, asks=asks))
    plan = run(situation(seen))
    assert plan is not None
    assert [step.why for step in plan.steps] == [f"none of the members that {D} asks serves"]
    assert done(plan) == {f"delete Pod {D}"}


def test_a_newcomer_at_the_gate_stays_while_no_quorum_is_heard() -> None:
    seen = having(silent(NEWCOMER, ONE, C), a_gate_pod(D, asks=(C,)))
    assert run(situation(seen)) is None


@pytest.mark.parametrize("lived", [True, False])
@pytest.mark.parametrize("claim", [None, a_claim(D, deleting=True)], ids=["gone", "going"])
def test_a_newcomer_that_has_not_run_makes_way_for_one_with_a_claim(claim: Claim | None, *, lived: bool) -> None:
    seen = having(NEWCOMER, replace(a_gate_pod(D, asks=(ONE,)), lived=lived))
    seen = without(seen, Kind.CLAIM, D) if claim is None else having(seen, claim)
    assert made(seen) == (set() if lived else {f"delete Pod {D}"})


def test_a_member_keeps_its_pod_although_its_claim_is_going() -> None:
    assert made(having(an_observation(Stage.STABLE), a_claim(ONE, deleting=True))) == set()


def test_a_newcomer_that_was_just_promoted_comes_back_while_etcd_cannot_be_asked() -> None:
    seen = without(with_learner(NEWCOMER, D), Kind.POD, D)
    plan = run(situation(silent(seen)))
    assert plan is not None
    assert state_of(body_of(plan, "Pod", D)) == "never"


def test_who_does_not_serve_although_nothing_can_be_done_is_told() -> None:
    plan = decide(silent(an_observation(Stage.STABLE), C))
    assert (plan.action, plan.steps) == ("AwaitMembers", ())
    assert plan.reason == f"waiting for {C} to serve"
    assert await_all(situation(an_observation(Stage.STABLE))) is None
    assert await_all(situation(an_observation(Stage.STARTED))) is None


HEARD: dict[str, Observation] = {
    "one that it asks is a member": having(NEWCOMER, a_gate_pod(D, asks=(MEMBERS[4], C))),
    "it asks nobody": having(NEWCOMER, a_gate_pod(D, asks=())),
    "it is through": having(NEWCOMER, replace(a_gate_pod(D, asks=(MEMBERS[4],)), at_gate=False, running=True)),
    "etcd cannot be asked": silent(having(NEWCOMER, a_gate_pod(D, asks=(MEMBERS[4],)))),
    "it is ending": having(NEWCOMER, a_gate_pod(D, asks=(MEMBERS[4],), deleting=True)),
}


@pytest.mark.parametrize("seen", HEARD.values(), ids=HEARD)
def test_a_newcomer_keeps_its_pod_when(seen: Observation) -> None:
    assert made(seen) == set()


@pytest.mark.parametrize("entry", [a_member(D, learner=True), None], ids=["learner", "not in the list"])
def test_a_newcomer_takes_no_clients_before_it_votes(entry: Member | None) -> None:
    seen = with_newcomers(an_observation(Stage.STABLE), D)
    seen = having(seen, a_pod(D), with_data(seen.secrets[D], {"initial-cluster": WITHDRAWN.encode()}))
    listed = (A, B, a_member(C)) if entry is None else (A, B, a_member(C), entry)
    assert admit(situation(listing(seen, *listed))) is None


def test_a_newcomer_that_votes_and_cannot_start_over_takes_clients() -> None:
    seen = with_learner(with_newcomers(an_observation(Stage.STABLE), D), D)
    seen = with_record(listing(seen, A, B, a_member(C), a_member(D)), members=MEMBERS[:4], joining=())
    plan = admit(situation(seen))
    assert plan is not None
    assert done(plan) == {f"patch Pod {D}"}


def test_one_that_votes_and_serves_nobody_yet_takes_no_clients() -> None:
    seen = an_observation(Stage.WITHDRAWN)
    plan, muted = admit(situation(seen)), admit(situation(mute(seen, C)))
    assert plan is not None
    assert muted is not None
    assert done(plan) - done(muted) == {f"patch Pod {C}"}


def test_one_that_takes_part_is_asked_again_soon() -> None:
    plan = await_all(situation(mute(an_observation(Stage.STABLE), C)))
    assert plan is not None
    assert (plan.reason, plan.wake_after) == (f"waiting for {C} to serve", SOON)
    plan = await_all(situation(silent(mute(an_observation(Stage.STABLE), C), MEMBERS[1])))
    assert plan is not None
    assert plan.wake_after > SOON


@pytest.mark.parametrize("value", [None, "another"])
def test_a_label_that_somebody_changed_is_put_back_first(value: str | None) -> None:
    seen = an_observation(Stage.WITHDRAWN)
    labels = {key: text for key, text in seen.pods[ONE].meta.labels.items() if key != MEMBER}
    changed = labels if value is None else {**labels, MEMBER: value}
    pod = replace(seen.pods[ONE], meta=replace(seen.pods[ONE].meta, labels=changed), member=value or ONE)
    plan = admit(situation(replace(seen, pods={**seen.pods, ONE: pod})))
    assert plan is not None
    (step,) = plan.steps
    assert isinstance(step, Patch)
    assert step.patch == {"metadata": {"labels": {MEMBER: ONE}}}
    assert plan.reason == f"somebody changed the labels {MEMBER} of Pod {ONE}"


def test_the_labels_of_a_pod_that_is_ending_are_left_as_they_are() -> None:
    meta = replace(a_pod(ONE, deleting=True).meta, labels={})
    assert admit(situation(having(an_observation(Stage.STABLE), replace(a_pod(ONE), meta=meta)))) is None
