"""How a scenario must end: whole, degraded with its reason, blocked with its cause, or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import ClusterSpec
from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.quorum import quorum
from etcd_operator.etcd.versions import NEWEST, READS_NONE_OF_3_5, parse_version
from etcd_operator.observe.parse import SELECTED_NODE
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import CLUSTER_UID, ROLE, VOTER
from etcd_operator.resources.quantity import whole_number
from etcd_operator.resources.secret import INITIAL_CLUSTER
from tests.simulation import storage
from tests.simulation.invariants import outdated, require
from tests.simulation.kubernetes import secret_data
from tests.simulation.scenario import NAME, NAMESPACE
from tests.simulation.truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.world import World


def healthy(members: int, *, kept: int | None = 0, barred: bool = False) -> Callable[[World], None]:
    """Every member serves, nothing is left over, nothing is left to do, and nothing is written any more.

    `kept` are the claims of members that have left; None: of whoever was removed by hand. `barred` is whether no way
    leads to the version that is asked for: then the one before stays, and the status says why.
    """

    def end(world: World) -> None:
        _in_order(world, members=members, plan="Blocked" if barred else "Stable", kept=kept)
        _conditions(world, Progressing="False", Blocked=str(barred))
        found = [entry["reason"] for entry in world.status["plan"]["blocked"]]
        require(world, found == [BlockReason.VERSION] * barred, f"blocked by {found}")
        _as_specified(world)
        _runs_one_version(world, barred=barred)
        serves(world)

    return end


def _runs_one_version(world: World, *, barred: bool) -> None:
    """Every member runs the version that was accepted, and none prepares for another."""
    asked, record = (world.cluster or {})["spec"]["version"], world.record
    require(world, barred or record.version == asked, f"etcd {asked} is asked for, and {record.version} accepted")
    running = {one.version for one in world.etcd.processes.values() if one.member in world.members}
    require(world, running == {record.version}, f"etcd {running} runs in place of {record.version}")
    prepares = record.snapshots or any(leader.data.journal.lowered for leader in world.etcd.leaders)
    require(world, not prepares, "members still prepare for another version")


def asleep(*, claims: int | None = None) -> Callable[[World], None]:
    """Nobody runs, nothing is left to do, and the status says why; that many claims are there, whatever they hold.

    A Pod on a node that is off stays until somebody hears of it again.
    """

    def end(world: World) -> None:
        require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
        pods = world.server.list(Kind.POD)
        running = [pod["metadata"]["name"] for pod in pods if pod["spec"].get("nodeName") not in world.nodes.silent]
        require(world, not running, f"{running} still run")
        found = len(world.server.list(Kind.CLAIM))
        require(world, claims in (None, found), f"{found} claims are left of {claims}")
        said = (world.status["phase"], world.status["plan"]["action"])
        right = ("Hibernated", "Hibernate" if pods else "Hibernated")
        require(world, said == right, f"the status says {said}")

    return end


def _as_specified(world: World) -> None:
    """Every Pod and every volume is as the spec has it now."""
    asked = ClusterSpec.parse((world.cluster or {})["spec"]).storage
    for pod in world.server.list(Kind.POD):
        changed = outdated(world, pod)
        require(world, not changed, f"{pod['metadata']['name']} has another {', '.join(changed)}")
    for member in world.members:
        claim = world.server.get(Kind.CLAIM, NAMESPACE, member)
        enough = storage.capacity(claim) >= whole_number(asked.size)
        require(world, enough, f"the volume of {member} is smaller than {asked.size}")
        right = asked.class_name in (None, claim["spec"]["storageClassName"])
        require(world, right, f"the volume of {member} is not of StorageClass {asked.class_name}")


def replaced(count: int, *, members: int = 3) -> Callable[[World], None]:
    """Whole again, with that many members that were not there before, and nothing left of those that left."""

    def end(world: World) -> None:
        healthy(members)(world)
        left = [name for name in world.history.named if name not in world.members]
        require(world, len(left) == count, f"{left} were replaced, expected {count}")

    return end


def serves(world: World) -> None:
    """Every member serves, clients reach it, and the status says so."""
    _conditions(world, Available="True", Quorate="True", Degraded="False")
    ready = {pod["metadata"]["name"] for pod in world.server.list(Kind.POD) if _condition(pod, "Ready") == "True"}
    require(world, ready == set(world.members), f"ready are {sorted(ready)}")
    _reached(world)
    said = world.status["ready"]
    require(world, said == f"{len(ready)}/{len(ready)}", f"status.ready is {said}")
    require(world, world.write(b"the end", b""), "L1: the application cannot write")


def degraded(members: int, *, lost: int, reason: BlockReason) -> Callable[[World], None]:
    """A quorum serves; `lost` members stay out, and the status says why."""

    def end(world: World) -> None:
        _in_order(world, members=members, plan="Blocked")
        _conditions(world, Available="True", Quorate="True", Degraded="True", Blocked="True")
        _blocked(world, reason, count=lost)
        require(world, world.write(b"the end", b""), "L1: the application cannot write")

    return end


def without_quorum(members: int, *, lost: int, reason: BlockReason) -> Callable[[World], None]:
    """Too many members are lost: nothing is touched, nothing resumes, and the status says so."""

    def end(world: World) -> None:
        _in_order(world, members=members, plan="Blocked")
        _blocked(world, reason, count=lost)
        quorate = _condition(world.cluster or {}, "Quorate")
        require(world, quorate in {"False", "Unknown"}, f"Quorate is {quorate} without a quorum")
        require(world, not world.write(b"the end", b""), "a write is accepted without a quorum")

    return end


def as_good_as_possible(world: World) -> None:
    """Whole while a quorum of the voters has its data, and else nothing resumes; asleep or gone if asked for."""
    if world.cluster is None:
        _only_claims_left(world)
        return
    if not world.replicas:
        asleep()(world)
        return
    if way_back(world) is not None:
        blocked(BlockReason.CRASHING)(world)
        return
    known = truth(world)
    intact = sum(1 for name in known.voters if _may_come_back(world, name, known.members[name].id))
    if known.members and intact >= quorum(known.size):
        healthy(world.replicas, kept=None, barred=_is_barred(world))(world)
    elif world.history.lived:
        nothing_resumes(world)
    elif known.started or world.formed:
        _never_began(world)
    else:
        healthy(world.replicas)(world)


def way_back(world: World) -> str | None:
    """The version to write where the accepted one opens no data without which there is no quorum; None if it does.

    Without a quorum nobody can tell: before the formation any version is accepted, and afterwards the one before.
    """
    record = world.record
    if record.version is None or world.etcd.leaders:
        return None
    claims = {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in world.server.list(Kind.CLAIM)}
    readable = world.etcd.stored.keys() - world.etcd.damaged.keys()
    stored = [world.etcd.stored[uid] for name in world.members if (uid := claims.get(name)) in readable]
    accepted, needed = parse_version(record.version), max((data.journal.version for data in stored), default=0)
    unread = accepted >= READS_NONE_OF_3_5 and any(data.has_old_entries for data in stored)
    if needed <= accepted.minor and not unread:
        return None
    needed = needed or min(NEWEST)
    known = record.former is not None and parse_version(record.former).minor == needed
    return record.former if known else str(NEWEST[needed])


def _is_barred(world: World) -> bool:
    """Whether etcd gets from the version that was accepted to the one that is asked for by way of another minor only.

    Nothing else stands against a version for ever: none in the simulation is known to be bad, and all was in order.
    """
    asked, accepted = (world.cluster or {})["spec"]["version"], world.record.version
    return accepted is not None and abs(parse_version(asked).minor - parse_version(accepted).minor) > 1


def _never_began(world: World) -> None:
    """Most volumes were emptied when the members had just agreed, before any client could write.

    The start check keeps them out once their permission is withdrawn, etcd itself before that; the status says so.
    """
    _conditions(world, Blocked="True")
    require(world, not world.write(b"the end", b""), "a write is accepted without a quorum")


def _may_come_back(world: World, member: str, member_id: int) -> bool:
    """Whether a member has its data, on a node that is on."""
    claim = world.server.find(Kind.CLAIM, NAMESPACE, member)
    uid = "" if claim is None else claim["metadata"]["uid"]
    data = world.etcd.stored.get(uid)
    if claim is None or data is None or data.member_id != member_id or uid in world.etcd.damaged:
        return False
    return claim["metadata"]["annotations"][SELECTED_NODE] not in world.nodes.silent


def nothing_resumes(world: World) -> None:
    """Too much is lost for good: nothing is touched, no write is accepted, and the status names who survived."""
    require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
    _conditions(world, Blocked="True")
    _blocked(world, BlockReason.NO_QUORUM)
    # Who still runs may be silent, and all that the operator knows of.
    quorate = _condition(world.cluster or {}, "Quorate")
    require(world, quorate in {"False", "Unknown"}, f"Quorate is {quorate} without a quorum")
    require(world, not world.write(b"the end", b""), "a write is accepted without a quorum")
    survivors = {process.member for process in world.etcd.processes.values()} & set(world.members)
    told = {entry["name"] for entry in world.status["members"] if entry["phase"] == "Unhealthy"}
    require(world, survivors <= told, f"the survivors are {survivors}, and are said to be {told}")


def told_of(world: World) -> None:
    """As `nothing_resumes`, and the status says which revision there was."""
    nothing_resumes(world)
    _conditions(world, Quorate="False")
    seen = world.status.get("lastSeen", {}).get("revision", 0)
    require(world, seen > len(world.history.acknowledged), f"the highest revision is said to be {seen}")


def unharmed(world: World) -> None:
    """Every member serves clients of etcd's own, whatever Kubernetes says of their Pods; nobody was touched."""
    known = truth(world)
    require(world, known.healthy == set(world.members), f"healthy are {sorted(known.healthy)}")
    require(world, known.names == set(world.history.named), f"members are {sorted(known.names)}")
    require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
    _conditions(world, Available="True", Quorate="True", Degraded="False")
    same_pods(world)


