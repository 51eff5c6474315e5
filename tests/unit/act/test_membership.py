"""Each change as it reaches etcd, and all that keeps it from being sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from etcd_operator.act.execute import Executor
from etcd_operator.act.membership import CHANGE_WITHIN, MembershipExecutor, OvertakenError
from etcd_operator.etcd.errors import Refusal, RefusedError, UnreachableError
from etcd_operator.etcd.fence import NotLeadingError
from etcd_operator.observation import Unknown
from etcd_operator.plan.model import AddLearner, Downgrade, MoveLeader, Promote, Remove
from tests.builders import MEMBERS, Stage, a_member, a_member_list, a_status, an_observation, led_by, silent
from tests.unit.fakes import FakeEtcd, FakeKube

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Member
    from etcd_operator.observation import Observation

EtcdStep = AddLearner | Promote | Remove | MoveLeader | Downgrade

A, B, C = MEMBERS[:3]
LISTED = tuple(a_member(name) for name in (A, B, C))
SEEN = an_observation(Stage.STABLE)
URL = "https://orders-fffff.shop.svc:2380"

STEPS: dict[str, tuple[EtcdStep, tuple[str, str | int]]] = {
    "a learner is added": (AddLearner(MEMBERS[3], URL, "it stands ready"), ("add learner", URL)),
    "a learner is promoted": (Promote(MEMBERS[3], 7, "it has caught up"), ("promote", 7)),
    "a member is removed": (Remove(C, 8, "it left"), ("remove", 8)),
    "leadership moves": (MoveLeader(B, 9, "its node is cordoned"), ("move leader", 9)),
    "data is stored for a lower version": (Downgrade(A, "3.6", "3.6.16 is asked for"), ("downgrade", "3.6")),
    "that is ended": (Downgrade(A, None, "3.7.3 is asked for"), ("downgrade", "")),
}
LEADERS = {what: STEPS[what] for what in STEPS if what not in ("a learner is added", "a member is removed")}
only_the_leader = pytest.mark.parametrize(("step", "call"), LEADERS.values(), ids=LEADERS)
OTHERS = {what: step for what, step in STEPS.items() if what not in LEADERS}
whoever_answers = pytest.mark.parametrize(("step", "call"), OTHERS.values(), ids=OTHERS)
every_step = pytest.mark.parametrize(("step", "call"), STEPS.values(), ids=STEPS)


def an_etcd(*members: Member, leader: str = A) -> FakeEtcd:
    """An etcd of these members, as it is when the step is taken."""
    members = members or LISTED
    agreed, leads = a_member_list(*members), a_member(leader)
    return FakeEtcd(
        statuses={member.name: a_status(member, leader=leads) for member in LISTED},
        lists={member.name: agreed for member in LISTED},
    )


async def do(etcd: FakeEtcd, step: EtcdStep, *, seen: Observation = SEEN, left: float = 10.0) -> None:
    """Carry out one step that was planned from `seen`, with so many seconds left on the Lease."""
    members = MembershipExecutor(etcd, seen, lambda: left)
    await Executor(FakeKube(), members, seen).execute(step)


@every_step
async def test_the_leader_is_asked_once_when(step: EtcdStep, call: tuple[str, str | int]) -> None:
    etcd = an_etcd(leader=B)
    await do(etcd, step, seen=led_by(SEEN, B))
    assert etcd.changes == [(B, *call)]


CHANGED: dict[str, tuple[Member, ...]] = {
    "one has left": LISTED[:2],
    "one has come": (*LISTED, a_member(MEMBERS[3], learner=True, started=False)),
    "another took the place of one": (*LISTED[:2], a_member(MEMBERS[3])),
    "one votes that did not": (*LISTED[:2], replace(LISTED[2], is_learner=True)),
    "one was not started": (*LISTED[:2], a_member(C, started=False)),
    "one has another address": (*LISTED[:2], replace(LISTED[2], peer_urls=(URL,))),
    "one has another ID": (*LISTED[:2], replace(LISTED[2], id=4711)),
}


@every_step
@pytest.mark.parametrize("now", CHANGED.values(), ids=CHANGED)
async def test_nothing_is_changed_when_the_list_is_not_the_one_of_the_plan(
    step: EtcdStep, call: tuple[str, str | int], now: tuple[Member, ...]
) -> None:
    etcd = an_etcd(*now)
    with pytest.raises(OvertakenError, match="member list has changed"):
        await do(etcd, step)
    assert etcd.changes == []
    assert call


async def test_the_order_of_the_list_and_what_clients_are_told_are_no_change() -> None:
    etcd = an_etcd(*(replace(member, client_urls=("https://elsewhere:2379",)) for member in reversed(LISTED)))
    await do(etcd, Remove(C, 8, "it left"))
    assert len(etcd.changes) == 1


@only_the_leader
async def test_nothing_is_changed_when_the_leader_leads_no_more(step: EtcdStep, call: tuple[str, str | int]) -> None:
    etcd = an_etcd(leader=C)
    with pytest.raises(OvertakenError, match=f"{A} leads no more"):
        await do(etcd, step)
    assert etcd.changes == []
    assert call


ALONE = replace(SEEN.etcd.views[A], agreed=Unknown("no leader"))
LEADERLESS: dict[str, Observation] = {
    "the leader is silent": silent(SEEN, A),
    "all name one that is not there": led_by(SEEN, MEMBERS[3]),
    "the one that leads finds no quorum": replace(
        SEEN, etcd=replace(SEEN.etcd, views={A: ALONE, B: SEEN.etcd.views[B], C: SEEN.etcd.views[C]})
    ),
}


@only_the_leader
@pytest.mark.parametrize("seen", [*LEADERLESS.values(), silent(SEEN)], ids=[*LEADERLESS, "nobody answers"])
async def test_nothing_that_the_leader_must_do_is_asked_of_another_when(
    step: EtcdStep, call: tuple[str, str | int], seen: Observation
) -> None:
    etcd = an_etcd()
    with pytest.raises(OvertakenError, match="leader does not answer"):
        await do(etcd, step, seen=seen)
    assert (etcd.changes, etcd.asked) == ([], [])
    assert call


@whoever_answers
@pytest.mark.parametrize("seen", LEADERLESS.values(), ids=LEADERLESS)
async def test_a_healthy_member_is_asked_where_the_leader_does_not_answer_and(
    step: EtcdStep, call: tuple[str, str | int], seen: Observation
) -> None:
    etcd = an_etcd()
    await do(etcd, step, seen=seen)
    assert [change[1:] for change in etcd.changes] == [call]
    assert seen.etcd.views[etcd.changes[0][0]].healthy


@whoever_answers
async def test_nothing_is_changed_while_nobody_is_healthy(step: EtcdStep, call: tuple[str, str | int]) -> None:
    etcd = an_etcd()
    with pytest.raises(OvertakenError):
        await do(etcd, step, seen=silent(SEEN))
    assert etcd.changes == []
    assert call


async def test_nothing_is_changed_when_no_list_was_seen() -> None:
    etcd = an_etcd()
    unread = replace(SEEN, etcd=replace(SEEN.etcd, members=Unknown("no quorum")))
    with pytest.raises(OvertakenError, match="member list has changed"):
        await do(etcd, Remove(C, 8, "it left"), seen=unread)
    assert etcd.changes == []


@every_step
@pytest.mark.parametrize("left", [CHANGE_WITHIN, CHANGE_WITHIN - 0.1, 0.0])
async def test_nothing_is_changed_when_the_lease_does_not_outlast_it(
    step: EtcdStep, call: tuple[str, str | int], left: float
) -> None:
    etcd = an_etcd()
    with pytest.raises(NotLeadingError, match=f"{type(step).__name__} {step.member}"):
        await do(etcd, step, left=left)
    assert etcd.changes == []
    assert call


async def test_the_lease_is_looked_at_after_the_reads_that_may_have_taken_long() -> None:
    etcd = an_etcd()
    members = MembershipExecutor(etcd, SEEN, lambda: 1.0 if etcd.asked else 10.0)
    with pytest.raises(NotLeadingError):
        await members.execute(Promote(C, 8, "it has caught up"))
    assert etcd.changes == []


async def test_nothing_is_changed_when_the_leader_does_not_answer_any_more() -> None:
    with pytest.raises(UnreachableError):
        await do(FakeEtcd(), Remove(C, 8, "it left"))


HELD_FOR_GONE = RefusedError("orders-bbbbb", "unhealthy cluster", reason=Refusal.UNHEALTHY_CLUSTER)


@whoever_answers
async def test_another_is_asked_where_the_leader_holds_somebody_for_gone_and(
    step: EtcdStep, call: tuple[str, str | int]
) -> None:
    etcd = an_etcd(leader=B)
    etcd.refusal, etcd.refusing = HELD_FOR_GONE, {B}
    await do(etcd, step, seen=led_by(SEEN, B))
    assert etcd.changes == [(B, *call), (A, *call)]


@whoever_answers
async def test_all_are_asked_before_it_is_said_that_somebody_is_gone_and_not(
    step: EtcdStep, call: tuple[str, str | int]
) -> None:
    etcd = an_etcd()
    etcd.refusal = HELD_FOR_GONE
    with pytest.raises(RefusedError, match="unhealthy cluster"):
        await do(etcd, step)
    assert etcd.changes == [(name, *call) for name in (A, B, C)]


@only_the_leader
async def test_what_the_leader_must_do_is_asked_of_no_other_when(step: EtcdStep, call: tuple[str, str | int]) -> None:
    etcd = an_etcd()
    etcd.refusal = HELD_FOR_GONE
    with pytest.raises(RefusedError, match="unhealthy cluster"):
        await do(etcd, step)
    assert etcd.changes == [(A, *call)]


@every_step
async def test_what_etcd_refuses_for_another_reason_is_told_at_once_in_its_own_words(
    step: EtcdStep, call: tuple[str, str | int]
) -> None:
    etcd = an_etcd()
    etcd.refusal = RefusedError("orders-bbbbb", "too many learners", reason=Refusal.TOO_MANY_LEARNERS)
    with pytest.raises(RefusedError, match="too many learners"):
        await do(etcd, step)
    assert etcd.changes == [(A, *call)]
