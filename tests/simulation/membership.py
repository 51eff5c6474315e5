"""Scenarios of a cluster whose members change: more and fewer are asked for, and lost ones are replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.api.conditions import BlockReason
from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, moments
from tests.simulation.changes import Add, Remove
from tests.simulation.nodes import Nodes
from tests.simulation.scenario import NAME, NAMESPACE, Scenario, spec
from tests.simulation.truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.kube.port import Json
    from tests.simulation.scenario import Event
    from tests.simulation.world import World

REPLACE_AFTER = timedelta(seconds=60)
PATIENCE = REPLACE_AFTER + timedelta(seconds=60)
"""Longer than anybody waits in these scenarios."""

_SOON: Json = {"recovery": {"replaceAfter": "60s"}}


def resized(size: int, *, when: Callable[[World], bool] = moments.calm) -> Event:
    """The user asks for another number of members."""
    return events.change(f"the size becomes {size}", {"replicas": size}, when=when)


def _scaled(*sizes: int, change: Json | None = None, told: str = "") -> Scenario:
    first, *others = sizes
    script = (resized(others[0], when=moments.admitted(first)), *(resized(size) for size in others[1:]))
    name = f"{' to '.join(map(str, sizes))}{told}"
    wanted = spec({"replicas": first, **(change or {})})
    return Scenario(name, endings.healthy(sizes[-1]), wanted, script, disturbed_after=len(script))


SCALED = (
    _scaled(3, 5),
    _scaled(5, 3),
    _scaled(1, 3),
    _scaled(3, 1),
    _scaled(1, 3, 1, 3),
    _scaled(3, 5, 3, 5),
    _scaled(3, 5, change={"tls": {"client": "Off", "peer": "Off"}}, told=" without TLS"),
)


def _with_images(told: str, count: int) -> Scenario:
    def have(world: World) -> None:
        world.nodes.have("example.com/etcd:v3.6.16", *sorted(world.nodes.power)[:count])

    return replace(_scaled(3, 5, told=told), before=have)


PULLED = (
    _with_images(" where every node has the image", 5),
    _with_images(" where the nodes of the members have the image", 3),
)


KEPT = Scenario(
    "3 to 5 to 3 to 5 with claims that are kept",
    endings.healthy(5, kept=2),
    spec({"storage": {"onScaleIn": "Retain"}}),
    (resized(5, when=moments.admitted(3)), resized(3), resized(5)),
    disturbed_after=2,
)


def _healed(name: str, loss: Event, *later: Event, end: Callable[[World], None] | None = None) -> Scenario:
    return Scenario(
        name,
        end or endings.replaced(1),
        spec(_SOON),
        (loss, *later),
        disturbed_after=1 + len(later),
        patience=PATIENCE,
    )


def _down(*numbers: int) -> tuple[Event, ...]:
    return tuple(events.on_node_of(number, "is off", Nodes.power_off, when=moments.admitted(3)) for number in numbers)


HEALED = (
    _healed("Pod and claim of a member deleted", events.delete_with_claims(0, when=moments.admitted(3))),
    _healed("a volume lost", events.claims_lost(0, when=moments.admitted(3))),
    _healed("a log damaged", events.damage(0, when=moments.admitted(3))),
    _healed("a volume with another member's data", events.mix_up(0, with_data_of=1, when=moments.admitted(3))),
    _healed("a node off for good", *_down(0)),
    _healed("a node off, and back too late", *_down(0), events.every_node_on(when=moments.replaced)),
    _healed("a node gone", events.on_node_of(0, "is gone", Nodes.go, when=moments.admitted(3))),
    _healed(
        "a node cut off with its member",
        events.on_node_of(0, "is cut off", Nodes.cut_off, when=moments.admitted(3), apart=True),
        events.every_node_on(when=moments.replaced),
    ),
)


REBOOT = Scenario(
    "a node off, and back in time",
    endings.replaced(0),
    spec(_SOON),
    (*_down(0), events.every_node_on(when=moments.after(timedelta(seconds=30)))),
    disturbed_after=1,
    patience=PATIENCE,
)


def _waits_for_quorum(world: World) -> None:
    endings.without_quorum(3, lost=1, reason=BlockReason.NO_QUORUM)(world)


SILENT = Scenario(
    "a node that Kubernetes hears no more, and its member serves",
    endings.unharmed,
    spec(_SOON),
    (events.on_node_of(0, "is heard no more", Nodes.cut_off, when=moments.admitted(3)),),
    disturbed_after=1,
    patience=PATIENCE,
)

PAUSED = Scenario(
    "3 to 5, paused on the way, then resumed",
    endings.healthy(5),
    script=(
        resized(5, when=moments.admitted(3)),
        events.change("paused", {"paused": True}, when=moments.learning),
        events.change("resumed", {"paused": False}, when=moments.calm),
    ),
    disturbed_after=2,
)

QUORUM_LOST = (
    _healed("two nodes off", *_down(0, 1), end=_waits_for_quorum),
    _healed("two nodes off, and back", *_down(0, 1), events.every_node_on(when=moments.calm), end=endings.healthy(3)),
    Scenario(
        "Pods and claims of two deleted while the survivor is behind",
        endings.told_of,
        spec(_SOON),
        (
            events.cut_off(0, when=moments.admitted(3)),
            events.delete_with_claims(1, 2, when=moments.admitted(3)),
            events.connect(when=moments.calm),
        ),
        disturbed_after=2,
        patience=PATIENCE,
    ),
    Scenario(
        "Pods and claims of all deleted",
        endings.told_of,
        spec(_SOON),
        (events.delete_with_claims(0, 1, 2, when=moments.admitted(3)),),
        disturbed_after=1,
        patience=PATIENCE,
    ),
)


WHILE_DOWN = (
    Scenario(
        "5 to 3 while two nodes are off",
        endings.healthy(3),
        spec({**_SOON, "replicas": 5}),
        (
            *(events.on_node_of(number, "is off", Nodes.power_off, when=moments.admitted(5)) for number in (0, 1)),
            resized(3),
        ),
        disturbed_after=3,
        patience=PATIENCE,
    ),
    Scenario(
        "3 to 5 while a node is off for good",
        endings.healthy(5),
        spec(_SOON),
        (*_down(0), resized(5)),
        disturbed_after=2,
        patience=PATIENCE,
    ),
    Scenario(
        "3 to 5 while a node is off, and back in time",
        endings.healthy(5),
        spec(_SOON),
        (*_down(0), resized(5, when=moments.at_once), events.every_node_on(when=moments.after(timedelta(seconds=30)))),
        disturbed_after=3,
        patience=PATIENCE,
    ),
    *(
        Scenario(
            f"{size} to {wanted} while a node is off for good",
            endings.healthy(wanted),
            spec({**_SOON, "replicas": size}),
            (events.on_node_of(0, "is off", Nodes.power_off, when=moments.admitted(size)), resized(wanted)),
            disturbed_after=2,
            patience=PATIENCE,
        )
        for size, wanted in ((5, 3), (3, 1))
    ),
)


def _leads_elsewhere(world: World) -> None:
    endings.healthy(3)(world)
    endings.leads_elsewhere(world)


CORDONED = Scenario(
    "the leader's node is cordoned",
    _leads_elsewhere,
    script=(events.on_leaders_node("is cordoned", Nodes.cordon, when=moments.admitted(3)),),
    disturbed_after=1,
)


def _forbid_nodes(world: World) -> None:
    world.server.forbidden = frozenset({Kind.NODE})


FORBIDDEN = Scenario(
    "a node off for good, and nodes may not be read",
    endings.blocked(BlockReason.NODES_FORBIDDEN),
    spec(_SOON),
    _down(0),
    before=_forbid_nodes,
    disturbed_after=1,
    patience=PATIENCE,
)


def _stranger(_: World) -> Add:
    return Add("http://elsewhere:2380", learner=True)


def _foreign_voter(_: World) -> Add:
    return Add("http://elsewhere:2380", learner=False)


def _like_ours(_: World) -> Add:
    return Add(f"https://{NAME}-zzzzz.{NAMESPACE}.svc:2380", learner=True)


def _remove_stranger(world: World) -> Remove:
    members = world.etcd.leaders[0].data.journal.members
    return Remove(next(member.id for member in members if "elsewhere" in member.peer_urls[0]))


def _remove_last(world: World) -> Remove:
    members = world.etcd.leaders[0].data.journal.members
    return Remove(next(member.id for member in members if f"//{world.members[2]}." in member.peer_urls[0]))


def _remove_unrecorded(world: World) -> Remove:
    known = truth(world)
    return Remove(next(known.members[name].id for name in sorted(known.voters) if name not in world.members))


BY_HAND = (
    *(
        Scenario(
            f"a foreign {what} is added by hand, and removed",
            endings.healthy(3),
            script=(
                events.by_hand("somebody adds a member", add, when=moments.rested),
                events.by_hand("somebody removes it", _remove_stranger, when=moments.calm),
            ),
            disturbed_after=1,
        )
        for what, add in (("learner", _stranger), ("voter", _foreign_voter))
    ),
    Scenario(
        "a foreign learner stays",
        endings.blocked(BlockReason.FOREIGN_MEMBER),
        script=(events.by_hand("somebody adds a learner", _stranger, when=moments.rested),),
        disturbed_after=1,
    ),
    Scenario(
        "a learner with a URL like ours is added by hand",
        endings.healthy(3),
        script=(events.by_hand("somebody adds a learner", _like_ours, when=moments.rested),),
        disturbed_after=1,
    ),
    Scenario(
        "a member is removed by hand",
        endings.healthy(3, kept=1),
        script=(events.by_hand("somebody removes a member", _remove_last, when=moments.rested),),
        disturbed_after=1,
    ),
    Scenario(
        "a newcomer is removed by hand before the record says that it votes",
        endings.healthy(5, kept=1),
        script=(
            resized(5, when=moments.admitted(3)),
            events.operator_stops(when=moments.unrecorded),
            events.by_hand("somebody removes a member", _remove_unrecorded, when=moments.rested),
            events.operator_starts(when=moments.calm),
        ),
        disturbed_after=4,
    ),
)


def _three_places(world: World) -> None:
    world.nodes.become("node-0", "node-1", "node-2", room=1)


def _five_places(nodes: Nodes) -> None:
    for name in ("node-3", "node-4"):
        nodes.come(name)


def _four_claims(world: World) -> None:
    world.server.limits = {Kind.CLAIM: 4}


def _stuck(reason: BlockReason, *, members: int = 3) -> Callable[[World], None]:
    """Those that fit serve, and the status says what keeps the others."""

    def end(world: World) -> None:
        endings.blocked(reason)(world)
        endings.serves_with(world, members=members)

    return end


STUCK = (
    Scenario(
        "3 to 5 without room",
        _stuck(BlockReason.UNSCHEDULABLE),
        script=(resized(5, when=moments.admitted(3)),),
        before=_three_places,
        disturbed_after=1,
    ),
    Scenario(
        "3 to 5 without room, and back to 3",
        endings.healthy(3),
        script=(resized(5, when=moments.admitted(3)), resized(3)),
        before=_three_places,
        disturbed_after=2,
    ),
    Scenario(
        "3 to 5 without room, until nodes come",
        endings.healthy(5),
        script=(
            resized(5, when=moments.admitted(3)),
            events.machines("nodes come", _five_places, when=moments.calm),
        ),
        before=_three_places,
        disturbed_after=2,
    ),
    Scenario(
        "3 to 5 over the quota",
        _stuck(BlockReason.REFUSED, members=4),
        script=(resized(5, when=moments.admitted(3)),),
        before=_four_claims,
        disturbed_after=1,
    ),
    Scenario(
        "3 to 5 over the quota, until it is raised",
        endings.healthy(5),
        script=(resized(5, when=moments.admitted(3)), events.quota({}, when=moments.calm)),
        before=_four_claims,
        disturbed_after=2,
    ),
    Scenario(
        "a learner does not start, until it may",
        endings.healthy(5),
        script=(
            resized(5, when=moments.admitted(3)),
            events.hold_back(3, 4, when=moments.learning),
            events.let_go(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "a learner does not start, and is not wanted any more",
        endings.healthy(3),
        script=(
            resized(5, when=moments.admitted(3)),
            events.hold_back(3, 4, when=moments.learning),
            resized(3),
            events.let_go(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "a learner does not catch up, until it can",
        endings.healthy(5),
        script=(
            resized(5, when=moments.admitted(3)),
            events.slow_down(3, 4, when=moments.learning),
            events.speed_up(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "newcomers take part long before they serve clients",
        endings.healthy(5),
        script=(
            resized(5, when=moments.admitted(3)),
            events.silence(3, 4, when=moments.at_gate),
            events.let_speak(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "one becomes three, and the second member takes part long before it serves clients",
        endings.healthy(3),
        spec({"replicas": 1}),
        (
            resized(3, when=moments.admitted(1)),
            events.silence(1, when=moments.at_gate),
            events.let_speak(when=moments.calm),
        ),
        disturbed_after=2,
    ),
    Scenario(
        "a volume lost where there is no room for a newcomer",
        endings.replaced(1),
        script=(events.claims_lost(0, when=moments.admitted(3)),),
        before=_three_places,
        disturbed_after=1,
    ),
)

TAKEN_BACK = Scenario(
    "5 to 3, and at once back to 5",
    endings.replaced(0, members=5),
    spec({"replicas": 5}),
    (resized(3, when=moments.admitted(5)), resized(5, when=moments.leaving)),
    disturbed_after=2,
)

UNLEARNT = Scenario(
    "3 to 5, and back to 3 while a newcomer learns",
    endings.healthy(3),
    script=(resized(5, when=moments.admitted(3)), resized(3, when=moments.learning)),
    disturbed_after=1,
)

LOST_AT_GATE = Scenario(
    "a newcomer's volume is lost at the gate",
    endings.healthy(5),
    script=(resized(5, when=moments.admitted(3)), events.claims_lost(3, when=moments.at_gate)),
    disturbed_after=2,
)

EVICTED = Scenario(
    "a newcomer is evicted at the gate",
    endings.healthy(5),
    script=(resized(5, when=moments.admitted(3)), events.evict(3, when=moments.at_gate)),
    disturbed_after=2,
)

ALL = (
    *SCALED,
    *PULLED,
    TAKEN_BACK,
    UNLEARNT,
    EVICTED,
    LOST_AT_GATE,
    KEPT,
    PAUSED,
    *HEALED,
    REBOOT,
    SILENT,
    *QUORUM_LOST,
    *WHILE_DOWN,
    CORDONED,
    FORBIDDEN,
    *BY_HAND,
    *STUCK,
)
