"""What must never happen, checked before each write of the operator and after each tick.

| rule | what must be true |
| --- | --- |
| I3, I7 | a formed cluster is not disrupted: only Pods that ended go, and what a member that never lived left |
| I4 | no Pod says `new` once the cluster ID is latched |
| I5 | at most one cluster has a leader, and it is the latched one |
| I6 | no claim goes that may hold data of a formed cluster, or that a process has open |
| I8 | no member runs on the data of another |
| I9 | whoever leads has every acknowledged write |
| I11 | no secret in status or events |
| I14 | no process starts on an empty directory under an identity that clients could have written to |

Besides: nothing foreign is touched, nothing is done while paused, no name is used twice, and clients reach only members
whose permission of a first start is withdrawn. I13 and the liveness rules are checked at the end of a run (endings.py).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import CLUSTER_UID, ROLE, VOTER
from etcd_operator.resources.secret import INITIAL_CLUSTER
from etcd_operator.startcheck import members_of
from tests.simulation.kubernetes import secret_data
from tests.simulation.port import Verb
from tests.simulation.scenario import NAMESPACE

if TYPE_CHECKING:
    from etcd_operator.kube.port import Json
    from tests.simulation.port import Call
    from tests.simulation.world import History, World

_PRIVATE = ("PRIVATE KEY", "LS0tLS1CRUdJTi")
"""How a private key, or anything in PEM that was encoded once more, shows in a text."""


class Violated(AssertionError):  # noqa: N818 - what a test sees
    """Something happened that must never happen; the message tells the whole run."""


def require(world: World, holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Violated with the story of the run unless the rule holds."""
    if not holds:
        raise Violated("\n".join((f"{world.scenario.name}: {rule}", *world.story)))


def permit(world: World, call: Call, *, late: bool) -> None:
    """Check a write of the operator just before it is carried out; `late` when it was planned long ago."""
    found = world.server.find(call.kind, call.namespace, call.name)
    standing = call.precondition is None or (
        found is not None
        and call.precondition.uid == found["metadata"]["uid"]
        and call.precondition.resource_version in (None, found["metadata"]["resourceVersion"])
    )
    if not standing or (call.verb is Verb.CREATE and found is not None):
        return
    if call.kind is Kind.EVENT or call.status:
        _tells_no_secret(world, call)
        return
    require(world, late or not _paused(world), f"paused, but: {call}")
    _touches_only_its_own(world, call, found)
    match call.verb, call.kind:
        case Verb.CREATE, Kind.POD:
            _starts_no_new_cluster(world, call, late=late)
        case Verb.CREATE, Kind.CLAIM:
            anew = world.formed and _has_lived(world, call.name)
            require(world, late or not anew, f"I14: an empty claim stands in for lost data: {call}")
        case Verb.DELETE, Kind.CLAIM:
            _deletes_no_data(world, call)
        case Verb.DELETE, _ if world.formed:
            _disrupts_nothing(world, call)
        case Verb.PATCH, Kind.SECRET:
            _grants_nothing_anew(world, call)
        case _:
            pass


def _paused(world: World) -> bool:
    cluster = world.cluster
    return cluster is not None and cluster["spec"]["paused"]


def _tells_no_secret(world: World, call: Call) -> None:
    text = json.dumps(call.body)
    require(world, not any(private in text for private in _PRIVATE), f"I11: a secret in {call}")


def _touches_only_its_own(world: World, call: Call, found: Json | None) -> None:
    """By UID: a claim by its label, because it may have no owner, and everything else by its owner."""
    if found is None or world.cluster is None:
        return
    uid, about = world.cluster["metadata"]["uid"], found["metadata"]
    owners = {owner["uid"] for owner in about.get("ownerReferences", ())}
    if call.kind is Kind.CLAIM and not owners:
        owners = {about.get("labels", {}).get(CLUSTER_UID)}
    require(world, owners == {uid}, f"touches what is not its own: {call}")


def _starts_no_new_cluster(world: World, call: Call, *, late: bool) -> None:
    """A call on its way when the cluster formed may still say `new`; its member's Secret then decides."""
    arguments = call.body["spec"]["containers"][0]["args"]
    if not world.formed or "--initial-cluster-state=new" not in arguments:
        return
    url = next(item for item in arguments if "advertise-peer" in item).partition("=")[2]
    permitted = call.name in permission(world, call.name)
    require(world, late and not (permitted and url in world.history.lived), f"I4: `new` after the formation: {call}")


