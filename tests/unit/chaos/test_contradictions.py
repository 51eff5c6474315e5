"""What contradicts: the operator's own status of one moment, held against etcd's answers of the same or another one."""

from dataclasses import replace
from typing import Any

import pytest

from e2e.chaos.contradictions import Answer, contradictions
from etcd_operator.observation import Observation, Unknown
from etcd_operator.plan.model import Plan
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    Stage,
    a_member,
    an_observation,
    having,
    led_by,
    listing,
    losing,
    saying,
    silent,
    with_learner,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.status.write import status_of

ONE, TWO, THREE, FOUR = MEMBERS[:4]
STABLE = an_observation(Stage.STABLE)


def said(seen: Observation) -> dict[str, Any]:
    """The status of that moment, with the record that stands."""
    return status_of(seen, Plan("Stable", "everything is as specified", seen.cluster.record))


def answers(seen: Observation) -> dict[str, Answer]:
    """What we are answered at that moment."""
    found = {}
    for name, view in seen.etcd.views.items():
        pod = seen.pods[name]
        found[name] = Answer(
            status=None if isinstance(view.status, Unknown) else view.status,
            listed=None if isinstance(view.agreed, Unknown) else view.agreed.members,
            reads=view.healthy,
            admitted=pod.serving and pod.ready and not pod.meta.deleting,
        )
    return found


def late(seen: Observation) -> dict[str, Answer]:
    """The same members, of which none answers at once."""
    return {name: Answer(None, None, None, each.admitted) for name, each in answers(seen).items()}


def without_quorum(seen: Observation, *dead: str) -> Observation:
    """These members do not answer, and the others agree on nothing and know no leader."""
    no_list = Unknown("etcdserver: no leader")
    seen = silent(seen, *dead)
    for name in seen.etcd.views.keys() - {*dead}:
        seen = saying(seen, name, leader_id=0)
    views = {name: replace(view, agreed=no_list) for name, view in seen.etcd.views.items()}
    return replace(seen, etcd=replace(seen.etcd, views=views, members=no_list))


def unready(seen: Observation, *members: str) -> Observation:
    for name in members:
        seen = having(seen, replace(seen.pods[name], ready=False))
    return seen


COMING = with_learner(with_newcomers(STABLE, FOUR), FOUR)
VOTING = listing(saying(COMING, FOUR, is_learner=False), *(a_member(name) for name in (ONE, TWO, THREE, FOUR)))
MOMENTS = {
    "all is well": STABLE,
    "another leads": led_by(STABLE, TWO),
    "five": an_observation(Stage.STABLE, members=5),
    "two serve where three are asked for": with_spec(an_observation(Stage.STABLE, members=2), replicas=3),
    "an alarm is raised": saying(STABLE, TWO, errors=("memberID:7 alarm:NOSPACE ",)),
    "one": an_observation(Stage.STABLE, members=1),
    "just formed": an_observation(Stage.FORMED),
    "one is silent": silent(STABLE, TWO),
    "one is starting": unready(silent(STABLE, TWO), TWO),
    "one is lost": losing(STABLE, THREE),
    "the quorum is lost": without_quorum(STABLE, ONE, TWO),
    "the quorum is lost with the Pods": losing(without_quorum(STABLE, ONE, TWO), ONE, TWO),
    "nobody answers": silent(STABLE),
    "hibernated": with_spec(losing(silent(STABLE), ONE, TWO, THREE), replicas=0),
    "a newcomer at the gate": with_newcomers(STABLE, FOUR),
    "a learner that is not there yet": with_learner(with_newcomers(STABLE, FOUR), FOUR, started=False),
    "a learner": COMING,
    "a newcomer votes": VOTING,
    "a newcomer votes and is silent": silent(VOTING, FOUR),
}


@pytest.mark.parametrize("seen", MOMENTS.values(), ids=MOMENTS)
def test_an_honest_status_contradicts_nothing(seen: Observation) -> None:
    assert contradictions(said(seen), answers(seen)) == frozenset()