def serves_with(world: World, *, members: int) -> None:
    """That many voters serve, and the application can write."""
    _conditions(world, Available="True", Quorate="True")
    listed = [member for leader in world.etcd.leaders for member in leader.data.journal.members]
    voters = [member for member in listed if not member.is_learner]
    require(world, len(voters) == members, f"{len(voters)} members vote, expected {members}")
    require(world, world.write(b"the end", b""), "L1: the application cannot write")


def leads_elsewhere(world: World) -> None:
    """No leader is on a cordoned node."""
    for leader in world.etcd.leaders:
        place = world.server.get(Kind.POD, NAMESPACE, leader.member)["spec"]["nodeName"]
        cordoned = world.server.get(Kind.NODE, "", place)["spec"].get("unschedulable")
        require(world, not cordoned, f"{leader.member} leads on the cordoned {place}")


def blocked(reason: BlockReason) -> Callable[[World], None]:
    """Nothing is done, and the status says why."""

    def end(world: World) -> None:
        _conditions(world, Blocked="True")
        _blocked(world, reason)

    return end


def deleted(*, claims: int) -> Callable[[World], None]:
    """Nothing is left but that many claims, which nobody owns."""

    def end(world: World) -> None:
        _only_claims_left(world)
        kept = len(world.server.list(Kind.CLAIM))
        require(world, kept == claims, f"{kept} claims are left, expected {claims}")

    return end


