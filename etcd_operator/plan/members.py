"""Every member has its Pod, and clients reach the members that may take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.observation import Cause, Unknown
from etcd_operator.plan.credentials import permitted
from etcd_operator.plan.model import Create, Delete, Patch, Plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import POD_HASH, voter_label
from etcd_operator.resources.pod import ClusterState, FirstStart, Restart, member_pod, pod_hash
from etcd_operator.resources.secret import INITIAL_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.observation import Pod
    from etcd_operator.plan.model import Step
    from etcd_operator.plan.situation import Situation

FORMING_WAKE = 0.25
"""Seconds between two looks while members form the cluster: Kubernetes does not tell when etcd elects a leader."""


def admit(situation: Situation) -> Plan | None:
    """Let clients reach each voter whose permission to start empty is withdrawn.

    In this order no write is acknowledged through the Service to a member that could still start over from nothing.
    """
    steps = tuple(
        Patch(Kind.POD, pod.meta, {"metadata": {"labels": voter_label()}}, f"{member} may take clients")
        for member in situation.record.members
        if (pod := situation.seen.pods.get(member)) is not None
        and not pod.serving
        and not pod.meta.deleting
        and _may_serve(situation, member)
    )
    if not steps:
        return None
    return Plan("AdmitMembers", f"{len(steps)} members may take clients", situation.record, steps, wake_after=0)


def _may_serve(situation: Situation, member: str) -> bool:
    listed, secret = situation.listed(member), situation.seen.secrets.get(member)
    return (
        situation.record.formed
        and listed is not None
        and listed.started
        and not listed.is_learner
        and secret is not None
        and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()
    )


def run(situation: Situation) -> Plan | None:
    """Create the Pods that are missing, and before the cluster has formed replace those that are not as specified.

    A Pod is created only when no older Pod of the member exists in whatever phase, its claim is there, and what it
    needs to start stands ready. After the formation a Pod is only ever created on the claim that the member had.
    """
    steps = tuple(step for member in situation.record.members for step in _steps(situation, member))
    if steps:
        return Plan("RunMembers", "; ".join(step.why for step in steps), situation.record, steps)
    if situation.record.formed:
        return None
    waiting = [member for member in situation.record.members if not _running(situation, member)]
    why = f"waiting for {', '.join(waiting)} to start" if waiting else "waiting for the members to agree"
    return Plan("FormCluster", why, situation.record, wake_after=1.0 if waiting else FORMING_WAKE)


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
        body = member_pod(identity, situation.spec, member, start=start, gate=situation.gate)
        yield Create(Kind.POD, member, body, f"{member} has no Pod")


def _addresses_known(situation: Situation, member: str) -> bool:
    """Whether the names that the member will ask for exist: at a first start those of all (etcd-rules.md §7)."""
    asked = (member,) if situation.record.formed else situation.record.members
    return all(name in situation.seen.services for name in asked)


def _wrong(situation: Situation, member: str, pod: Pod) -> str | None:
    """Why the Pod cannot stay; None if it can."""
    if pod.finished:
        return f"the Pod of {member} ended and does not come back"
    if pod.problem is not None and pod.problem.cause is Cause.DATA_LOST and permitted(situation, member):
        return f"{member} may start on an empty volume, and its Pod does not"
    if situation.record.formed:
        return None
    wanted = pod_hash(situation.identity, situation.spec, member)
    return None if pod.meta.annotations.get(POD_HASH) == wanted else f"the Pod of {member} is not as specified"


def _start(situation: Situation, member: str) -> FirstStart | Restart:
    """How the next Pod of `member` starts.

    `new` only before the formation. After it a Pod may start on an empty directory only if etcd itself says that the
    member never started; while etcd cannot be asked, it starts with its data or not at all.
    """
    if not situation.record.formed:
        return FirstStart(ClusterState.NEW)
    if isinstance(situation.seen.etcd.members, Unknown) or not permitted(situation, member):
        return Restart()
    return FirstStart(ClusterState.EXISTING)
