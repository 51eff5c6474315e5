"""Every member has its Pod, and clients reach the members that may take them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Cause, Departure, Suspect, Unknown
from etcd_operator.plan.credentials import permitted
from etcd_operator.plan.foundations import is_void
from etcd_operator.plan.loss import is_last_hold, loss
from etcd_operator.plan.model import Create, Delete, Patch, Plan
from etcd_operator.plan.placement import has_image
from etcd_operator.plan.rollout import dismisses, is_next, needs_no_turn
from etcd_operator.plan.stopping import SOON
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import member_labels, voter_label
from etcd_operator.resources.pod import ClusterState, FirstStart, Restart, member_pod
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.observation import Pod
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation

FORMING_WAKE = 0.25
"""Seconds between two looks while members form the cluster: Kubernetes does not tell when etcd elects a leader."""


def admit(situation: Situation) -> Plan | None:
    """Let clients reach each voter that serves, may not start empty any more, and is not about to leave.

    In this order no write is acknowledged through the Service to a member that could still start over from nothing.
    A label that somebody took off is put back before: without it the member's Service leads nowhere. One that is
    not ready yet is not let in at the moment in which clients of the next one to be rolled are sent elsewhere: a proxy
    would write that first, and the other a second later.
    """
    steps = tuple(_relabelled(situation)) or tuple(
        Patch(Kind.POD, pod.meta, {"metadata": {"labels": voter_label()}}, f"{member} may take clients")
        for member in situation.record.members
        if (pod := situation.seen.pods.get(member)) is not None
        and not pod.serving
        and not pod.meta.deleting
        and _may_serve(situation, member)
        # A ready one is never kept out by a dismissal, which Kubernetes may refuse for ever.
        and (pod.ready or not dismisses(situation))
    )
    if not steps:
        return None
    return Plan("AdmitMembers", "; ".join(step.why for step in steps), situation.record, steps, wake_after=0)


def _relabelled(situation: Situation) -> Iterator[Patch]:
    for kind, objects in ((Kind.POD, situation.seen.pods), (Kind.CLAIM, situation.seen.claims)):
        for name, found in objects.items():
            right = member_labels(situation.identity, name)
            wrong = {key: value for key, value in right.items() if found.meta.labels.get(key) != value}
            if wrong and not found.meta.deleting:
                why = f"somebody changed the labels {', '.join(wrong)} of {kind.value.kind} {name}"
                yield Patch(kind, found.meta, {"metadata": {"labels": wrong}}, why)


def _is_withdrawn(situation: Situation, member: str) -> bool:
    secret = situation.seen.secrets.get(member)
    return secret is not None and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()


def _answers(situation: Situation, member: str) -> bool:
    view = situation.seen.etcd.views.get(member)
    return view is not None and not isinstance(view.status, Unknown)


def _may_serve(situation: Situation, member: str) -> bool:
    listed = situation.listed(member)
    leaving = situation.record.removing
    return (
        situation.record.formed
        and (leaving is None or leaving.member != member)
        and not is_next(situation, member)
        and listed is not None
        and listed.started
        and not listed.is_learner
        and _answers(situation, member)
        and _is_withdrawn(situation, member)
    )


def suspect(situation: Situation) -> Plan | None:
    """Record whose Pod did not start on its volume, so that the next Pod looks at it; forget it when that is over.

    A Pod that starts on data as usual has no start check, which would cost a second at each restart: the link on the
    volume refuses as well, but does not say why.
    """
    seen, record = situation.seen, situation.record
    kept = tuple(
        old for old in record.suspects if old.member in record.present and not _has_recovered(situation, old.member)
    )
    found = tuple(
        Suspect(name, pod.meta.uid)
        for name in record.present
        if (pod := seen.pods.get(name)) is not None
        and pod.problem is not None
        and pod.problem.cause is Cause.START_REFUSED
        and all(old.member != name for old in kept)
    )
    if (*kept, *found) == record.suspects:
        return None
    names = ", ".join(new.member for new in found)
    why = f"{names} did not start on its volume, which the next Pod looks at" if found else "the volumes were looked at"
    return Plan("InspectVolumes", why, replace(record, suspects=(*kept, *found)), wake_after=0)


def _has_recovered(situation: Situation, member: str) -> bool:
    """Whether the member serves; before the formation, when none can, whether its etcd runs."""
    if not situation.record.formed:
        return _running(situation, member)
    listed = situation.membership
    return listed is not None and member in listed.healthy


def run(situation: Situation) -> Plan | None:
    """Create the Pods that are missing, and before the cluster has formed replace those that are not as specified.

    A Pod is created only when no older Pod of the member exists in whatever phase, its claim is there, and what it
    needs to start stands ready. After the formation a Pod is only ever created on the claim that the member had.
    """
    staying = (member for member in situation.record.present if not _stays_away(situation, member))
    steps = tuple(step for member in staying for step in _steps(situation, member))
    if steps:
        return Plan("RunMembers", "; ".join(step.why for step in steps), situation.record, steps)
    if situation.record.formed:
        return None
    waiting = [member for member in situation.record.members if not _running(situation, member)]
    why = f"waiting for {', '.join(waiting)} to start" if waiting else "waiting for the members to agree"
    return Plan("FormCluster", why, situation.record, wake_after=1.0 if waiting else FORMING_WAKE)


def await_all(situation: Situation) -> Plan | None:
    """Say who does not serve although nothing can be done for it: it is starting, or silent."""
    listed = situation.membership
    silent = [name for name in situation.record.members if listed is None or name not in listed.serving]
    if not situation.record.formed or not silent:
        return None
    plan = Plan("AwaitMembers", f"waiting for {', '.join(silent)} to serve", situation.record)
    soon = listed is not None and listed.current.issuperset(silent)
    return replace(plan, wake_after=SOON) if soon else plan


def _stays_away(situation: Situation, member: str) -> bool:
    """Whether the member gets no new Pod, because it is on its way out, or its former process may still run.

    One that has its data does get one while no quorum can be asked: what it knows may be needed to have one again. But
    a volume that is not bound to one node is not mounted on a second one while a first may write to it.
    """
    if situation.record.formed and situation.seen.deserted_node(member) and not permitted(situation, member):
        return True
    leaving = situation.record.removing
    if leaving is None or leaving.member != member or member in situation.seen.pods:
        return False
    match leaving.cause:
        case Departure.SCALE_IN:
            return situation.membership is not None
        case Departure.DATA_LOST:
            return True
        case Departure.NODE_LOST | Departure.VOLUME:
            return False


def _running(situation: Situation, member: str) -> bool:
    pod = situation.seen.pods.get(member)
    return pod is not None and pod.running


def _steps(situation: Situation, member: str) -> Iterator[Step]:
    seen, identity = situation.seen, situation.identity
    pod, claim = seen.pods.get(member), seen.claims.get(member)
    if pod is not None:
        reason = _wrong(situation, member, pod)
        if reason and not pod.meta.deleting:
            yield Delete(Kind.POD, pod.meta, reason)
    elif (
        claim is not None and not claim.meta.deleting and member in seen.secrets and _addresses_known(situation, member)
    ):
        start = _start(situation, member)
        if start is not None:
            body = member_pod(identity, situation.spec_of(member), member, start=start, gate=situation.gate)
            yield Create(Kind.POD, member, body, f"{member} has no Pod")


def _addresses_known(situation: Situation, member: str) -> bool:
    """Whether the names that the member will ask for exist: at a first start those of all (etcd-rules.md §7)."""
    asked = (member,) if situation.record.formed else situation.record.members
    return all(name in situation.seen.services for name in asked)


def _wrong(situation: Situation, member: str, pod: Pod) -> str | None:
    """Why the Pod cannot stay; None if it can."""
    if pod.finished:
        return f"the Pod of {member} ended and does not come back"
    cause = None if pod.problem is None else pod.problem.cause
    if cause is Cause.DATA_LOST and permitted(situation, member) and not pod.first_start:
        return f"{member} may start on an empty volume, and its Pod does not"
    if is_void(situation, member):
        return f"the volume of {member} is gone, and nothing was on it yet"
    changed = situation.outdated(pod)
    if changed and (needs_no_turn(situation, pod) or not situation.record.formed or _fail_together(situation)):
        return f"{', '.join(changed)} changed since the Pod of {member} was made"
    return (
        _unlooked(situation, pod) or _claimless(situation, pod) or _imageless(situation, pod) or _deaf(situation, pod)
    )


def _fail_together(situation: Situation) -> bool:
    """Whether no member serves, and none has what is asked for now: it may be what lets them serve.

    Then nothing is taken from anybody. The kubelet's own probes say so as well, so it is not the operator that is cut
    off. Who has lost its data, or its Pod, is no case of this.
    """
    record, seen = situation.record, situation.seen
    pods = [seen.pods.get(name) for name in record.members]
    return situation.membership is None and all(
        pod is not None
        and pod.running
        and not pod.ready
        and not pod.meta.deleting
        and bool(situation.outdated(pod))
        and loss(situation, pod.member) is None
        and not is_last_hold(situation, pod.member)
        for pod in pods
    )


def _unlooked(situation: Situation, pod: Pod) -> str | None:
    """Why a Pod makes way for one that looks at the volume; that one stays, whatever it finds.

    A Pod that does not look may still come after the first one was suspected: by a call that came late.
    """
    suspect = situation.record.suspect(pod.member)
    refused = pod.problem is not None and pod.problem.cause is Cause.START_REFUSED
    if suspect is None or not (suspect.pod_uid == pod.meta.uid or (refused and not pod.looks)):
        return None
    return f"{pod.member} did not start on its volume: its next Pod looks at it"


def _claimless(situation: Situation, pod: Pod) -> str | None:
    """Why a newcomer's Pod is of no use: the claim under it goes as soon as it ends, and another is made then."""
    claim = situation.seen.claims.get(pod.member)
    waits = pod.member in situation.record.joining and not pod.lived
    return f"the claim of {pod.member} is going" if waits and (claim is None or claim.meta.deleting) else None


