"""What must never happen, checked before each write and change of the operator and after each tick.

| rule | what must be true |
| --- | --- |
| I1 | a change of the members leaves a quorum of voters that run and hear each other, and was recorded before |
| I2 | only a learner is added, whose Pod stands at the gate; a lost member goes when one does, or none can |
| I3 | no voter that serves is stopped unless a quorum serves without it; no Pod is taken that may come back |
| I4 | no Pod says `new` once the cluster ID is latched |
| I5 | at most one cluster has a leader, and it is the latched one |
| I6 | a claim goes only when etcd's list is without its member, and no process of the cluster has it open |
| I7 | nothing is taken away while no quorum can be asked |
| I8 | no member runs on the data of another, and nobody who was removed starts again |
| I9 | whoever leads has every acknowledged write |
| I11 | no secret in status or events |
| I14 | no process starts on an empty directory under an identity that clients could have written to |

Besides: nothing foreign is touched, nothing is done while paused, no name is used twice, clients reach only voters
whose permission of a first start is withdrawn and are sent elsewhere before one stops, and the budget knows of a voter
before it votes. A claim is only ever asked to grow, and one at a time; there is never a member more than asked for, but
where members may be replaced for their volumes, and then one. I13 and the liveness rules are checked at the end of a
run (endings.py), L4 by `rest`.

Three rules cannot be broken in a world of one cluster with one operator, and are proved elsewhere:

- I10: nothing makes a backup yet, so nothing proves it yet either.
- I12: no call starts for which the Lease leaves no time (tests/unit/kube/test_fence.py, tests/unit/etcd/test_fence.py,
  tests/unit/act/test_membership.py), a replica that was frozen has none left when it wakes (tests/unit/test_lease.py),
  and the real one writes nothing then (tests/integration/test_operator_process.py,
  e2e/scenarios/test_operator_fails.py). What it had sent before arrives late in every scenario here (explore.py).
- L5: a cluster that is stuck delays no other (tests/unit/test_workers.py).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import ClusterSpec
from etcd_operator.etcd.quorum import quorum
from etcd_operator.observation import Departure
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import CLUSTER_UID, ROLE, VOTER
from etcd_operator.resources.pod import START_CHECK_CONTAINER
from etcd_operator.resources.quantity import whole_number
from etcd_operator.resources.secret import INITIAL_CLUSTER
from etcd_operator.resources.settings import MADE_FROM, changed_since
from etcd_operator.startcheck import members_of
from tests.simulation import storage
from tests.simulation.changes import Add, Change, Move, Promote, Remove
from tests.simulation.kubernetes import merged, secret_data
from tests.simulation.port import Verb
from tests.simulation.scenario import NAME, NAMESPACE
from tests.simulation.truth import Truth, member_at, truth

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.port import Call
    from tests.simulation.process import Process
    from tests.simulation.world import History, World

SOON = 5.0
"""Seconds after which somebody who waits, and is not blocked, looks again at the latest."""

_PRIVATE = ("PRIVATE KEY", "LS0tLS1CRUdJTi")
"""How a private key, or anything in PEM that was encoded once more, shows in a text."""


class Violated(AssertionError):  # noqa: N818 - what a test sees
    """Something happened that must never happen; the message tells the whole run."""


def require(world: World, holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Violated with the story of the run unless the rule holds."""
    if not holds:
        raise Violated("\n".join((f"{world.scenario.name}: {rule}", *world.story)))


def permit(world: World, call: Call | Change, *, late: bool) -> None:
    """Check what the operator does just before it is carried out; `late` when it was planned long ago."""
    if isinstance(call, Change):
        if not late:
            _changes_safely(world, call)
        return
    if not _succeeds(world, call):
        return
    if call.kind is Kind.EVENT or call.status:
        _tells_no_secret(world, call)
        return
    require(world, late or not _paused(world), f"paused, but: {call}")
    _touches_only_its_own(world, call)
    _writes_safely(world, call, late=late)


def _succeeds(world: World, call: Call) -> bool:
    """Whether the API server carries it out: nothing stands in the way of a new object, and no other than was seen."""
    found = world.server.find(call.kind, call.namespace, call.name)
    if call.verb is Verb.CREATE:
        return found is None
    return call.precondition is None or (
        found is not None
        and call.precondition.uid == found["metadata"]["uid"]
        and call.precondition.resource_version in (None, found["metadata"]["resourceVersion"])
    )