@pytest.mark.parametrize("seen", MOMENTS.values(), ids=MOMENTS)
def test_an_answer_that_comes_late_contradicts_nothing(seen: Observation) -> None:
    members = {**late(STABLE), **late(seen)}
    assert contradictions(said(STABLE), members) == frozenset()


@pytest.mark.parametrize("seen", MOMENTS.values(), ids=MOMENTS)
def test_a_status_that_says_nothing_yet_contradicts_nothing(seen: Observation) -> None:
    assert contradictions({}, answers(seen)) == frozenset()


def lies(told: Observation, true: Observation) -> set[str]:
    """What is wrong with the status of one moment at another."""
    return set(contradictions(said(told), answers(true)))


def test_a_learner_that_is_called_a_voter_and_the_reverse() -> None:
    assert f"{FOUR} is said to be a learner, and etcd lists a voter" in lies(COMING, VOTING)
    assert f"{FOUR} is said to be a voter, and etcd lists a learner" in lies(VOTING, COMING)


def test_a_member_that_etcd_does_not_list_and_one_that_it_lists_and_nobody_names() -> None:
    left = listing(STABLE, a_member(ONE), a_member(TWO))
    assert f"{THREE} is said to be a voter, and etcd lists no member" in lies(STABLE, left)
    assert f"{THREE} is said to be no member, and etcd lists a voter" in lies(left, STABLE)


def test_a_member_that_is_called_healthy_and_is_silent_or_gone() -> None:
    healthy = f"{TWO} is said to be healthy, and serves no linearizable read"
    for gone in (silent(STABLE, TWO), losing(STABLE, TWO)):
        assert lies(STABLE, gone) == {
            healthy,
            "3 voters are said to serve, and no more than 2 do",
            f"Degraded is False, and the voter {TWO} serves no linearizable read",
        }


def test_a_member_that_is_not_called_healthy_although_it_is_ready_and_serves() -> None:
    ill = f"{TWO} is said not to be healthy, and is ready and serves linearizable reads"
    for told in (silent(STABLE, TWO), losing(STABLE, TWO)):
        assert lies(told, STABLE) == {ill, "Degraded is True, and all members are ready and serve linearizable reads"}


@pytest.mark.parametrize(
    "true",
    [
        unready(STABLE, TWO),
        having(STABLE, replace(STABLE.pods[TWO], meta=replace(STABLE.pods[TWO].meta, labels={}))),
    ],
    ids=["not ready", "not selected"],
)
def test_a_member_that_clients_are_not_sent_to_need_not_be_called_healthy_yet(true: Observation) -> None:
    assert lies(silent(STABLE, TWO), true) == set()


def test_a_member_that_answers_as_another_one_need_not_be_called_healthy() -> None:
    true = saying(STABLE, TWO, member_id=17)
    assert lies(true, true) == set()


def test_a_phase_that_is_unknown_says_nothing() -> None:
    status = {"members": [{"name": TWO, "phase": "Unknown"}]}
    assert contradictions(status, answers(STABLE)) == frozenset()


def test_another_leader_than_the_one_that_a_quorum_names() -> None:
    assert lies(STABLE, led_by(STABLE, TWO)) == {
        f"{ONE} is said to lead, and {TWO} does",
        f"{TWO} is said not to lead, and does",
    }


def test_no_leader_is_contradicted_while_no_quorum_names_one() -> None:
    divided = saying(saying(STABLE, TWO, leader_id=a_member(TWO).id), THREE, leader_id=0)
    assert lies(STABLE, divided) == set()
    assert lies(led_by(STABLE, TWO), divided) == set()


def test_a_status_that_names_no_leader_contradicts_nobody() -> None:
    status = said(STABLE)
    silent_about_it = {**status, "members": [{**each, "leader": None} for each in status["members"]]}
    del silent_about_it["leader"]
    assert contradictions(silent_about_it, answers(led_by(STABLE, TWO))) == frozenset()


