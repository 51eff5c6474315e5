"""Scenarios of a cluster that has formed: what is emptied, restarted, deleted, wiped, renewed or replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID, MEMBER, ROLE
from tests.simulation import endings, events, membership, moments
from tests.simulation.invariants import require
from tests.simulation.scenario import NAME, Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.nodes import Nodes
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

_RESTARTS = (
    ("container restarted in place", events.restart_containers),
    ("sandbox made anew", events.restart_sandboxes),
    ("Pod deleted", events.delete_pods),
)


def _emptied(count: int, name: str, restart: Callable[..., Event], *, operator_up: bool) -> Scenario:
    numbers = range(count)
    end = endings.replaced(1) if count == 1 else endings.without_quorum(3, lost=count, reason=BlockReason.DATA_LOST)
    loss = restart(*numbers, when=moments.admitted(3), emptied=True)
    if operator_up:
        script: tuple[Event, ...] = (loss,)
    else:
        stops = events.operator_stops(when=moments.admitted(3))
        starts = events.operator_starts(when=moments.calm)
        script = (stops, restart(*numbers, when=moments.calm, emptied=True), starts)
    state = "up" if operator_up else "down"
    title = f"{count} volumes emptied, {name}, operator {state}"
    return Scenario(title, end, script=script, disturbed_after=1)


EMPTIED = tuple(
    _emptied(count, name, restart, operator_up=operator_up)
    for count in (1, 2, 3)
    for name, restart in _RESTARTS
    for operator_up in (True, False)
)

BEHIND = Scenario(
    "two of three emptied while the survivor is behind",
    endings.without_quorum(3, lost=2, reason=BlockReason.DATA_LOST),
    script=(
        events.cut_off(0, when=moments.admitted(3)),
        events.restart_sandboxes(1, 2, when=moments.admitted(3), emptied=True),
        events.connect(when=moments.calm),
    ),
    disturbed_after=1,
)


def _all_off(nodes: Nodes) -> None:
    for name in nodes.power:
        nodes.power_off(name)


def _all_on(nodes: Nodes) -> None:
    for name in nodes.power:
        nodes.power_on(name)


INTACT = (
    Scenario(
        "all nodes off and on, the operator down",
        endings.replaced(0),
        script=(
            events.operator_stops(when=moments.admitted(3)),
            events.machines("all nodes off", _all_off, when=moments.calm),
            events.machines("all nodes on", _all_on, when=moments.calm),
            events.operator_starts(when=moments.calm),
        ),
        disturbed_after=3,
    ),
    Scenario(
        "all nodes off and on, the operator up",
        endings.replaced(0),
        script=(
            events.machines("all nodes off", _all_off, when=moments.admitted(3)),
            events.machines("all nodes on", _all_on, when=moments.calm),
        ),
        disturbed_after=1,
    ),
    *(
        Scenario(
            f"{count} Pods deleted by hand",
            endings.replaced(0),
            script=(events.delete_pods(*range(count), when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for count in (1, 2, 3)
    ),
    Scenario(
        "a Pod is evicted",
        endings.replaced(0),
        script=(events.evict(0, when=moments.admitted(3)),),
        disturbed_after=1,
    ),
    *(
        Scenario(
            f"the {kind.value.kind} {name.says} is deleted by hand",
            endings.replaced(0),
            script=(events.delete(kind, name, when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for kind, name in (
            (Kind.SERVICE, events.fixed(NAME)),
            (Kind.SERVICE, events.member(0)),
            (Kind.BUDGET, events.fixed(NAME)),
            (Kind.SECRET, events.fixed(f"{NAME}-client")),
            (Kind.SECRET, events.fixed(f"{NAME}-operator")),
            (Kind.SECRET, events.member(0)),
        )
    ),
    *(
        Scenario(
            f"the {kind.value.kind} {name.says} is edited by hand: {', '.join(part)}",
            endings.replaced(0),
            script=(events.edit(kind, name, part, when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for kind, name, part in (
            (Kind.SERVICE, events.fixed(NAME), {"selector": {"app": "theirs"}}),
            (Kind.SERVICE, events.fixed(NAME), {"publishNotReadyAddresses": True}),
            (Kind.SERVICE, events.member(0), {"ports": [{"name": "peer", "port": 2380, "targetPort": 9}]}),
            (Kind.BUDGET, events.fixed(NAME), {"selector": None, "maxUnavailable": 3, "minAvailable": None}),
        )
    ),
    *(
        Scenario(
            f"the label {label} is taken off a Pod",
            endings.replaced(0),
            script=(events.unlabel(0, label, when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for label in (ROLE, MEMBER)
    ),
    Scenario(
        "all labels are taken off a Pod, until it is deleted",
        endings.replaced(0),
        script=(
            events.unlabel(0, CLUSTER, CLUSTER_UID, MEMBER, ROLE, when=moments.admitted(3)),
            events.delete_pods(0, when=moments.calm),
        ),
        disturbed_after=1,
    ),
    Scenario(
        "a claim in use is deleted by hand",
        endings.blocked(BlockReason.DATA_LOST),
        script=(events.delete(Kind.CLAIM, events.member(0), when=moments.admitted(3)),),
        disturbed_after=1,
    ),
    Scenario(
        "a claim and its Pod are deleted by hand",
        endings.replaced(1),
        script=(
            events.delete(Kind.CLAIM, events.member(0), when=moments.admitted(3)),
            events.delete_pods(0, when=moments.calm),
        ),
        disturbed_after=1,
    ),
)


def _same_volumes(end: Callable[[World], None]) -> Callable[[World], None]:
    """Ends so, and nobody's claim was ever made anew."""

    def with_them(world: World) -> None:
        end(world)
        made = {claim["metadata"]["uid"] for claim in world.server.list(Kind.CLAIM)}
        first = {f"persistentvolumeclaim-{member}-1" for member in world.history.named}
        require(world, made == first, f"the claims are {sorted(made)}")

    return with_them