def _writes_safely(world: World, call: Call, *, late: bool) -> None:
    match call.verb, call.kind:
        case Verb.CREATE, Kind.POD:
            _starts_what_may_start(world, call, late=late)
        case Verb.CREATE, Kind.CLAIM:
            anew = world.formed and call.name in world.history.lived
            require(world, late or not anew, f"I14: an empty claim stands in for lost data: {call}")
        case Verb.PATCH, Kind.CLAIM if "spec" in call.body:
            _lets_one_volume_grow(world, call, late=late)
        case Verb.DELETE, Kind.CLAIM:
            _deletes_no_data(world, call)
        case Verb.DELETE, Kind.POD:
            if world.formed and not late:
                _disrupts_nothing(world, call)
        case Verb.DELETE, _ if world.formed:
            require(world, call.name not in world.record.present, f"I3: takes what a member needs: {call}")
        case Verb.PATCH, Kind.SECRET:
            _grants_nothing_anew(world, call)
        case _:
            pass


def remember(world: World, call: Call | Change) -> History:
    """The history once the operator has sent this."""
    if isinstance(call, Change) and isinstance(call.what, Remove):
        known = truth(world)
        gone = known.name_of(call.what.member_id)
        return replace(world.history, dismissed=world.history.dismissed | {gone})
    return world.history


def expelled(world: World, names: frozenset[str]) -> History:
    """The history once somebody has removed these members, of which the operator may have meant to remove one."""
    history = world.history
    return replace(
        history,
        expelled=history.expelled | names,
        dismissed=history.dismissed | (names & _leaving(world)),
    )


def _changes_safely(world: World, change: Change) -> None:
    known, record = truth(world), world.record
    require(world, not _paused(world), f"paused, but: {change}")
    match change.what:
        case Add(url, learner):
            require(world, learner, f"I2: adds a voter: {change}")
            require(world, member_at(url) in record.joining, f"I1: was not recorded before: {change}")
            ready = Kind.POD in world.unseen or _stands_at_gate(world, member_at(url))
            require(world, ready, f"I2: nobody stands at the gate: {change}")
            few = len(known.names) < world.replicas + _spare(world)
            require(world, few or bool(world.unseen), f"I2: adds a member more than asked for: {change}")
        case Promote(member_id):
            name = known.name_of(member_id)
            require(world, name in record.joining, f"I1: was not recorded before: {change}")
            require(world, any(one.member == name for one in world.etcd.processes.values()), f"I1: is dead: {change}")
            require(world, len(known.healthy) + 1 >= quorum(known.size + 1), f"I1: no quorum is left after: {change}")
            budget = world.server.find(Kind.BUDGET, NAMESPACE, NAME)
            kept = budget is not None and budget["spec"]["minAvailable"] >= quorum(known.size + 1)
            require(world, kept or Kind.BUDGET in world.unseen, f"the budget does not know of the voter: {change}")
        case Remove(member_id):
            _removes_safely(world, known, change, member_id)
        case Move(member_id):
            require(world, known.name_of(member_id) in known.healthy, f"I3: who is to lead is not healthy: {change}")


def _removes_safely(world: World, known: Truth, change: Change, member_id: int) -> None:
    name, record = known.name_of(member_id), world.record
    if name in known.learners:
        wanted = name in record.joining and len(record.members) < world.replicas and name not in _lost(world)
        require(world, not wanted, f"I3: removes a learner that is wanted: {change}")
        return
    recorded = record.removing is not None and record.removing.member == name
    require(world, recorded or name not in known.names, f"I1: was not recorded before: {change}")
    staying = known.healthy - {name}
    require(world, len(staying) >= quorum(known.size - 1), f"I1: no quorum is left after: {change}")
    if recorded and len(record.members) <= world.replicas:
        # Neither the operator nor Kubernetes may reach one that its peers do.
        silent = name not in known.healthy or name in world.unreached
        require(world, silent, f"I3: removes a healthy member that is wanted: {change}")
        volume = record.removing is not None and record.removing.cause is Departure.VOLUME
        unsure = bool(world.unseen) or name not in _bound(world)
        allowed = not volume or unsure or _is_unfit(world, name)
        require(world, allowed, f"I1: replaces a member for its volume: {change}")
        ready = any(_stands_at_gate(world, one) or _finds_no_place(world, one) for one in record.joining)
        sure = ready or not record.joining or world.unseen
        require(world, bool(sure), f"I2: nobody stands ready to take its place: {change}")


def _spare(world: World) -> int:
    """How many members there may be beyond those that are asked for: one while somebody is to have another volume."""
    return 1 if any(_is_unfit(world, member) for member in world.members) else 0


