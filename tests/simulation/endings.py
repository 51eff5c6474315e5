"""How a scenario must end: whole, degraded with its reason, blocked with its cause, or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.quorum import quorum
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import CLUSTER_UID, ROLE
from etcd_operator.resources.secret import INITIAL_CLUSTER
from tests.simulation.invariants import require
from tests.simulation.kubernetes import secret_data
from tests.simulation.scenario import NAME, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.world import World


def healthy(members: int) -> Callable[[World], None]:
    """Every member serves, nothing is left over, nothing is left to do, and nothing is written any more."""

    def end(world: World) -> None:
        _in_order(world, members=members, plan="Stable")
        _conditions(world, Progressing="False", Blocked="False")
        serves(world)

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
    """Whole, but for members that lost their data after clients could write to it; or gone if that was asked for."""
    if world.cluster is None:
        _only_claims_left(world)
        return
    members = world.cluster["spec"]["replicas"]
    lost = sum(1 for member in world.members if _has_lost_its_data(world, member))
    if not lost:
        healthy(members)(world)
    elif not world.history.lived:
        _never_began(world)
    elif members - lost >= quorum(members):
        degraded(members, lost=lost, reason=BlockReason.DATA_LOST)(world)
    else:
        without_quorum(members, lost=lost, reason=BlockReason.DATA_LOST)(world)


def _never_began(world: World) -> None:
    """Most volumes were emptied when the members had just agreed, before any client could write.

    The start check keeps them out once their permission is withdrawn, etcd itself before that; the status says so.
    """
    blocks = world.status["plan"]["blocked"]
    told = bool(blocks) and all(
        block["reason"] == BlockReason.DATA_LOST or block["message"].endswith("has already been bootstrapped")
        for block in blocks
    )
    require(world, told, f"L6: does not serve, because {blocks}")
    require(world, not world.write(b"the end", b""), "a write is accepted without a quorum")


def _has_lost_its_data(world: World, member: str) -> bool:
    claim = world.server.find(Kind.CLAIM, NAMESPACE, member)
    return claim is None or claim["metadata"]["uid"] not in world.etcd.stored


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
    left = [one for one in left if not one.startswith(("PersistentVolumeClaim ", "Event "))]
    require(world, not left, f"left behind: {left}")
    for claim in world.server.list(Kind.CLAIM):
        about = claim["metadata"]
        require(world, not about.get("ownerReferences"), f"claim {about['name']} has an owner")
        require(world, CLUSTER_UID in about["labels"], f"claim {about['name']} does not say whose it was")


def same_pods(world: World) -> None:
    """No Pod was ever replaced."""
    born = {pod["metadata"]["uid"] for pod in world.server.list(Kind.POD)}
    require(world, born == {f"pod-{member}-1" for member in world.members}, f"Pods were replaced: {sorted(born)}")


def _in_order(world: World, *, members: int, plan: str) -> None:
    """What is true of every formed cluster to which nothing is left to do, or nothing can be done."""
    found = world.status.get("plan", {})
    require(world, found.get("action") == plan, f"ends with the plan {found}")
    require(world, not world.calls, f"I13: still writes: {[str(call) for call in world.calls]}")
    require(world, len(world.members) == members, f"{len(world.members)} members are named, expected {members}")
    require(world, world.status["bootstrap"]["abandoned"] == [], "somebody is still being given up")
    for kind in (Kind.POD, Kind.CLAIM, Kind.SERVICE, Kind.SECRET):
        stray = sorted(_members_of(world, kind) - set(world.members))
        require(world, not stray, f"stray objects of kind {kind.value.kind}: {stray}")
    budget = world.server.get(Kind.BUDGET, NAMESPACE, NAME)["spec"]["minAvailable"]
    require(world, budget == quorum(members), f"the budget keeps {budget} of {members} members")
    _reached(world)


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