def _deletes_no_data(world: World, call: Call) -> None:
    """Only before the formation a claim goes that was ever bound, and never one that a process has open."""
    claim = world.server.get(call.kind, call.namespace, call.name)
    bound = claim["status"]["phase"] == "Bound"
    require(world, not (world.formed and bound), f"I6: deletes a claim of a formed cluster: {call}")
    used = any(process.claim == claim["metadata"]["uid"] for process in world.etcd.processes.values())
    require(world, not used, f"I6: deletes a claim in use: {call}")


def _disrupts_nothing(world: World, call: Call) -> None:
    """After the formation a Pod goes that has ended, and what belongs to a member that never lived and does not run."""
    body = world.server.get(call.kind, call.namespace, call.name)
    ended = call.kind is Kind.POD and body["status"]["phase"] in {"Failed", "Succeeded"}
    runs = any(process.member == call.name for process in world.etcd.processes.values())
    spare = call.kind is Kind.POD or call.name not in world.members
    allowed = ended or (spare and not runs and not _has_lived(world, call.name))
    require(world, allowed, f"I3, I7: disrupts a formed cluster: {call}")


def _has_lived(world: World, member: str) -> bool:
    return any(f"//{member}." in url for url in world.history.lived)


def _grants_nothing_anew(world: World, call: Call) -> None:
    """Who has lived in the formed cluster never again gets the permission to start on an empty directory."""
    text = call.body.get("data", {}).get(INITIAL_CLUSTER)
    if text is None or not world.formed:
        return
    before = world.server.copy()
    call.carry_out(before)
    granted = call.name in _members_in(secret_data(before, call.namespace, call.name)[INITIAL_CLUSTER])
    require(
        world,
        not (granted and _has_lived(world, call.name)),
        f"I14: lets {call.name} start anew after it has lived: {call}",
    )


def permission(world: World, member: str) -> frozenset[str]:
    """Who may start on an empty directory, as the member's Secret says."""
    return _members_in(secret_data(world.server, NAMESPACE, member).get(INITIAL_CLUSTER, WITHDRAWN.encode()))


def _members_in(text: bytes) -> frozenset[str]:
    return members_of(text.decode())


def hold(world: World) -> History:
    """Check what must be true at every moment; returns the history up to now."""
    history = world.history
    anew = history.lived & set(world.etcd.first_starts)
    require(world, not anew, f"I14: started on an empty directory under an old identity: {sorted(anew)}")
    _one_cluster(world)
    for process in world.etcd.processes.values():
        own = process.data.name == process.member
        require(world, own, f"I8: {process.member} runs on the data of {process.data.name}")
    for pod in world.server.list(Kind.POD):
        if pod["metadata"]["labels"].get(ROLE) == VOTER:
            name = pod["metadata"]["name"]
            require(world, name not in permission(world, name), f"clients reach {name}, which may still start anew")
    return replace(history, lived=history.lived | _living(world), named=_names(world))


def _one_cluster(world: World) -> None:
    led = [world.etcd.processes[pod] for pod in world.etcd.leaders.values()]
    require(world, len(led) <= 1, f"I5: {len(led)} clusters have a leader at the same time")
    for leader in led:
        if world.formed:
            same = f"{leader.data.cluster_id:x}" == world.status["clusterID"]
            require(world, same, "I5: a quorum runs under another cluster ID than the latched one")
        written = {(put.key, put.value) for put in leader.data.puts}
        lost = [key for key, value in world.history.acknowledged if (key, value) not in written]
        require(world, not lost, f"I9: acknowledged writes are lost: {lost}")


def _living(world: World) -> frozenset[str]:
    """The peer URLs of members that are listed as started while clients may reach the cluster."""
    if not any(pod["metadata"]["labels"].get(ROLE) == VOTER for pod in world.server.list(Kind.POD)):
        return frozenset()
    leaders = [world.etcd.processes[pod] for pod in world.etcd.leaders.values()]
    listed = [member for leader in leaders for member in leader.data.listed if member.started]
    return frozenset(url for member in listed for url in member.peer_urls)


def _names(world: World) -> tuple[str, ...]:
    named, members = world.history.named, world.members
    if members == named[len(named) - len(members) :]:
        return named
    require(world, not set(members) & set(named), f"a name is used again: {members} after {named}")
    return (*named, *members)