def _full(*numbers: int) -> tuple[Event, ...]:
    return tuple(events.fill_up(number, when=moments.admitted(3)) for number in numbers)


FULL = (
    Scenario(
        "a volume is full",
        _same_volumes(endings.degraded(3, lost=1, reason=BlockReason.CRASHING)),
        spec({"recovery": {"replaceAfter": "60s"}}),
        _full(0),
        disturbed_after=1,
        patience=membership.PATIENCE,
    ),
    Scenario(
        "two volumes are full",
        _same_volumes(endings.without_quorum(3, lost=2, reason=BlockReason.CRASHING)),
        script=_full(0, 1),
        disturbed_after=2,
    ),
    *(
        Scenario(
            f"{name} full, until there is room",
            _same_volumes(endings.replaced(0)),
            script=(*_full(*numbers), events.make_room(when=moments.calm)),
            disturbed_after=1 + len(numbers),
        )
        for name, numbers in (("a volume is", (0,)), ("two volumes are", (0, 1)))
    ),
)


RECORD = (
    *(
        Scenario(
            f"the record is wiped with {name}, and put back",
            endings.healthy(3),
            script=(
                events.wipe_status("membership", when=when),
                events.restore_record(when=moments.calm),
            ),
            disturbed_after=1,
        )
        for name, when in (
            ("claims", moments.claims_made),
            ("Pods", moments.pods_made),
            ("clients admitted", moments.admitted(3)),
        )
    ),
    Scenario(
        "everything in the status but the cluster ID is wiped",
        endings.blocked(BlockReason.RECORD_LOST),
        script=(events.wipe_status("membership", "members", "plan", "conditions", "phase", when=moments.admitted(3)),),
        disturbed_after=1,
    ),
)


def _without_authority(world: World) -> None:
    """Everything goes on with the certificates that there are."""
    endings.blocked(BlockReason.AUTHORITY_LOST)(world)
    endings.serves(world)


AUTHORITY = tuple(
    Scenario(
        f"the authority of {whom} is lost, and then a Pod",
        _without_authority,
        script=(
            events.delete(Kind.SECRET, events.fixed(f"{NAME}-{whom}-ca"), when=moments.admitted(3)),
            events.delete_pods(0, when=moments.calm),
        ),
        disturbed_after=1,
    )
    for whom in ("peer", "client")
)


AGAIN = tuple(
    Scenario(
        f"created again under the same name, claims {policy}",
        endings.healthy(3),
        spec({"storage": {"onDelete": policy}}),
        (events.delete_cluster(when=moments.admitted(3)), events.create_again(when=moments.gone)),
        disturbed_after=1,
    )
    for policy in ("Retain", "Delete")
)


def _renewed(world: World) -> None:
    endings.healthy(3)(world)
    endings.same_pods(world)


RENEWED = (
    Scenario(
        "certificates are renewed",
        _renewed,
        script=(
            events.time_passes(250, when=moments.admitted(3)),
            events.time_passes(250, when=moments.admitted(3)),
        ),
        disturbed_after=1,
    ),
    Scenario(
        "certificates ran out while the operator was down",
        _renewed,
        script=(
            events.operator_stops(when=moments.admitted(3)),
            events.time_passes(400, when=moments.calm),
            events.operator_starts(when=moments.calm),
        ),
        disturbed_after=2,
    ),
)


def _policy(first: str, then: str, *, claims: int) -> Scenario:
    return Scenario(
        f"onDelete becomes {then}, then deleted",
        endings.deleted(claims=claims),
        spec({"storage": {"onDelete": first}}),
        (
            events.change(f"onDelete becomes {then}", {"storage": {"onDelete": then}}, when=moments.admitted(3)),
            events.delete_cluster(when=moments.calm),
        ),
        disturbed_after=1,
    )


POLICIES = (_policy("Retain", "Delete", claims=0), _policy("Delete", "Retain", claims=3))