def _imageless(situation: Situation, pod: Pod) -> str | None:
    """Why a newcomer's Pod would keep the cluster waiting: its node has to pull etcd's image first."""
    newcomer = pod.member in situation.record.joining
    if not newcomer or not pod.at_gate or pod.pulled or has_image(situation, pod.member):
        return None
    return f"the node of {pod.member} may not have etcd's image: its next Pod pulls it first"


def _deaf(situation: Situation, pod: Pod) -> str | None:
    """Why a Pod at the gate can never get through: none of those that it asks serves any more, though a quorum does."""
    listed = situation.membership
    if listed is None or not pod.at_gate or not pod.asks or len(listed.healthy) < quorum(listed.size):
        return None
    urls = {url for name in listed.healthy for url in listed.voters[name].peer_urls}
    return f"none of the members that {pod.member} asks serves" if urls.isdisjoint(pod.asks) else None


def _start(situation: Situation, member: str) -> FirstStart | Restart | None:
    """How the next Pod of `member` starts; None while that cannot be said.

    `new` only before the formation. After it a Pod may start on an empty directory only if etcd itself says that the
    member never started, and then waits at the gate. While etcd cannot be asked, who has started before does so with
    its data or not at all: a quorum may need it, a newcomer that was just promoted too.
    """
    record = situation.record
    if not record.formed:
        return FirstStart(ClusterState.NEW, ask=tuple(name for name in record.members if name != member))
    listed = situation.membership
    if listed is None and member in record.joining and not _is_withdrawn(situation, member):
        return None
    if listed is None or not permitted(situation, member):
        return Restart(inspect=record.suspect(member) is not None)
    ask = tuple(name for name in sorted(listed.healthy) if name != member)
    if not ask:
        return None
    pull = member not in record.joining or not has_image(situation, member)
    return FirstStart(ClusterState.EXISTING, ask=ask, cluster_id=record.cluster_id, pull=pull)
