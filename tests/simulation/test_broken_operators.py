"""A simulation is worth something only if it can fail: each of these operators is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator import startcheck
from etcd_operator.act import membership as act_membership
from etcd_operator.observe import kubernetes as observe_kubernetes
from etcd_operator.plan import (
    bootstrap,
    changes,
    credentials,
    foundations,
    intentions,
    leftovers,
    loss,
    members,
    placement,
    planner,
    refusals,
    rollout,
    situation,
    upgrade,
    volumes,
)
from etcd_operator.status import document
from tests.simulation import scenarios
from tests.simulation.broken import Fault, broken
from tests.simulation.explore import Explorer
from tests.simulation.invariants import Violated

if TYPE_CHECKING:
    import asyncio

    from tests.simulation.scenario import Scenario


def called(name: str) -> Scenario:
    """The scenario of that name."""
    return next(scenario for scenario in scenarios.ALL if scenario.name == name)


FAULTS = (
    Fault(
        "the permission of a first start is never withdrawn",
        credentials,
        "return member in situation.record.joining if listed is None else not listed.started",
        "return True",
        called("create 3"),
        "clients do not reach",
    ),
    Fault(
        "clients reach a member before its permission is withdrawn",
        members,
        "and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()",
        "",
        called("create 3"),
        "which may still start anew",
    ),
    Fault(
        "a claim is made for a member that has data to lose",
        foundations,
        "if member not in seen.claims and permitted(situation, member):",
        "if member not in seen.claims:",
        called("a claim and its Pod are deleted by hand"),
        "stands in for lost data",
    ),
    Fault(
        "a Pod with `new` is made after the formation",
        members,
        "if not record.formed:\n        return FirstStart(ClusterState.NEW,",
        "if True:\n        return FirstStart(ClusterState.NEW,",
        called("1 Pods deleted by hand"),
        "I4",
    ),
    Fault(
        "what an earlier cluster of the name left is taken for its own",
        observe_kubernetes,
        "return _uid_label(body) == uid and",
        "return",
        called("created again under the same name, claims Retain"),
        "ends with the plan",
    ),
    Fault(
        "what carries its labels is taken for its own",
        observe_kubernetes,
        "(kind is Kind.CLAIM or parse.meta(body).owner == uid)",
        "True",
        called("a Secret orders-client of somebody else's with all our labels, until it is removed"),
        "touches what is not its own",
    ),
    Fault(
        "a Pod that is not ready is replaced",
        members,
        "if pod.finished:",
        "if pod.finished or (situation.record.formed and not pod.ready):",
        called("all nodes off and on, the operator up"),
        "I3, I7",
    ),
    Fault(
        "the formation is recorded from whatever cluster answers",
        bootstrap,
        "if {url for member in agreed.members for url in member.peer_urls} != named:",
        "if not named:",
        called("3 to 1 with etcd running before the formation"),
        "a name is used again",
    ),
    Fault(
        "a claim is deleted before its Pod has ended",
        leftovers,
        "yield Delete(Kind.POD, pod.meta, why, grace=0 if away else None)\n        return\n",
        "yield Delete(Kind.POD, pod.meta, why, grace=0 if away else None)\n",
        called("3 to 1 with etcd running before the formation"),
        "I6",
    ),
    Fault(
        "names are drawn from nothing fresh",
        situation,
        "_suffix(self.entropy, turn)",
        '_suffix(b"", turn)',
        called("1 to 3 to 1 before the formation"),
        "a name is used again",
    ),
    Fault(
        "a pause is not heeded",
        refusals,
        "if situation.spec.paused:",
        "if not situation.spec:",
        called("paused with claims, then resumed"),
        "paused, but",
    ),
    Fault(
        "the status shows what a Secret holds",
        document,
        '"clientSecret": identity.client_secret,',
        '"clientSecret": str([dict(secret.data) for secret in seen.secrets.values()]),',
        called("create 1"),
        "I11",
    ),
    Fault(
        "the status has a clock in it",
        document,
        'old["since"] if same and "since" in old else timestamp(at)',
        "timestamp(at)",
        called("create 1"),
        "L1",
    ),
    Fault(
        "what was given up is forgotten",
        bootstrap,
        "left=(*record.left, *given_up), version",
        "left=(), version",
        called("3 to 5 with Pods before the formation"),
        "I5: 2 clusters have a leader",
    ),
    Fault(
        "a newcomer is added before it stands ready",
        changes,
        "if pod is None or not pod.at_gate or pod.problem is not None or pod.meta.deleting:",
        "if pod is None:",
        called("3 to 5"),
        "I2: nobody stands at the gate",
    ),
    Fault(
        "an evicted newcomer is added",
        changes,
        "if pod is None or not pod.at_gate or pod.problem is not None or pod.meta.deleting:",
        "if pod is None or not pod.at_gate or pod.meta.deleting:",
        called("a newcomer is evicted at the gate"),
        "I2: nobody stands at the gate",
    ),
    Fault(
        "a lost member goes before anybody can take its place",
        changes,
        "if not record.joining or any(_stands_at_gate(situation, newcomer) for newcomer in record.joining):",
        "if True:",
        called("a volume lost"),
        "I2: nobody stands ready to take its place",
    ),
    Fault(
        "a learner votes before the budget counts it",
        changes,
        "budget.min_available < quorum(listed.size + 1)",
        "budget.min_available < 0",
        called("3 to 5"),
        "the budget does not know of the voter",
    ),
    Fault(
        "a healthy member is stopped although another one is down",
        changes,
        "if pod is not None and may_stop(listed.size, staying):",
        "if pod is not None:",
        called("3 to 1 while a node is off for good"),
        "I3: stops a member that serves",
    ),
    Fault(
        "a member is made anew while clients are sent to it",
        rollout,
        "    others_serve = member in listed.healthy and listed.size > 1\n"
        "    # Clients may be sent to one that does not answer the operator.\n"
        "    if (others_serve or pod.ready) and pod.serving and listed.size > 1:\n",
        "    others_serve = False\n    if others_serve:\n",
        called("a setting changes"),
        "stops a member to which clients are sent",
    ),
    Fault(
        "who is killed for a moment gets what another does not come up with",
        rollout,
        "    if pod.problem is None or pod.just_ended or is_last_hold(situation, pod.member):\n"
        "        return False\n"
        "    return pod.restarts >= HOPELESS or not _is_doubtful(situation, pod.member)\n",
        "    return pod.problem is not None\n",
        called("a container restarts while an image that does not exist stays at another member"),
        "condition Available is False",
    ),
    Fault(
        "a change of the spec reaches nobody",
        rollout,
        "    if not changed:\n        return None\n",
        "    return None\n",
        called("a setting changes"),
        "has another etcd.snapshotCount",
    ),
    Fault(
        "a member stops while clients are sent to it",
        changes,
        'if pod is not None and (dismissing := dismissal(situation, "ScaleIn", pod, lasting=lasting)):',
        "if pod is not None and (dismissing := None):",
        called("5 to 3"),
        "stops a member to which clients are sent",
    ),
    Fault(
        "a node that is away is lost at once",
        loss,
        "absence.since + situation.spec.recovery.replace_after",
        "absence.since",
        called("a node off, and back in time"),
        "were replaced, expected 0",
    ),
    Fault(
        "a node that is away is lost although its member serves",
        loss,
        "if view is not None and (view.healthy or view.takes_part) and not _another(situation, member):",
        "if False:",
        called("a node that Kubernetes hears no more, and its member serves"),
        "members are",
    ),
    Fault(
        "a full disk is taken for lost data",
        loss,
        "pod.problem.cause in _DATA",
        "pod.problem.cause in {*_DATA, Cause.CRASHING}",
        called("a volume is full"),
        "ends with the plan",
    ),
    Fault(
        "who is blocked does not say by what",
        planner,
        'Plan("Blocked", against[0].message,',
        'Plan("Blocked", "",',
        called("no place for the third member"),
        "L4: Blocked, and nobody knows why",
    ),
    Fault(
        "etcd 3.7 is started on what 3.5 wrote",
        upgrade,
        "if listed is not None and _is_higher(listed, asked) and needs_snapshot(oldest, parse_version(asked)):",
        "if False:",
        called("two minor versions one after the other"),
        "panic: execute job failed",
    ),
    Fault(
        "silence is taken for lost data",
        loss,
        "words = _another(situation, member)",
        'words = "it is silent"',
        called("1 Pods deleted by hand"),
        "were replaced, expected 0",
    ),
    Fault(
        "what a member leaves goes before the member",
        leftovers,
        "return listed is not None and situation.listed(member) is None",
        "return True",
        called("3 to 5, and back to 3 while a newcomer learns"),
        "I6: deletes the claim of a member",
    ),
    Fault(
        "claims are deleted that are to be kept",
        leftovers,
        "claims = {} if keep_claim else seen.claims",
        "claims = seen.claims",
        called("3 to 5 to 3 to 5 with claims that are kept"),
        "I6: deletes a claim that is to be kept",
    ),
    Fault(
        "kept claims are taken for nobody's",
        leftovers,
        "return [name for name in sorted(labelled - with_data - named)",
        "return [name for name in sorted(labelled - named)",
        called("3 to 5 to 3 to 5 with claims that are kept"),
        "I6: deletes a claim that is to be kept",
    ),
    Fault(
        "the claim of who was removed by hand is deleted",
        intentions,
        "keep_claim=keep or name != ours",
        "keep_claim=keep",
        called("a member is removed by hand"),
        "I6: deletes the claim of who was removed by hand",
    ),
    Fault(
        "the claim of a newcomer that was removed by hand is deleted",
        intentions,
        "*(Leaver(name, keep_claim=True) for name in turned_away),",
        "*(Leaver(name, keep_claim=False) for name in turned_away),",
        called("a newcomer is removed by hand before the record says that it votes"),
        "I6: deletes the claim of who was removed by hand",
    ),
    Fault(
        "a label that was taken off stays off",
        members,
        "if wrong and not found.meta.deleting:",
        "if False:",
        called("the label etcd-operator.dev/member is taken off a Pod"),
        "ends with the plan",
    ),
    Fault(
        "the Pod of a dead member is force-deleted before the member leaves",
        changes,
        'return take(situation, "ReplaceMember", Delete(Kind.POD, pod.meta, why))',
        'return take(situation, "ReplaceMember", Delete(Kind.POD, pod.meta, why, grace=0))',
        called("a volume lost where there is no room for a newcomer"),
        "I3: force-deletes the Pod of a voter",
    ),
    Fault(
        "members are added as voters",
        act_membership,
        "learner=True",
        "learner=False",
        called("3 to 5"),
        "I2: adds a voter",
    ),
    Fault(
        "a wish that was taken back is fulfilled",
        intentions,
        "return len(record.members) > situation.spec.replicas and stops",
        "return True",
        called("5 to 3, and at once back to 5"),
        "I2: nobody stands ready to take its place",
    ),
    Fault(
        "the start check asks nobody",
        startcheck,
        "    if ever_started():",
        "    if False:",
        called("the third member starts while the operator is down, and is emptied after its Pod was deleted"),
        "I14: started on an empty directory",
    ),
    Fault(
        "members are replaced for their volumes although nobody asked for that",
        volumes,
        "return unfit(situation, member) if situation.spec.storage.resize is Resize.REPLACE else None",
        "return unfit(situation, member)",
        called("a larger size is refused"),
        "I2: adds a member more than asked for",
    ),
    Fault(
        "volumes are expanded all at once",
        volumes,
        "if claim.grows and claim.size <= asked:",
        "if False:",
        called("volumes grow"),
        "lets a volume grow while",
    ),
    Fault(
        "a volume is to grow that is not there yet",
        volumes,
        "return claim.bound and (",
        "return (",
        called("volumes grow while a member has none yet"),
        "the claims ask for and have",
    ),
    Fault(
        "a member that does not run is replaced although its volume can grow",
        intentions,
        "return replaceable(situation, member)\n",
        'return "it does not run"\n',
        called("a full volume grows"),
        "I1: replaces a member for its volume",
    ),
    Fault(
        "who waits for a volume that no storage has waits for ever",
        volumes,
        "waits = claim.problem is not None or (pod is not None and pod.problem is not None)",
        "waits = False",
        called("a size that no storage has is made smaller before the formation"),
        "ends with the plan",
    ),
    Fault(
        "the newcomer leaves in place of the member with the former volume",
        placement,
        "loss(situation, name) is not None, replaceable(situation, name) is None",
        "loss(situation, name) is not None, replaceable(situation, name) is not None",
        called("a single member is replaced for a larger volume"),
        "L1: not at its end",
    ),
    Fault(
        "the leader stays on a node that is to be drained",
        changes,
        "if listed.leader is None or not on_cordoned_node(situation, listed.leader):",
        "if True:",
        called("the leader's node is cordoned"),
        "leads on the cordoned",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_it_is_noticed_that(loop: asyncio.AbstractEventLoop, fault: Fault) -> None:
    with broken(fault), pytest.raises(Violated, match=fault.noticed):
        Explorer(loop).explore(fault.scenario)