def _is_unfit(world: World, member: str) -> bool:
    """Whether a member may be replaced for its volume, which is not as asked for and cannot become so."""
    claim = world.server.find(Kind.CLAIM, NAMESPACE, member)
    if claim is None or world.cluster is None or world.cluster["spec"]["storage"]["resize"] != "Replace":
        return False
    asked, has = ClusterSpec.parse(world.cluster["spec"]).storage, claim["spec"]["storageClassName"]
    expands = storage.expands(world.server, claim) and Kind.STORAGE_CLASS not in world.server.forbidden
    small = storage.wanted(claim) < whole_number(asked.size)
    return asked.class_name not in (None, has) or (small and not expands)


def _lets_one_volume_grow(world: World, call: Call, *, late: bool) -> None:
    """A volume is only asked for more than it has, and where one does not grow, no other is tried."""
    claims = {claim["metadata"]["name"]: claim for claim in world.server.list(Kind.CLAIM)}
    before, after = claims[call.name], merged(claims[call.name], call.body)
    more = storage.wanted(after) > (storage.capacity(before) if storage.grows(before) else storage.wanted(before))
    require(world, more, f"a volume is not asked to grow: {call}")
    others = [name for name in world.members if name in claims and name != call.name and storage.grows(claims[name])]
    unsure = late or Kind.CLAIM in world.unseen
    require(world, unsure or not others, f"lets a volume grow while {others} do: {call}")


def _finds_no_place(world: World, member: str) -> bool:
    """Whether Kubernetes takes no Pod of the member, or has no node for it."""
    pod = world.server.find(Kind.POD, NAMESPACE, member)
    return pod is None or any(
        entry["type"] == "PodScheduled" and entry["status"] == "False" for entry in pod["status"].get("conditions", ())
    )


def _bound(world: World) -> frozenset[str]:
    """The names of claims that have a volume."""
    claims = world.server.list(Kind.CLAIM)
    return frozenset(claim["metadata"]["name"] for claim in claims if claim["status"]["phase"] == "Bound")


def _lost(world: World) -> frozenset[str]:
    """Members without data."""
    claims = {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in world.server.list(Kind.CLAIM)}
    return frozenset(name for name in world.record.present if claims.get(name) not in world.etcd.stored)


def _stands_at_gate(world: World, member: str) -> bool:
    """Whether it does, as far as Kubernetes can know."""
    pod = world.server.find(Kind.POD, NAMESPACE, member)
    if pod is None or "deletionTimestamp" in pod["metadata"] or pod["status"]["phase"] != "Pending":
        return False
    said = {entry["name"]: entry["state"] for entry in pod["status"].get("initContainerStatuses", ())}
    return "running" in said.get(START_CHECK_CONTAINER, {})


def _paused(world: World) -> bool:
    cluster = world.cluster
    return cluster is not None and cluster["spec"]["paused"]


def _tells_no_secret(world: World, call: Call) -> None:
    text = json.dumps(call.body)
    require(world, not any(private in text for private in _PRIVATE), f"I11: a secret in {call}")


def _touches_only_its_own(world: World, call: Call) -> None:
    """By UID: a claim by its label, because it may have no owner, and everything else by its owner."""
    found = world.server.find(call.kind, call.namespace, call.name)
    if found is None or world.cluster is None:
        return
    uid, about = world.cluster["metadata"]["uid"], found["metadata"]
    owners = {owner["uid"] for owner in about.get("ownerReferences", ())}
    if call.kind is Kind.CLAIM and not owners:
        owners = {about.get("labels", {}).get(CLUSTER_UID)}
    require(world, owners == {uid}, f"touches what is not its own: {call}")


def _starts_what_may_start(world: World, call: Call, *, late: bool) -> None:
    """A call on its way when the cluster formed may still say `new`; its member's Secret then decides.

    Who was removed may be started once more while no quorum can tell of it.
    """
    unsure = late or call.name in _leaving(world) or not truth(world).agreed or bool(world.unreached)
    require(world, unsure or call.name not in world.history.removed, f"I8: starts who was removed: {call}")
    arguments = call.body["spec"]["containers"][0]["args"]
    if not world.formed or "--initial-cluster-state=new" not in arguments:
        return
    permitted = call.name in permission(world, call.name)
    unsafe = permitted and call.name in world.history.lived
    require(world, late and not unsafe, f"I4: `new` after the formation: {call}")