def _only_claims_left(world: World) -> None:
    left = [f"{kind.value.kind} {name}" for kind, _, name in world.server.objects]
    left = [one for one in left if not one.startswith(("PersistentVolumeClaim ", "Event ", "Node ", "StorageClass "))]
    require(world, not left, f"left behind: {left}")
    for claim in world.server.list(Kind.CLAIM):
        about = claim["metadata"]
        require(world, not about.get("ownerReferences"), f"claim {about['name']} has an owner")
        require(world, CLUSTER_UID in about["labels"], f"claim {about['name']} does not say whose it was")


def same_pods(world: World) -> None:
    """No Pod was ever replaced."""
    born = {pod["metadata"]["uid"] for pod in world.server.list(Kind.POD)}
    require(world, born == {f"pod-{member}-1" for member in world.members}, f"Pods were replaced: {sorted(born)}")


def _in_order(world: World, *, members: int, plan: str, kept: int | None = 0) -> None:
    """What is true of every formed cluster to which nothing is left to do, or nothing can be done."""
    found = world.status.get("plan", {})
    require(world, found.get("action") == plan, f"ends with the plan {found}")
    require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
    require(world, len(world.members) == members, f"{len(world.members)} members are named, expected {members}")
    record = world.record
    under_way = (record.joining, record.removing, record.left)
    require(world, under_way == ((), None, ()), f"somebody still comes or goes: {under_way}")
    for kind in (Kind.POD, Kind.SERVICE, Kind.SECRET):
        stray = sorted(_members_of(world, kind) - set(world.members))
        require(world, not stray, f"stray objects of kind {kind.value.kind}: {stray}")
    claims = _members_of(world, Kind.CLAIM) - set(world.members)
    expelled = world.history.expelled
    right = claims <= expelled if kept is None else len(claims) == kept
    require(world, right, f"the claims of {sorted(claims)} are kept, expected {kept or sorted(expelled)}")
    budget = world.server.get(Kind.BUDGET, NAMESPACE, NAME)["spec"]
    kept_by = (budget["minAvailable"], budget.get("maxUnavailable"))
    require(world, kept_by == (quorum(members), None), f"the budget keeps {kept_by} of {members} members")
    _reached(world)
    require(world, budget["selector"].keys() == {"matchLabels"}, f"the budget counts {budget['selector']}")
    _leads_right(world, budget["selector"]["matchLabels"])


