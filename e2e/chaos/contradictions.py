"""What of a status contradicts etcd's own answers at that moment: pure, so that it can be tested.

Only a claim can contradict. What the status leaves open (`Unknown`, a field that is not there) never does, nor does an
answer prove anything that came late. Claims and answers are told in the same words as long as they stay the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from e2e.support.kube import Json
from etcd_operator.api.conditions import Reason
from etcd_operator.etcd.client import Member, Status
from etcd_operator.etcd.errors import hex_id
from etcd_operator.etcd.quorum import quorum

NO_MEMBER = "no member"

BESIDES_HEALTH = frozenset({Reason.ALARM, Reason.TOO_FEW})
"""Reasons of conditions that say nothing about who serves."""

NO_CLAIM = frozenset({"Healthy", "Unknown"})
"""Phases that do not say that a member does not serve."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the etcd of one Pod answered.

    `status` is what it says of itself, `listed` the member list that a quorum agreed on through it; None: not at once.
    `reads` is whether it served a linearizable read: at once, or (False) not even in a longer time than the operator
    waits; None: late. `admitted` is whether clients are sent to it: its Pod is ready, and the Services select it.
    """

    status: Status | None
    listed: tuple[Member, ...] | None
    reads: bool | None
    admitted: bool


def contradictions(status: Json, answers: Mapping[str, Answer]) -> frozenset[str]:
    """Return, in words, each claim of an EtcdCluster's `status` that the `answers` contradict.

    `answers` are those of every member with an address, by name; whoever has none is silent.
    """
    etcd, members = _Etcd(answers), status.get("members", ())
    return frozenset(
        chain(
            _of_roles(members, etcd),
            _of_members(members, etcd),
            _of_leaders(status, members, etcd),
            _of_the_whole(status, etcd),
            _of_conditions(status, etcd),
        )
    )


@dataclass(frozen=True, slots=True)
class _Etcd:
    """The answers of all as one."""

    answers: Mapping[str, Answer]

    @property
    def listed(self) -> tuple[Member, ...]:
        """The member list of a quorum, empty while nobody could give it at once."""
        return next((answer.listed for answer in self.answers.values() if answer.listed), ())

    @property
    def voters(self) -> Mapping[int, str]:
        """Those that vote by that list: ID to name."""
        return {each.id: _name(each) for each in self.listed if not each.is_learner}

    @property
    def quorate(self) -> bool:
        """Whether a quorum of voters gave the list at once."""
        agreeing = sum(name in self.answers and self.answers[name].listed is not None for name in self.voters.values())
        return bool(self.voters) and agreeing >= quorum(len(self.voters))

    @property
    def silent(self) -> bool:
        """Whether nobody could get the consent of a quorum."""
        return not self.listed and all(answer.reads is False for answer in self.answers.values())

    @property
    def leader(self) -> str | None:
        """The voter that a quorum of voters names as their leader; None while there is none."""
        said = (answer.status for answer in self.answers.values())
        named = Counter(status.leader_id for status in said if status is not None and status.member_id in self.voters)
        for found, votes in named.most_common(1):
            if votes >= quorum(len(self.voters)):
                return self.voters.get(found)
        return None

    def serves(self, name: str) -> bool:
        """Whether clients are sent to the member, and it served them at once as a member that etcd lists."""
        answer = self.answers.get(name)
        if answer is None or answer.status is None or not (answer.admitted and answer.reads):
            return False
        return any(each.id == answer.status.member_id for each in self.listed)

    def is_silent(self, name: str) -> bool:
        """Whether the member served no linearizable read."""
        answer = self.answers.get(name)
        return answer is None or answer.reads is False


def _of_roles(members: Sequence[Json], etcd: _Etcd) -> Iterator[str]:
    said = {each["id"]: each for each in members if "role" in each}
    listed = {hex_id(each.id): each for each in etcd.listed}
    if not said or not listed:
        return
    for number in said.keys() | listed.keys():
        told, true = said.get(number), listed.get(number)
        claim = f"a {told['role'].lower()}" if told else NO_MEMBER
        truth = ("a learner" if true.is_learner else "a voter") if true else NO_MEMBER
        if claim != truth:
            name = told["name"] if told else _name(listed[number])
            yield f"{name} is said to be {claim}, and etcd lists {truth}"


def _of_members(members: Sequence[Json], etcd: _Etcd) -> Iterator[str]:
    for each in members:
        name, answer = each["name"], etcd.answers.get(each["name"])
        if each["phase"] == "Healthy" and etcd.is_silent(name):
            yield f"{name} is said to be healthy, and serves no linearizable read"
        if each["phase"] not in NO_CLAIM and etcd.serves(name):
            yield f"{name} is said not to be healthy, and is ready and serves linearizable reads"
        runs = answer.status.version if answer is not None and answer.status is not None else None
        if runs is not None and each.get("version", runs) != runs:
            yield f"{name} is said to run {each['version']}, and runs {runs}"


def _of_leaders(status: Json, members: Sequence[Json], etcd: _Etcd) -> Iterator[str]:
    leader = etcd.leader
    if leader is None:
        return
    said = {status.get("leader"), *(each["name"] for each in members if each.get("leader"))}
    for name in said - {None, leader}:
        yield f"{name} is said to lead, and {leader} does"
    if any(each["name"] == leader and each.get("leader") is False for each in members):
        yield f"{leader} is said not to lead, and does"


def _of_the_whole(status: Json, etcd: _Etcd) -> Iterator[str]:
    runs = {None if answer.status is None else answer.status.version for answer in etcd.answers.values()}
    if len(runs) == 1 and None not in runs and status.get("version") not in {None, *runs}:
        yield f"the cluster is said to run {status['version']}, and all members run {runs.pop()}"
    if etcd.listed:
        possible = sum(not etcd.is_silent(name) for name in etcd.voters.values())
        if status.get("readyReplicas", 0) > possible:
            yield f"{status['readyReplicas']} voters are said to serve, and no more than {possible} do"


def _of_conditions(status: Json, etcd: _Etcd) -> Iterator[str]:
    # What an alarm or the number of voters says is not for members' answers to contradict.
    judged = [each for each in status.get("conditions", ()) if each.get("reason") not in BESIDES_HEALTH]
    said = {each["type"]: each["status"] for each in judged}
    for kind in ("Quorate", "Available"):
        if said.get(kind) == "True" and etcd.silent:
            yield f"{kind} is True, and no member gets the consent of a quorum"
    if said.get("Quorate") == "False" and etcd.quorate:
        yield "Quorate is False, and a quorum gives the member list"
    if said.get("Available") == "False" and etcd.quorate and any(map(etcd.serves, etcd.voters.values())):
        yield "Available is False, and a quorum serves through a member that is ready"
    # Newcomers do not count until their vote is recorded.
    joining = status.get("membership", {}).get("joining", ())
    for name in sorted(set(etcd.voters.values()) - set(joining)):
        if said.get("Degraded") == "False" and etcd.is_silent(name):
            yield f"Degraded is False, and the voter {name} serves no linearizable read"
    if said.get("Degraded") == "True" and etcd.listed and all(etcd.serves(_name(each)) for each in etcd.listed):
        yield "Degraded is True, and all members are ready and serve linearizable reads"


def _name(member: Member) -> str:
    return member.name or hex_id(member.id)