def _deletes_no_data(world: World, call: Call) -> None:
    """The data of a member goes only after the member, and what was asked to be kept does not go at all."""
    claim, history = world.server.get(call.kind, call.namespace, call.name), world.history
    used = [process for process in world.etcd.processes.values() if process.claim == claim["metadata"]["uid"]]
    if not world.formed:
        require(world, not used, f"I6: deletes a claim in use: {call}")
        return
    known = truth(world)
    # A volume that Kubernetes lost before its member ever started held nothing.
    void = claim["status"]["phase"] == "Lost" and call.name not in known.started | history.lived
    if claim["status"]["phase"] == "Pending" or void:
        return
    require(world, known.agreed, f"I7: deletes a claim while no quorum can be asked: {call}")
    require(world, call.name not in known.names, f"I6: deletes the claim of a member: {call}")
    require(world, all(process.pod in known.forgotten for process in used), f"I6: deletes a claim in use: {call}")
    if call.name in history.voted and world.cluster is not None:
        keep = world.cluster["spec"]["storage"]["onScaleIn"] == "Retain"
        require(world, not keep, f"I6: deletes a claim that is to be kept: {call}")
        require(world, call.name in history.dismissed, f"I6: deletes the claim of who was removed by hand: {call}")


def outdated(world: World, pod: Json) -> tuple[str, ...]:
    """What the user has changed of that which the Pod was made from, or Kubernetes of its volume.

    Of the versions that one counts which was accepted, with the snapshots that prepare for the next.
    """
    if world.cluster is None:
        return ()
    spec, record = ClusterSpec.parse(world.cluster["spec"]), world.record
    claim = world.server.find(Kind.CLAIM, NAMESPACE, pod["metadata"]["name"])
    holds = None if claim is None else storage.capacity(claim) or None
    etcd = replace(spec.etcd, snapshot_count=1) if record.snapshots else spec.etcd
    in_force = replace(
        spec, version=record.version or spec.version, etcd=etcd, storage=replace(spec.storage, holds=holds)
    )
    return changed_since(pod["metadata"]["annotations"][MADE_FROM], in_force)


def _disrupts_nothing(world: World, call: Call) -> None:
    """A Pod of a member goes when it has ended, cannot get on, or leaves; one that serves only if a quorum stays."""
    body, known, record = world.server.get(call.kind, call.namespace, call.name), truth(world), world.record
    leaves = record.removing is not None and record.removing.member == call.name
    # Who sees the claims as they were takes a volume for smaller than it is.
    changed = bool(outdated(world, body)) or world.unseen == {Kind.CLAIM}
    force = call.grace_seconds == 0
    require(world, not (force and call.name in known.voters), f"I3: force-deletes the Pod of a voter: {call}")
    if "deletionTimestamp" in body["metadata"] or not world.replicas:
        return
    if call.name in known.healthy:
        enough = len(known.healthy) - 1 >= quorum(known.size) or known.size == 1
        require(world, (leaves or changed) and enough, f"I3: stops a member that serves: {call}")
        reached = ROLE in body["metadata"]["labels"] and Kind.POD not in world.unseen and known.size > 1
        # Of one that does not answer the operator it goes by what Kubernetes knows, and to whom that sends clients.
        reached = reached and (call.name not in world.unreached or _is_ready(body))
        require(world, not reached, f"stops a member to which clients are sent: {call}")
        return
    ended = body["status"]["phase"] in {"Failed", "Succeeded"}
    spare = call.name in known.learners or (call.name not in world.history.lived and not known.runs(call.name))
    gone = call.name not in known.names and call.name not in record.present
    idle = _does_not_start(world, body)
    require(world, ended or leaves or spare or gone or idle or changed, f"I3, I7: disrupts a formed cluster: {call}")


def _is_ready(pod: Json) -> bool:
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"].get("conditions", ()))


def _does_not_start(world: World, pod: Json) -> bool:
    """Whether a container of the Pod fails again and again, or did when that was recorded, and no process runs."""
    containers = [*pod["status"].get("initContainerStatuses", ()), *pod["status"].get("containerStatuses", ())]
    reasons = {entry["state"].get("waiting", {}).get("reason") for entry in containers}
    failed = "CrashLoopBackOff" in reasons or world.record.suspect(pod["metadata"]["name"]) is not None
    return failed and pod["metadata"]["uid"] not in world.etcd.processes


