"""What etcd answers to changes of its member list, as plays that the simulated etcd and the real one perform alike.

Every rule of etcd's about membership that the operator relies on is an act of some play.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from etcd_operator.etcd.errors import EtcdError, Refusal, RefusedError

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Endpoint, EtcdClient, MemberList

FOUNDERS = ("leader", "follower", "other", "fourth", "fifth")
"""The roles of the first members: who leads when they have agreed, and the rest."""

NEWCOMERS = ("newcomer", "second newcomer", "passer-by")
"""The roles of members that are added."""

UNKNOWN = "nobody"
"""The role of a member that is in no list."""

UNANSWERED = "unanswered"
RUNS = "runs"
ENDINGS = (
    "member count is unequal",
    "no match found for existing member",
    "couldn't find local name",
    "permanently removed from the cluster",
    "tocommit",
)
"""By which words in its log an end of etcd is known."""

WITHIN = 3.0
"""Seconds for an answer."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A member ends without warning; the act is over when the others have noticed."""

    who: str


@dataclass(frozen=True, slots=True)
class Start:
    """A member starts on the data it has, or joins those that are `named`; on nothing at all if `emptied`."""

    who: str
    named: tuple[str, ...] = ()
    emptied: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """A member that runs ends by itself; the act is over when the others agree again, if they still can."""

    who: str


@dataclass(frozen=True, slots=True)
class Votes:
    """A member itself has applied its promotion; the list of another may say so before."""

    who: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Those that run have been connected for as long as etcd wants before it changes anything."""


@dataclass(frozen=True, slots=True)
class Add:
    """MemberAdd."""

    who: str
    at: str = "leader"
    learner: bool = True


@dataclass(frozen=True, slots=True)
class Remove:
    """MemberRemove."""

    who: str
    at: str = "leader"


@dataclass(frozen=True, slots=True)
class Promote:
    """MemberPromote."""

    who: str
    at: str = "leader"


@dataclass(frozen=True, slots=True)
class Move:
    """MoveLeader."""

    who: str
    at: str = "leader"


@dataclass(frozen=True, slots=True)
class List:
    """MemberList, agreed by a quorum."""

    at: str = "leader"


Deed = Kill | Start | Ends | Votes | Rest | Add | Remove | Promote | Move | List


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done, in a sentence, and what comes of it: a list, a refusal, or how a process ends."""

    says: str
    deed: Deed
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """Acts one after the other, in a cluster of so many members that has just formed."""

    name: str
    founders: int
    acts: tuple[Act, ...]


class Stage(Protocol):
    """Where a play is performed. Members are called by their roles; those beyond the founders are newcomers."""

    @property
    def client(self) -> EtcdClient:
        """What calls the members."""

    async def found(self, count: int) -> None:
        """Start the first members at once; return when all of them serve, with the roles given out."""

    async def kill(self, who: str) -> None:
        """See `Kill`."""

    async def start(self, who: str, named: tuple[str, ...], *, emptied: bool) -> str:
        """See `Start`; returns RUNS, or the words of its end."""

    async def ends(self, who: str) -> str:
        """See `Ends`; returns the words of its end."""

    async def votes(self, who: str) -> None:
        """See `Votes`; returns when it is so."""

    async def rest(self) -> None:
        """See `Rest`."""

    def endpoint(self, who: str) -> Endpoint:
        """Where a member answers clients."""

    def peer_url(self, who: str) -> str:
        """Where a member answers its peers."""


async def perform(stage: Stage, play: Play) -> list[str]:
    """What comes of each act of the play."""
    await stage.found(play.founders)
    cast = Cast(stage)
    await cast.learn("leader")
    return [await cast.do(act.deed) for act in play.acts]