def _leads_right(world: World, counted: dict[str, str]) -> None:
    """Each Service leads to whom it is for, and the budget, which has this selector, counts who takes clients."""
    labels = {pod["metadata"]["name"]: pod["metadata"].get("labels", {}) for pod in world.server.list(Kind.POD)}
    takes_clients = {name for name, found in labels.items() if ROLE in found}
    uid = world.server.get(Kind.CLUSTER, NAMESPACE, NAME)["metadata"]["uid"]
    labels |= {"somebody's": {}, "another cluster's": {CLUSTER_UID: "other", ROLE: VOTER}}
    labels["a newcomer"] = {CLUSTER_UID: uid}

    def selected(selector: dict[str, str]) -> set[str]:
        return {name for name, found in labels.items() if selector.items() <= found.items()}

    require(world, selected(counted) == takes_clients, f"the budget counts {sorted(selected(counted))}")
    services = {name: ({name} & labels.keys(), {2379, 2380}, True) for name in world.members}
    for name, (pods, ports, unready) in {**services, NAME: (takes_clients, {2379}, False)}.items():
        spec = world.server.get(Kind.SERVICE, NAMESPACE, name)["spec"]
        found = selected(spec["selector"])
        require(world, found == pods, f"Service {name} leads to {sorted(found)}, expected {sorted(pods)}")
        there = {(port["port"], port["targetPort"]) for port in spec["ports"]}
        require(world, there == {(port, port) for port in ports}, f"Service {name} has the ports {there}")
        always = spec.get("publishNotReadyAddresses", False)
        require(world, always == unready, f"Service {name}: publishNotReadyAddresses is {always}")


def _reached(world: World) -> None:
    """Clients reach every member that is ready, and none of those may start anew."""
    for pod in world.server.list(Kind.POD):
        if _condition(pod, "Ready") == "True":
            name = pod["metadata"]["name"]
            require(world, ROLE in pod["metadata"]["labels"], f"clients do not reach {name}")
            text = secret_data(world.server, NAMESPACE, name)[INITIAL_CLUSTER]
            require(world, text == WITHDRAWN.encode(), f"{name} may still start anew")


def _members_of(world: World, kind: Kind) -> set[str]:
    """The names of objects of this cluster that belong to a member."""
    uid = world.cluster["metadata"]["uid"] if world.cluster else ""
    return {
        body["metadata"]["name"]
        for body in world.server.list(kind)
        if body["metadata"].get("labels", {}).get(CLUSTER_UID) == uid
        and body["metadata"]["name"].count("-")
        and not body["metadata"]["name"].endswith(("-client", "-operator", "-ca"))
    }


def _blocked(world: World, reason: BlockReason, *, count: int | None = None) -> None:
    found = [entry for entry in world.status["plan"]["blocked"] if entry["reason"] == reason]
    right = len(found) == count if count is not None else bool(found)
    require(world, right, f"blocked by {world.status['plan']['blocked']}, expected {count or 'some'} times {reason}")


def _conditions(world: World, **expected: str) -> None:
    for kind, status in expected.items():
        found = _condition(world.cluster or {}, kind)
        require(world, found == status, f"condition {kind} is {found}, expected {status}")


def _condition(body: Json, kind: str) -> str | None:
    return next((entry["status"] for entry in body["status"].get("conditions", ()) if entry["type"] == kind), None)
