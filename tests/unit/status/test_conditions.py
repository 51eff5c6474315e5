"""What the conditions say: the truth as etcd tells it, and Unknown where nobody could be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.api.conditions import ConditionType
from etcd_operator.observation import Cause, Problem, Stranger, Unknown
from etcd_operator.resources.kinds import Kind
from tests.builders import (
    MEMBERS,
    NOW,
    Stage,
    a_claim,
    a_member,
    a_pod,
    an_observation,
    deleting,
    having,
    listing,
    saying,
    silent,
    with_newcomers,
    with_spec,
    with_status,
    without,
)
from tests.unit.status.write import condition, status_of

if TYPE_CHECKING:
    from etcd_operator.observation import Observation

STABLE = an_observation(Stage.STABLE)
LOST = Problem(Cause.DATA_LOST, "the data is gone")


def no_quorum() -> Observation:
    """Two of three are down, and the third says that it finds no quorum."""
    seen = silent(STABLE, MEMBERS[1], MEMBERS[2])
    alone = seen.etcd.views[MEMBERS[0]]
    unanswered = silent(STABLE).etcd
    views = {**seen.etcd.views, MEMBERS[0]: replace(alone, agreed=unanswered.members)}
    return replace(seen, etcd=replace(unanswered, views=views))


def not_running(*members: str) -> Observation:
    """Nobody answers, and Kubernetes says that these do not even run."""
    return having(silent(STABLE), *(a_pod(member, voter=True, running=False) for member in members))


ASLEEP = with_spec(silent(without(STABLE, Kind.POD)), replicas=0)

TABLE: dict[str, tuple[Observation, dict[str, tuple[str, str]]]] = {
    "everything is well": (
        STABLE,
        {
            "Available": ("True", "Serving"),
            "Quorate": ("True", "QuorumHealthy"),
            "Degraded": ("False", "AllMembersHealthy"),
            "Progressing": ("False", "Stable"),
            "Blocked": ("False", "NotBlocked"),
        },
    ),
    "nothing is there yet": (
        an_observation(Stage.EMPTY),
        {
            "Available": ("False", "NotFormed"),
            "Quorate": ("False", "NotFormed"),
            "Degraded": ("False", "NotFormed"),
            "Progressing": ("True", "Working"),
        },
    ),
    "the members start": (
        an_observation(Stage.STARTED),
        {"Available": ("False", "NotFormed"), "Quorate": ("False", "NotFormed"), "Progressing": ("True", "Waiting")},
    ),
    "it has formed and no client is let in yet": (
        an_observation(Stage.WITHDRAWN),
        {"Available": ("False", "NoReadyMember"), "Quorate": ("True", "QuorumHealthy")},
    ),
    "one member is silent": (
        silent(STABLE, MEMBERS[2]),
        {
            "Available": ("True", "Serving"),
            "Quorate": ("True", "QuorumHealthy"),
            "Degraded": ("True", "MembersUnhealthy"),
        },
    ),
    "etcd has no space left": (
        saying(STABLE, MEMBERS[1], errors=("memberID:7 alarm:NOSPACE ",)),
        {
            "Available": ("False", "AlarmRaised"),
            "Quorate": ("True", "QuorumHealthy"),
            "Degraded": ("True", "AlarmRaised"),
        },
    ),
    "etcd has found other data on a member": (
        saying(STABLE, MEMBERS[1], errors=("memberID:7 alarm:CORRUPT ",)),
        {"Available": ("True", "Serving"), "Degraded": ("True", "AlarmRaised")},
    ),
    "a member says that there is no leader": (
        saying(STABLE, MEMBERS[1], errors=("etcdserver: no leader",)),
        {"Available": ("True", "Serving"), "Degraded": ("False", "AllMembersHealthy")},
    ),
    "two vote where three are asked for": (
        with_spec(an_observation(Stage.STABLE, members=2), replicas=3),
        {"Available": ("True", "Serving"), "Degraded": ("True", "TooFewMembers")},
    ),
    "three vote where five are asked for": (
        with_spec(STABLE, replicas=5),
        {"Available": ("True", "Serving"), "Degraded": ("False", "AllMembersHealthy")},
    ),
    "the only one votes that is asked for": (
        an_observation(Stage.STABLE, members=1),
        {"Available": ("True", "Serving"), "Degraded": ("False", "AllMembersHealthy")},
    ),
    "the quorum is lost": (
        no_quorum(),
        {
            "Available": ("False", "QuorumLost"),
            "Quorate": ("False", "QuorumLost"),
            "Degraded": ("True", "MembersUnhealthy"),
        },
    ),
    "all run and nobody can be asked": (
        silent(STABLE),
        {
            "Available": ("Unknown", "CannotAsk"),
            "Quorate": ("Unknown", "CannotAsk"),
            "Degraded": ("Unknown", "CannotAsk"),
        },
    ),
    "nobody answers, for too few even run": (
        not_running(MEMBERS[0], MEMBERS[1]),
        {"Quorate": ("False", "QuorumLost"), "Available": ("False", "QuorumLost")},
    ),
    "nobody answers, and one does not run": (not_running(MEMBERS[0]), {"Quorate": ("Unknown", "CannotAsk")}),
    "no Pod is there": (
        silent(without(STABLE, Kind.POD)),
        {"Quorate": ("False", "QuorumLost"), "Progressing": ("True", "Working")},
    ),
    "a member lost its data and is replaced": (
        having(silent(STABLE, MEMBERS[2]), a_pod(MEMBERS[2], running=False, problem=LOST)),
        {
            "Blocked": ("False", "NotBlocked"),
            "Progressing": ("True", "Working"),
            "Degraded": ("True", "MembersUnhealthy"),
            "Quorate": ("True", "QuorumHealthy"),
        },
    ),
    "nodes are watched": (STABLE, {"NodeRepair": ("True", "NodesWatched")}),
    "nodes may not be read": (
        replace(STABLE, nodes=Unknown("nodes is forbidden")),
        {"NodeRepair": ("False", "NodesForbidden"), "Blocked": ("False", "NotBlocked")},
    ),
    "a node may be lost and nodes may not be read": (
        replace(silent(STABLE, MEMBERS[2]), nodes=Unknown("nodes is forbidden")),
        {"NodeRepair": ("False", "NodesForbidden"), "Blocked": ("True", "NodesForbidden")},
    ),
    "a newcomer is prepared": (
        with_spec(with_newcomers(STABLE, *MEMBERS[3:5]), replicas=5),
        {"Degraded": ("False", "AllMembersHealthy"), "Progressing": ("True", "Working")},
    ),
    "a voter that is not ours is in the list": (
        listing(STABLE, *(a_member(name) for name in MEMBERS[:3]), a_member("guest")),
        {"Blocked": ("True", "ForeignMember")},
    ),
    "no quorum can be asked": (silent(STABLE), {"Blocked": ("True", "NoQuorum")}),
    "all members are stopped": (
        ASLEEP,
        {
            "Available": ("False", "Hibernated"),
            "Quorate": ("False", "Hibernated"),
            "Degraded": ("False", "Hibernated"),
            "Progressing": ("False", "Stable"),
            "Blocked": ("False", "NotBlocked"),
        },
    ),
    "all members are to stop, and serve": (
        with_spec(STABLE, replicas=0),
        {
            "Available": ("True", "Serving"),
            "Quorate": ("True", "QuorumHealthy"),
            "Degraded": ("False", "AllMembersHealthy"),
            "Progressing": ("True", "Working"),
        },
    ),
    "the last that is to stop hangs on a node that is away": (
        with_spec(having(silent(without(STABLE, Kind.POD)), a_pod(MEMBERS[0], deleting=True)), replicas=0),
        {"Available": ("False", "Hibernated"), "Quorate": ("False", "Hibernated")},
    ),
    "all members are to stop, and nobody can be asked": (
        with_spec(silent(STABLE), replicas=0),
        {"Available": ("Unknown", "CannotAsk"), "Quorate": ("Unknown", "CannotAsk")},
    ),
    "it is paused": (with_spec(STABLE, paused=True), {"Blocked": ("True", "Paused"), "Available": ("True", "Serving")}),
}
ROWS = [(seen, kind, *expected) for seen, row in TABLE.values() for kind, expected in row.items()]
IDS = [f"{name}: {kind}" for name, (_, row) in TABLE.items() for kind in row]


@pytest.mark.parametrize(("seen", "kind", "status", "reason"), ROWS, ids=IDS)
def test_the_condition_when(seen: Observation, kind: str, status: str, reason: str) -> None:
    assert condition(status_of(seen), kind) == (status, reason)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_condition_is_always_there_and_of_this_generation(stage: Stage) -> None:
    found = status_of(an_observation(stage))["conditions"]
    assert [entry["type"] for entry in found] == [str(kind) for kind in ConditionType]
    assert all(entry["observedGeneration"] == 1 and entry["message"] for entry in found)


PHASES: dict[str, tuple[Observation, str]] = {
    "everything is well": (STABLE, "Running"),
    "the members start": (an_observation(Stage.STARTED), "Creating"),
    "one member is silent": (silent(STABLE, MEMBERS[2]), "Degraded"),
    "the quorum is lost": (no_quorum(), "NoQuorum"),
    "nobody can be asked": (silent(STABLE), "Unknown"),
    "it is paused": (with_spec(STABLE, paused=True), "Paused"),
    "all members are stopped": (ASLEEP, "Hibernated"),
    "all members are to stop, and serve": (with_spec(STABLE, replicas=0), "Running"),
    "it is deleted": (
        replace(STABLE, cluster=replace(STABLE.cluster, meta=deleting(STABLE.cluster.meta))),
        "Deleting",
    ),
}


@pytest.mark.parametrize(("seen", "phase"), PHASES.values(), ids=PHASES)
def test_the_phase_when(seen: Observation, phase: str) -> None:
    assert status_of(seen)["phase"] == phase


def test_members_that_are_stopped_are_neither_lost_nor_missing() -> None:
    status = status_of(ASLEEP)
    assert "lastSeen" not in status
    assert (status["ready"], status["replicas"]) == ("0/0", 3)
    assert [member["phase"] for member in status["members"]] == ["Stopped"] * 3


def test_a_transition_time_moves_only_with_the_status_of_its_condition() -> None:
    before = status_of(STABLE)
    later = replace(silent(STABLE, MEMBERS[2]), at=NOW + timedelta(hours=1))
    after = status_of(with_status(later, before))
    moved = {entry["type"] for entry in after["conditions"] if entry["lastTransitionTime"] == "2026-11-22T13:00:00Z"}
    assert moved == {"Degraded"}


def test_a_blocked_condition_names_the_first_block_and_counts_the_others() -> None:
    seen = without(STABLE, Kind.CLAIM, MEMBERS[1], MEMBERS[2])
    found = next(entry for entry in status_of(seen)["conditions"] if entry["type"] == "Blocked")
    assert found["message"].startswith(f"start {MEMBERS[1]}: claim {MEMBERS[1]} is gone")
    assert "1 more" in found["message"]


def test_what_is_left_of_an_earlier_cluster_is_named_although_it_blocks_nothing() -> None:
    seen = having(STABLE, Stranger("PersistentVolumeClaim", "orders-zzzzz", "an-earlier-uid"))
    found = next(entry for entry in status_of(seen)["conditions"] if entry["type"] == "Blocked")
    assert found["status"] == "False"
    assert "PersistentVolumeClaim orders-zzzzz" in found["message"]


def test_a_claim_that_is_being_deleted_turns_the_condition_before_the_data_is_gone() -> None:
    seen = having(STABLE, a_claim(MEMBERS[1], deleting=True))
    assert condition(status_of(seen), "Blocked") == ("True", "DataLost")


def test_the_condition_says_for_how_long_a_node_is_waited_for_or_why_none_is() -> None:
    watched = _message(with_spec(STABLE, recovery={"replaceAfter": "90s"}), "NodeRepair")
    assert watched == "the member of a node that is away for 1m30s is replaced"
    forbidden = _message(replace(STABLE, nodes=Unknown("nodes is forbidden")), "NodeRepair")
    assert forbidden.endswith("no member of a lost node is replaced: nodes is forbidden")


def _message(seen: Observation, kind: str) -> str:
    found = next(entry for entry in status_of(seen)["conditions"] if entry["type"] == kind)
    return str(found["message"])
