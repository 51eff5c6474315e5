"""The scenarios of the bootstrap, as tables: what is asked for, what comes from outside, and how it must end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID
from tests.simulation import endings, events, moments
from tests.simulation.nodes import Node
from tests.simulation.scenario import NAME, Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.nodes import Nodes
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

CREATED = tuple(Scenario(f"create {size}", endings.healthy(size), spec({"replicas": size})) for size in (1, 3, 5))

ENCRYPTED = tuple(
    Scenario(
        f"create {size} with tls.client {client} and tls.peer {peer}",
        endings.healthy(size),
        spec({"replicas": size, "tls": {"client": client, "peer": peer}}),
    )
    for size, client, peer in (
        (3, "Server", "Mutual"),
        (3, "Off", "Off"),
        (1, "Mutual", "Off"),
        (1, "Off", "Mutual"),
        (1, "Server", "Off"),
    )
)


def _resized(name: str, sizes: tuple[int, ...], when: Callable[[World], bool]) -> Scenario:
    first, *others = sizes
    script = tuple(events.change(f"the size becomes {size}", {"replicas": size}, when=when) for size in others)
    return Scenario(f"{name} before the formation", endings.healthy(sizes[-1]), spec({"replicas": first}), script)


RESIZED = (
    _resized("1 to 3 with names only", (1, 3), moments.named),
    _resized("5 to 3 with claims", (5, 3), moments.claims_made),
    _resized("3 to 5 with Pods", (3, 5), moments.pods_made),
    _resized("3 to 1 with etcd running", (3, 1), moments.running(1)),
    _resized("1 to 3 to 1", (1, 3, 1), moments.claims_made),
)


def _without_image(world: World) -> None:
    world.nodes.missing_images = frozenset({"example.com/etcd:v3.6.99"})


def _two_places(nodes: Nodes) -> None:
    nodes.nodes = {name: Node(room=1) for name in ("node-0", "node-1")}


def _three_places(nodes: Nodes) -> None:
    nodes.nodes = {**nodes.nodes, "node-2": Node(room=1)}


def _two_claims(world: World) -> None:
    world.server.limits = {Kind.CLAIM: 2}


CORRECTED = (
    Scenario(
        "an image that does not exist is corrected",
        endings.healthy(3),
        spec({"version": "3.6.99"}),
        (events.change("the version becomes 3.6.16", {"version": "3.6.16"}, when=moments.calm),),
        before=_without_image,
        disturbed_after=1,
    ),
    Scenario(
        "an image that does not exist stays",
        endings.blocked(BlockReason.IMAGE),
        spec({"version": "3.6.99"}),
        before=_without_image,
        disturbed_after=1,
    ),
    Scenario(
        "the quota of claims is raised",
        endings.healthy(3),
        script=(events.quota({}, when=moments.calm),),
        before=_two_claims,
        disturbed_after=1,
    ),
    Scenario("the quota of claims stays", endings.blocked(BlockReason.REFUSED), before=_two_claims, disturbed_after=1),
    Scenario(
        "a place for the third member is made",
        endings.healthy(3),
        script=(events.machines("a node comes", _three_places, when=moments.calm),),
        before=lambda world: _two_places(world.nodes),
        disturbed_after=1,
    ),
    Scenario(
        "no place for the third member",
        endings.degraded(3, lost=1, reason=BlockReason.UNSCHEDULABLE),
        before=lambda world: _two_places(world.nodes),
        disturbed_after=1,
    ),
)

LATE = (
    Scenario(
        "the third member starts late",
        endings.healthy(3),
        script=(
            events.hold_back(2, when=moments.pods_made),
            events.let_go(when=moments.admitted(2)),
        ),
        disturbed_after=1,
    ),
    Scenario(
        "the third member starts while the operator is down",
        endings.healthy(3),
        script=(
            events.hold_back(2, when=moments.pods_made),
            events.operator_stops(when=moments.formed),
            events.let_go(when=moments.calm),
            events.operator_starts(when=moments.calm),
        ),
        disturbed_after=1,
    ),
    Scenario(
        "the third member starts after its Pod was deleted",
        endings.healthy(3),
        script=(
            events.hold_back(2, when=moments.pods_made),
            events.delete_pods(2, when=moments.admitted(2)),
            events.let_go(when=moments.calm),
        ),
        disturbed_after=1,
    ),
    Scenario(
        "the third member's Pod is deleted while no quorum answers",
        endings.healthy(3),
        script=(
            events.hold_back(2, when=moments.pods_made),
            events.cut_off(0, when=moments.admitted(2)),
            events.delete_pods(2, when=moments.calm),
            events.let_go(when=moments.calm),
            events.connect(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "the third member's Pod is evicted before it starts",
        endings.healthy(3),
        script=(
            events.hold_back(2, when=moments.pods_made),
            events.evict(2, when=moments.admitted(2)),
            events.let_go(when=moments.calm),
        ),
        disturbed_after=1,
    ),
)

_DELETED_AT = (
    ("claims", moments.claims_made),
    ("Pods", moments.pods_made),
    ("etcd running", moments.running(1)),
    ("clients admitted", moments.admitted(3)),
)

DELETED = tuple(
    Scenario(
        f"deleted with {name}, claims {policy}",
        endings.deleted(claims=claims),
        spec({"storage": {"onDelete": policy}}),
        (events.delete_cluster(when=when),),
        disturbed_after=1,
    )
    for name, when in _DELETED_AT
    for policy, claims in (("Retain", 3), ("Delete", 0))
)

_RESTARTS = (
    ("container restarted in place", events.restart_containers),
    ("sandbox made anew", events.restart_sandboxes),
    ("Pod deleted", events.delete_pods),
)


def _emptied(count: int, name: str, restart: Callable[..., Event], *, operator_up: bool) -> Scenario:
    numbers, reason = range(count), BlockReason.DATA_LOST
    end = (endings.degraded if count == 1 else endings.without_quorum)(3, lost=count, reason=reason)
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
    for name in nodes.nodes:
        nodes.power_off(name)


def _all_on(nodes: Nodes) -> None:
    for name in nodes.nodes:
        nodes.power_on(name)


INTACT = (
    Scenario(
        "all nodes off and on, the operator down",
        endings.healthy(3),
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
        endings.healthy(3),
        script=(
            events.machines("all nodes off", _all_off, when=moments.admitted(3)),
            events.machines("all nodes on", _all_on, when=moments.calm),
        ),
        disturbed_after=1,
    ),
    *(
        Scenario(
            f"{count} Pods deleted by hand",
            endings.healthy(3),
            script=(events.delete_pods(*range(count), when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for count in (1, 2, 3)
    ),
    Scenario(
        "a Pod is evicted",
        endings.healthy(3),
        script=(events.evict(0, when=moments.admitted(3)),),
        disturbed_after=1,
    ),
    *(
        Scenario(
            f"the {kind.value.kind} {what} is deleted by hand",
            endings.healthy(3),
            script=(events.delete(kind, name, when=moments.admitted(3)),),
            disturbed_after=1,
        )
        for kind, what, name in (
            (Kind.SERVICE, "of clients", events.fixed(NAME)),
            (Kind.SERVICE, "of a member", events.member(0)),
            (Kind.BUDGET, "of the voters", events.fixed(NAME)),
            (Kind.SECRET, "of clients", events.fixed(f"{NAME}-client")),
            (Kind.SECRET, "of the operator", events.fixed(f"{NAME}-operator")),
            (Kind.SECRET, "of a member", events.member(0)),
        )
    ),
    Scenario(
        "a claim in use is deleted by hand",
        endings.blocked(BlockReason.DATA_LOST),
        script=(events.delete(Kind.CLAIM, events.member(0), when=moments.admitted(3)),),
        disturbed_after=1,
    ),
    Scenario(
        "a claim and its Pod are deleted by hand",
        endings.degraded(3, lost=1, reason=BlockReason.DATA_LOST),
        script=(
            events.delete(Kind.CLAIM, events.member(0), when=moments.admitted(3)),
            events.delete_pods(0, when=moments.calm),
        ),
        disturbed_after=1,
    ),
)

RECORD = (
    *(
        Scenario(
            f"the record is wiped with {name}, and put back",
            endings.healthy(3),
            script=(
                events.wipe_status("bootstrap", when=when),
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
        script=(events.wipe_status("bootstrap", "members", "plan", "conditions", "phase", when=moments.admitted(3)),),
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


def _foreign(
    kind: Kind, name: str, labels: dict[str, str], *, when: Callable[[World], bool] = moments.at_once
) -> Scenario:
    labelled = ("", " with our label", " with all our labels")[len(labels)]
    return Scenario(
        f"a {kind.value.kind} {name} of somebody else's{labelled}, until it is removed",
        endings.healthy(3),
        script=(
            events.create_foreign(kind, name, labels, when=when),
            events.delete(kind, events.fixed(name), when=moments.calm),
        ),
    )


FOREIGN = (
    _foreign(Kind.SERVICE, NAME, {}),
    _foreign(Kind.SERVICE, NAME, {CLUSTER: NAME}),
    _foreign(Kind.SECRET, f"{NAME}-client", {}),
    _foreign(
        Kind.SECRET,
        f"{NAME}-client",
        {CLUSTER: NAME, CLUSTER_UID: f"etcdcluster-{NAME}-1"},
        when=moments.named,
    ),
    _foreign(Kind.SECRET, f"{NAME}-peer-ca", {}),
    Scenario(
        "a Service of somebody else's stays",
        endings.blocked(BlockReason.FOREIGN_OBJECT),
        script=(events.create_foreign(Kind.SERVICE, NAME, {}, when=moments.at_once),),
        disturbed_after=2,
    ),
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

PAUSED = tuple(
    Scenario(
        f"paused with {name}, then resumed",
        endings.healthy(3),
        script=(
            events.change("paused", {"paused": True}, when=when),
            events.change("resumed", {"paused": False}, when=moments.calm),
        ),
        disturbed_after=1,
    )
    for name, when in (("nothing", moments.at_once), ("claims", moments.claims_made), ("Pods", moments.pods_made))
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

ALL = (
    *CREATED,
    *ENCRYPTED,
    *RESIZED,
    *CORRECTED,
    *LATE,
    *DELETED,
    *EMPTIED,
    BEHIND,
    *INTACT,
    *RECORD,
    *AUTHORITY,
    *FOREIGN,
    *AGAIN,
    *PAUSED,
    *RENEWED,
    *POLICIES,
)