@dataclass(slots=True)
class Cast:
    """Who is who in a play: the roles, with the IDs that etcd has given them."""

    stage: Stage
    ids: dict[str, int] = field(default_factory=dict)

    async def do(self, deed: Deed) -> str:
        """What comes of one deed, in words that do not depend on names and numbers."""
        match deed:
            case Kill(who):
                await self.stage.kill(who)
                return ""
            case Start(who, named, emptied):
                return await self.stage.start(who, named, emptied=emptied)
            case Ends(who):
                return await self.stage.ends(who)
            case Votes(who):
                await self.stage.votes(who)
                return ""
            case Rest():
                await self.stage.rest()
                return ""
            case _:
                return await self._answer(deed)

    async def learn(self, at: str) -> str:
        """The member list in words, and from now on the IDs of who is in it."""
        return self._told(await self.stage.client.member_list(self.stage.endpoint(at), within=WITHIN))

    async def _answer(self, deed: Add | Remove | Promote | Move | List) -> str:
        try:
            return await self._ask(deed)
        except RefusedError as refused:
            return refused.reason
        except EtcdError as error:
            return f"{UNANSWERED}, outcome {'unknown' if error.outcome_unknown else 'known'}"

    async def _ask(self, deed: Add | Remove | Promote | Move | List) -> str:
        client, at = self.stage.client, self.stage.endpoint(deed.at)
        match deed:
            case Add(who, _, learner):
                added = await client.member_add(at, self.stage.peer_url(who), learner=learner, within=WITHIN)
                self.ids[who] = added.id
                return await self.learn(deed.at)
            case Remove(who):
                return self._told(await client.member_remove(at, self._id(who), within=WITHIN))
            case Promote(who):
                return self._told(await client.member_promote(at, self._id(who), within=WITHIN))
            case Move(who):
                await client.move_leader(at, self._id(who), within=WITHIN)
                leads = (await client.status(at, within=WITHIN)).leader_id == self._id(who)
                return f"{who} leads" if leads else f"{who} does not lead"
            case List():
                return await self.learn(deed.at)

    def _id(self, who: str) -> int:
        return self.ids.get(who, 4711)

    def _told(self, listed: MemberList) -> str:
        roles = {self.stage.peer_url(who): who for who in (*FOUNDERS, *NEWCOMERS)}
        words: list[str] = []
        for member in listed.members:
            who = roles[member.peer_urls[0]]
            self.ids[who] = member.id
            kind = " (learner)" if member.is_learner else ""
            words.append(f"{who}{kind}{'' if member.started else ' not started'}")
        return ", ".join(sorted(words))


def listed(*members: str) -> str:
    """How a member list is told."""
    return ", ".join(sorted(members))


TRIO = ("leader", "follower", "other")
REMOVED = "permanently removed from the cluster"
SILENT, SILENT_CHANGE = f"{UNANSWERED}, outcome known", f"{UNANSWERED}, outcome unknown"
UNSTARTED_LEARNER = "newcomer (learner) not started"

NEWCOMER = Play(
    "three members and a newcomer",
    3,
    (
        Act("right after the start nobody is added", Add("newcomer"), Refusal.UNHEALTHY_CLUSTER),
        Act("nor is a voter removed", Remove("other"), Refusal.UNHEALTHY_CLUSTER),
        Act("some time passes", Rest()),
        Act("a voter is not promoted", Promote("follower"), Refusal.NOT_A_LEARNER),
        Act("nor is who is not listed", Promote(UNKNOWN), Refusal.MEMBER_NOT_FOUND),
        Act("who is not listed is not removed", Remove(UNKNOWN), Refusal.MEMBER_NOT_FOUND),
        Act("a peer URL is not added twice", Add("other"), Refusal.PEER_URL_EXISTS),
        Act("leadership may stay where it is", Move("leader"), "leader leads"),
        Act("it does not go to who is not listed", Move(UNKNOWN), Refusal.BAD_TRANSFEREE),
        Act("a follower cannot give it away", Move("other", at="follower"), Refusal.NOT_LEADER),
        Act("a learner is added", Add("newcomer"), listed(*TRIO, UNSTARTED_LEARNER)),
        Act("a second is not", Add("second newcomer"), Refusal.TOO_MANY_LEARNERS),
        Act("one that did not start is not promoted", Promote("newcomer"), Refusal.LEARNER_NOT_READY),
        Act("leadership does not go to a learner", Move("newcomer"), Refusal.BAD_TRANSFEREE),
        Act(
            "it does not start with a shorter list",
            Start("newcomer", ("leader", "follower", "newcomer")),
            "member count is unequal",
        ),
        Act(
            "it does not start with another list",
            Start("newcomer", ("leader", "follower", "second newcomer", "newcomer")),
            "no match found for existing member",
        ),
        Act("it does not start with a list without it", Start("newcomer", TRIO), "couldn't find local name"),
        Act("it starts with the list as it is", Start("newcomer", (*TRIO, "newcomer")), RUNS),
        Act("a learner does not answer for all", List("newcomer"), Refusal.NOT_SERVED_BY_LEARNER),
        Act("a learner changes nothing", Remove("other", at="newcomer"), Refusal.NOT_SERVED_BY_LEARNER),
        Act("a follower passes on its promotion", Promote("newcomer", at="follower"), listed(*TRIO, "newcomer")),
        Act("it learns of it", Votes("newcomer")),
        Act("leadership goes to it", Move("newcomer"), "newcomer leads"),
        Act("and comes back", Move("leader", at="newcomer"), "leader leads"),
        Act("it is removed at once", Remove("newcomer"), listed(*TRIO)),
        Act("then it ends", Ends("newcomer"), REMOVED),
        Act("and never starts again on its data", Start("newcomer"), REMOVED),
    ),
)