def test_another_version_than_the_member_runs() -> None:
    newer = saying(STABLE, TWO, version="3.6.17")
    assert lies(STABLE, newer) == {f"{TWO} is said to run 3.6.16, and runs 3.6.17"}


def test_another_version_than_all_members_run() -> None:
    newer = STABLE
    for name in (ONE, TWO, THREE):
        newer = saying(newer, name, version="3.6.17")
    assert "the cluster is said to run 3.6.16, and all members run 3.6.17" in lies(STABLE, newer)


def test_a_quorum_that_is_lost_and_not_told() -> None:
    lost = lies(STABLE, without_quorum(STABLE, ONE, TWO, THREE))
    assert "Quorate is True, and no member gets the consent of a quorum" in lost
    assert "Available is True, and no member gets the consent of a quorum" in lost
    assert lies(STABLE, without_quorum(STABLE, ONE, TWO)) >= {
        "Quorate is True, and no member gets the consent of a quorum"
    }


def test_a_quorum_that_is_back_and_not_told() -> None:
    lost = without_quorum(STABLE, ONE, TWO)
    assert lies(lost, STABLE) >= {
        "Quorate is False, and a quorum gives the member list",
        "Available is False, and a quorum serves through a member that is ready",
    }


def test_one_member_that_gives_the_list_is_no_proof_that_a_quorum_does() -> None:
    lost = without_quorum(STABLE, ONE, TWO)
    alone = silent(STABLE, ONE, TWO)
    assert not {each for each in lies(lost, alone) if each.startswith(("Quorate", "Available"))}


def test_conditions_that_are_unknown_contradict_nothing() -> None:
    asked_nobody = silent(STABLE)
    assert {each["status"] for each in said(asked_nobody)["conditions"]} >= {"Unknown"}
    assert not {each for each in lies(asked_nobody, STABLE) if "Quorate" in each or "Degraded" in each}


def test_a_newcomer_whose_vote_is_not_recorded_yet_may_be_silent() -> None:
    settled = with_record(VOTING, members=(ONE, TWO, THREE, FOUR), joining=())
    true = silent(VOTING, FOUR)
    degraded = f"Degraded is False, and the voter {FOUR} serves no linearizable read"
    assert degraded not in lies(COMING, true)
    assert degraded in lies(settled, true)


def test_a_cluster_without_any_pod_that_is_called_quorate() -> None:
    status = said(STABLE)
    gone = without(losing(STABLE, ONE, TWO), Kind.POD, THREE)
    assert gone.pods == {}
    assert "Quorate is True, and no member gets the consent of a quorum" in contradictions(status, {})


def test_the_words_are_the_same_whatever_the_phase_is_called() -> None:
    status = said(silent(STABLE, TWO))
    other = {
        **status,
        "members": [{**each, "phase": "Missing"} if each["name"] == TWO else each for each in status["members"]],
    }
    assert contradictions(status, answers(STABLE)) == contradictions(other, answers(STABLE))


def test_who_leads_is_said_by_those_that_vote_alone() -> None:
    two = a_member(TWO).id
    seen = saying(saying(saying(COMING, ONE, leader_id=0), TWO, leader_id=two), FOUR, leader_id=two)
    assert lies(COMING, seen) == set()


def test_a_learner_is_no_voter_that_is_silent() -> None:
    assert lies(STABLE, COMING) == {f"{FOUR} is said to be no member, and etcd lists a learner"}


def test_a_member_that_reads_late_need_not_be_called_healthy() -> None:
    true = answers(STABLE)
    assert contradictions(said(silent(STABLE, TWO)), true | {TWO: replace(true[TWO], reads=None)}) == frozenset()


def test_a_quorum_that_gives_the_list_is_one_although_no_key_can_be_read() -> None:
    true = {name: replace(each, reads=False) for name, each in answers(STABLE).items()}
    assert not {each for each in contradictions(said(STABLE), true) if each.startswith(("Quorate", "Available"))}