def _grants_nothing_anew(world: World, call: Call) -> None:
    """Who has lived in the formed cluster never again gets the permission to start on an empty directory."""
    text = call.body.get("data", {}).get(INITIAL_CLUSTER)
    if text is None or not world.formed:
        return
    before = world.server.copy()
    call.carry_out(before)
    granted = call.name in _members_in(secret_data(before, call.namespace, call.name)[INITIAL_CLUSTER])
    anew = granted and call.name in world.history.lived and call.name not in permission(world, call.name)
    require(world, not anew, f"I14: lets {call.name} start anew after it has lived: {call}")


def permission(world: World, member: str) -> frozenset[str]:
    """Who may start on an empty directory, as the member's Secret says."""
    return _members_in(secret_data(world.server, NAMESPACE, member).get(INITIAL_CLUSTER, WITHDRAWN.encode()))


def _members_in(text: bytes) -> frozenset[str]:
    return members_of(text.decode())


def hold(world: World) -> History:
    """Check what must be true at every moment; returns the history up to now."""
    history, known = world.history, truth(world)
    anew = history.lived & {member_at(url) for url in world.etcd.first_starts}
    require(world, not anew, f"I14: started on an empty directory under an old identity: {sorted(anew)}")
    _one_cluster(world)
    for process in world.etcd.processes.values():
        own = process.data.name == process.member
        require(world, own, f"I8: {process.member} runs on the data of {process.data.name}")
    reached = [pod for pod in world.server.list(Kind.POD) if pod["metadata"]["labels"].get(ROLE) == VOTER]
    for pod in reached:
        name = pod["metadata"]["name"]
        require(world, name not in permission(world, name), f"clients reach {name}, which may still start anew")
        require(world, name not in known.learners, f"clients reach {name}, which has no vote")
    return replace(
        history,
        lived=history.lived | (known.started if reached else frozenset()),
        voted=history.voted | (known.started & frozenset(known.voters) if reached else frozenset()),
        removed=history.removed | (history.lived - known.names if known.agreed else frozenset()),
        # A replica that had looked before may still choose whom somebody has just removed.
        dismissed=history.dismissed | (history.expelled & _leaving(world)),
        named=_names(world),
        retired=_retired(world),
    )


def rest(world: World) -> None:
    """Check what must be true once nothing changes any more: who still waits says for what, and looks again soon."""
    if world.cluster is None:
        return
    plan = world.status["plan"]
    action, blocked = plan["action"], plan["blocked"]
    require(world, bool(plan["reason"]), f"L4: {action}, and nobody knows why")
    require(world, all(block["reason"] and block["message"] for block in blocked), f"L4: blocked by {blocked}")
    finds = {entry["type"]: entry["status"] for entry in world.status["conditions"]}
    require(world, finds["Blocked"] == str(bool(blocked)), f"L4: Blocked is {finds['Blocked']} by {blocked}")
    waits = action not in {"Stable", "Hibernated"} and not blocked
    soon = 0 < world.wake_after <= SOON
    require(world, soon or not waits, f"L4: {action}, and looks again after {world.wake_after} s")


def _one_cluster(world: World) -> None:
    led = [leader for leader in world.etcd.leaders if not _is_stranded(world, leader)]
    require(world, len(led) <= 1, f"I5: {len(led)} clusters have a leader at the same time")
    for leader in led:
        if world.formed:
            same = f"{leader.data.cluster_id:x}" == world.status["clusterID"]
            require(world, same, "I5: a quorum runs under another cluster ID than the latched one")
        written = {(put.key, put.value) for put in leader.data.journal.puts}
        lost = [key for key, value in world.history.acknowledged if (key, value) not in written]
        require(world, not lost, f"I9: acknowledged writes are lost: {lost}")


def _is_stranded(world: World, leader: Process) -> bool:
    """Whether a first start that was given up runs on where nobody can end it: no client ever reached that either."""
    given_up = leader.member in _retired(world) and leader.member not in world.history.lived
    return given_up and world.nodes.sandboxes[leader.pod].node in world.nodes.silent


def _names(world: World) -> tuple[str, ...]:
    """Every name that was recorded, in the order in which they were."""
    named, present = world.history.named, world.record.present
    again = (set(present) & _retired(world)) - truth(world).names
    require(world, not again, f"a name is used again: {sorted(again)}")
    return (*named, *(name for name in present if name not in named))


def _leaving(world: World) -> frozenset[str]:
    """Who is recorded to leave: whoever then removes it, it was asked for."""
    leaving = world.record.removing
    return frozenset() if leaving is None else frozenset({leaving.member})


def _retired(world: World) -> frozenset[str]:
    """Every name that was ever on its way out for good."""
    return world.history.retired | {leaver.member for leaver in world.record.left}