ONE_DOWN = Play(
    "one of three is down, then fewer and more",
    3,
    (
        Act("some time passes", Rest()),
        Act("one dies", Kill("other")),
        Act("no learner is added", Add("newcomer"), Refusal.UNHEALTHY_CLUSTER),
        Act("no voter is added", Add("newcomer", learner=False), Refusal.UNHEALTHY_CLUSTER),
        Act("a healthy member is not removed", Remove("follower"), Refusal.UNHEALTHY_CLUSTER),
        Act("leadership does not go to the dead", Move("other"), SILENT_CHANGE),
        Act("the dead member is removed", Remove("other"), listed("leader", "follower")),
        Act(
            "then a learner is added", Add("passer-by"), listed("leader", "follower", "passer-by (learner) not started")
        ),
        Act("a learner may always go", Remove("passer-by"), listed("leader", "follower")),
        Act("of two, one is removed", Remove("follower"), "leader"),
        Act("and ends", Ends("follower"), REMOVED),
        Act("the last one is not removed", Remove("leader"), Refusal.NOT_ENOUGH_STARTED_MEMBERS),
        Act("it gets a learner at once", Add("newcomer"), listed("leader", UNSTARTED_LEARNER)),
        Act("which starts", Start("newcomer", ("leader", "newcomer")), RUNS),
        Act("and is promoted", Promote("newcomer"), listed("leader", "newcomer")),
        Act("a third has to wait", Add("second newcomer"), Refusal.UNHEALTHY_CLUSTER),
        Act("some more time passes", Rest()),
        Act(
            "then it is added",
            Add("second newcomer"),
            listed("leader", "newcomer", "second newcomer (learner) not started"),
        ),
    ),
)

LEADER_GOES = Play(
    "the leader goes",
    3,
    (
        Act("some time passes", Rest()),
        Act("a learner is added", Add("newcomer"), listed(*TRIO, UNSTARTED_LEARNER)),
        Act("it starts", Start("newcomer", (*TRIO, "newcomer")), RUNS),
        Act("it dies", Kill("newcomer")),
        Act("it is promoted all the same", Promote("newcomer"), listed(*TRIO, "newcomer")),
        Act("and removed", Remove("newcomer"), listed(*TRIO)),
        Act("a follower has the leader removed", Remove("leader", at="follower"), listed("follower", "other")),
        Act("which ends", Ends("leader"), REMOVED),
        Act("the others go on", List("follower"), listed("follower", "other")),
    ),
)

EMPTIED = Play(
    "a volume is emptied, then quorum is lost",
    3,
    (
        Act("one dies", Kill("other")),
        Act("on nothing it panics", Start("other", TRIO, emptied=True), "tocommit"),
        Act("and on what that left", Start("other"), "tocommit"),
        Act("leadership goes to another", Move("follower"), "follower leads"),
        Act("who does not know better and lets it in", Start("other"), RUNS),
        Act("it dies again", Kill("other")),
        Act("leadership comes back", Move("leader", at="follower"), "leader leads"),
        Act("the dead is removed", Remove("other"), listed("leader", "follower")),
        Act("of two, one dies", Kill("follower")),
        Act("nothing is agreed any more", List(), SILENT),
        Act("nobody is added", Add("newcomer"), Refusal.UNHEALTHY_CLUSTER),
        Act("the dead member is not removed", Remove("follower"), SILENT_CHANGE),
    ),
)

FIVE = Play(
    "one of five is down",
    5,
    (
        Act("one dies", Kill("fifth")),
        Act("some time passes", Rest()),
        Act("a learner is added", Add("newcomer"), listed(*FOUNDERS, UNSTARTED_LEARNER)),
        Act("and removed", Remove("newcomer"), listed(*FOUNDERS)),
        Act("a healthy member is removed", Remove("fourth"), listed(*TRIO, "fifth")),
        Act("and another", Remove("other"), listed("leader", "follower", "fifth")),
        Act("no third", Remove("follower"), Refusal.UNHEALTHY_CLUSTER),
        Act("but the dead", Remove("fifth"), listed("leader", "follower")),
    ),
)

PLAYS = (NEWCOMER, ONE_DOWN, LEADER_GOES, EMPTIED, FIVE)
