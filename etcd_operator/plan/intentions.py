"""Which members are wanted: newcomers are named and the one that leaves is chosen, before anything is done about it.

What is decided here is written to the status first, so that a crash between any two steps finds it there. What etcd's
own list says by then is taken over first: a newcomer that votes is a member, and a member that is no longer listed has
left. Every decision needs that list from a quorum; without it nothing is decided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import OnScaleIn
from etcd_operator.etcd.quorum import may_remove_dead
from etcd_operator.observation import Cause, Departure, Leaver, Removal, Unknown
from etcd_operator.plan.loss import loss, node_is_back
from etcd_operator.plan.membership import is_ending
from etcd_operator.plan.model import Plan
from etcd_operator.plan.placement import cheapest_to_lose, may_leave
from etcd_operator.plan.volumes import replaceable, waits_in_vain
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etcd_operator.observation import Record
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.situation import Situation


def settle(situation: Situation) -> Plan | None:
    """Take over what etcd's list says: who votes is a member, who is no longer listed has left.

    The claim of a member is taken away only if the operator itself removed it: whoever took it out by hand may still
    want its data, of a newcomer as well, which may have voted before that was recorded.
    """
    listed = situation.membership
    if listed is None:
        return None
    record = situation.record
    votes = tuple(name for name in listed.voters if name not in record.members)
    expelled = tuple(name for name in record.members if _is_expelled(situation, listed, name))
    turned_away = tuple(name for name in record.joining if name not in listed.listed and _has_started(situation, name))
    if not (votes or expelled or turned_away):
        return None
    keep = situation.spec.storage.on_scale_in is OnScaleIn.RETAIN
    ours = record.removing.member if record.removing is not None else None
    settled = replace(
        record,
        members=(*(name for name in record.members if name not in expelled), *votes),
        joining=tuple(name for name in record.joining if name not in (*votes, *turned_away)),
        removing=None if ours in expelled else record.removing,
        left=(
            *(leaver for leaver in record.left if leaver.member not in votes),
            *(Leaver(name, keep_claim=keep or name != ours) for name in expelled),
            *(Leaver(name, keep_claim=True) for name in turned_away),
        ),
    )
    words = [f"{name} votes" for name in votes] + [f"{name} has left etcd's list" for name in (*expelled, *turned_away)]
    return Plan("SettleMembers", "; ".join(words), settled, wake_after=0)


def _is_expelled(situation: Situation, listed: Membership, member: str) -> bool:
    """Whether etcd lists the member no more: not by its URL, not by its name, not by the ID with which it answers."""
    view = situation.seen.etcd.views.get(member)
    own_id = 0 if view is None or isinstance(view.status, Unknown) else view.status.member_id
    elsewhere = any(member == entry.name or own_id == entry.id for entry in listed.foreign)
    return member not in listed.listed and not elsewhere


def intend(situation: Situation) -> Plan | None:
    """Choose the member that leaves, and name or give up newcomers, until the wanted members are as many as asked for.

    At most one member is on its way out. It is chosen while a quorum of healthy voters stands without it, and no longer
    wanted out when its reason is gone before etcd's list has changed.
    """
    listed = situation.membership
    if listed is None or any(not entry.is_learner for entry in listed.foreign):
        return None
    record = situation.record
    wanted = _with_newcomers(situation, listed, replace(record, removing=_removal(situation, listed)))
    if wanted == record:
        return None
    return Plan("ChooseMembers", _difference(record, wanted), wanted, wake_after=0)


def _removal(situation: Situation, listed: Membership) -> Removal | None:
    """The member that is to leave now; the one that was chosen before as long as its reason holds."""
    record, spec = situation.record, situation.spec
    if record.removing is not None and _still_holds(situation, listed, record.removing):
        return record.removing
    if len(record.members) > spec.replicas:
        leaver = cheapest_to_lose(situation, listed)
        if leaver is None or not may_leave(listed, leaver) or _has_just_come(situation, listed, leaver):
            return None
        too_many = f"{spec.replicas} members are asked for, and there are {len(record.members)}"
        why = replaceable(situation, leaver) or too_many
        return Removal(leaver, Departure.SCALE_IN, why)
    return _of_the_dead(situation, listed) if may_remove_dead(listed.size, len(listed.healthy)) else None


def _of_the_dead(situation: Situation, listed: Membership) -> Removal | None:
    for name in situation.record.members:
        lost = loss(situation, name)
        if lost is not None and lost.due(situation.seen.at):
            return Removal(name, lost.cause, lost.reason)
        why = _useless(situation, listed, name)
        if why is not None:
            return Removal(name, Departure.VOLUME, why)
    return None


def _has_just_come(situation: Situation, listed: Membership, member: str) -> bool:
    """Whether `member` is one too many only because others make way for such as it: its vote is seconds old."""
    pod = situation.seen.pods.get(member)
    gets_on = pod is not None and pod.problem is None and loss(situation, member) is None
    others = any(replaceable(situation, name) for name in situation.record.members)
    return member not in listed.healthy and gets_on and others and replaceable(situation, member) is None


def _useless(situation: Situation, listed: Membership, member: str) -> str | None:
    """Why a member that does not run is replaced although its data may be there: because of its volume.

    It never had one, or the user wants another one in its place, as where the disk is full.
    """
    pod = situation.seen.pods.get(member)
    if member in listed.healthy or pod is None or pod.problem is None:
        return None
    if waits_in_vain(situation, member):
        return f"{member} waits for a volume that nobody asks for any more"
    return replaceable(situation, member)


def _still_holds(situation: Situation, listed: Membership, chosen: Removal) -> bool:
    """Whether the reason stands for which a member was chosen to leave.

    Data that is lost does not come back by itself. A healthy member makes way for none that is in a worse state, unless
    its Pod is already being stopped: what is silent for a moment then must not leave in its place.
    """
    record, name = situation.record, chosen.member
    match chosen.cause:
        case Departure.SCALE_IN:
            worse = name in listed.healthy and any(other not in listed.healthy for other in record.members)
            stops = is_ending(situation, name) or (may_leave(listed, name) and not worse)
            return len(record.members) > situation.spec.replicas and stops
        case Departure.DATA_LOST:
            return name not in listed.healthy
        case Departure.NODE_LOST:
            return name not in listed.healthy and not node_is_back(situation, name)
        case Departure.VOLUME:
            return _useless(situation, listed, name) is not None


def _with_newcomers(situation: Situation, listed: Membership, record: Record) -> Record:
    """`record` with as many newcomers as will be missing once the one that leaves has left.

    While a member that stays has to make way for one with another volume, that is one more: it votes before. One that
    is given up never comes back: its objects go when etcd's list is known not to have it.
    """
    staying = len(record.members) - (1 if record.removing is not None else 0)
    missing = max(situation.spec.replicas + _spare(situation, record) - staying, 0)
    hopeful = [name for name in record.joining if not _is_hopeless(situation, listed, record, name)]
    wanted = sorted(hopeful, key=lambda name: (name not in listed.learners, not _at_gate(situation, name)))[:missing]
    kept = tuple(name for name in record.joining if name in wanted)
    given_up = tuple(Leaver(name, keep_claim=False) for name in record.joining if name not in wanted)
    fresh = situation.fresh_names(missing - len(kept))
    return replace(record, joining=(*kept, *fresh), left=(*record.left, *given_up))


def _spare(situation: Situation, record: Record) -> int:
    leaving = record.removing
    if leaving is not None and leaving.cause is not Departure.SCALE_IN:
        return 0
    staying = (name for name in record.members if leaving is None or name != leaving.member)
    return 1 if any(replaceable(situation, name) for name in staying) else 0


def _is_hopeless(situation: Situation, listed: Membership, record: Record, newcomer: str) -> bool:
    """Whether another newcomer has better prospects: its data or node is lost, or its volume is not empty.

    Or it waits for a volume that nobody asks for any more.
    So is a learner that does not get on while a member that is lost has to be replaced: it holds the only place.
    """
    pod = situation.seen.pods.get(newcomer)
    problem = None if pod is None else pod.problem
    if waits_in_vain(situation, newcomer) or _is_lost(situation, newcomer):
        return True
    if problem is None:
        return False
    needed = record.removing is not None and record.removing.cause is not Departure.SCALE_IN
    return problem.cause is Cause.DATA_LOST or (needed and newcomer in listed.learners)


def _is_lost(situation: Situation, member: str) -> bool:
    lost = loss(situation, member)
    return lost is not None and lost.due(situation.seen.at)


def _at_gate(situation: Situation, newcomer: str) -> bool:
    pod = situation.seen.pods.get(newcomer)
    return pod is not None and pod.at_gate


def _has_started(situation: Situation, newcomer: str) -> bool:
    """Whether the newcomer's etcd has run, so that etcd listed it before: then it never may again.

    Pods are read before etcd's list, so one that runs and is not listed was taken out of it.
    """
    secret, pod = situation.seen.secrets.get(newcomer), situation.seen.pods.get(newcomer)
    withdrawn = secret is not None and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()
    return withdrawn or (pod is not None and pod.lived)


def _difference(before: Record, after: Record) -> str:
    """What changes, in words."""
    words: list[str] = []
    if after.removing != before.removing:
        words.append(_removal_words(before, after))
    words += _named("joins", set(after.joining) - set(before.joining))
    words += _named("is given up", set(before.joining) - set(after.joining))
    return "; ".join(words)


def _removal_words(before: Record, after: Record) -> str:
    if after.removing is not None:
        return f"{after.removing.member} leaves: {after.removing.reason}"
    return f"{before.removing.member} stays after all" if before.removing is not None else ""


def _named(what: str, names: Iterable[str]) -> list[str]:
    return [f"{name} {what}" for name in sorted(names)]
