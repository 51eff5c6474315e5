"""Scenarios of a creation: sizes, encryption, what is corrected or taken back on the way, and what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID
from tests.simulation import endings, events, moments
from tests.simulation.scenario import NAME, Scenario, spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.nodes import Nodes
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
    world.nodes.missing_images = frozenset({"example.com/etcd:v3.6.15"})


def _two_places(nodes: Nodes) -> None:
    nodes.become("node-0", "node-1", room=1)


def _three_places(nodes: Nodes) -> None:
    nodes.come("node-2", room=1)


def _two_claims(world: World) -> None:
    world.server.limits = {Kind.CLAIM: 2}


CORRECTED = (
    Scenario(
        "an image that does not exist is corrected",
        endings.healthy(3),
        spec({"version": "3.6.15"}),
        (events.change("the version becomes 3.6.16", {"version": "3.6.16"}, when=moments.calm),),
        before=_without_image,
        disturbed_after=1,
    ),
    Scenario(
        "an image that does not exist stays",
        endings.blocked(BlockReason.IMAGE),
        spec({"version": "3.6.15"}),
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
    *(
        Scenario(
            f"the third member starts while the operator is down, and is emptied{told}",
            endings.replaced(1),
            script=(
                events.hold_back(2, when=moments.pods_made),
                *start,
                events.restart_sandboxes(2, emptied=True, when=moments.calm),
                events.operator_starts(when=moments.calm),
            ),
            disturbed_after=2 + len(start),
        )
        for told, start in (
            ("", (events.operator_stops(when=moments.admitted(2)), events.let_go(when=moments.calm))),
            (
                " after its Pod was deleted",
                (
                    events.delete_pods(2, when=moments.admitted(2)),
                    events.let_go(when=moments.calm),
                    events.operator_stops(when=moments.born_again(2)),
                ),
            ),
        )
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
