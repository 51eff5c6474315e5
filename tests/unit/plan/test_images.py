"""A newcomer is not in etcd's list before its node has etcd's image; where the image is already, nothing is pulled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.observation import Unknown
from etcd_operator.plan.changes import change
from etcd_operator.plan.members import run
from etcd_operator.plan.placement import has_image
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.pod import VERSION_CONTAINER
from tests.builders import (
    MEMBERS,
    Stage,
    a_claim,
    a_gate_pod,
    a_node,
    an_observation,
    having,
    on_nodes,
    with_newcomers,
    with_record,
    with_spec,
    without,
)
from tests.unit.plan.decide import body_of, done, situation

A, D = MEMBERS[0], MEMBERS[3]
IMAGE = frozenset({"example.com/etcd:v3.6.16", "example.com/etcd@sha256:0d7c"})
HERE = {f"node_{turn}": a_node(f"node-{turn}", images=IMAGE) for turn in (1, 2, 3, 4)}
STABLE = with_spec(an_observation(Stage.STABLE), replicas=5)
NAMED = on_nodes(without(with_newcomers(STABLE, D, at_gate=False), Kind.CLAIM, D), **HERE)
BOUND = on_nodes(with_newcomers(STABLE, D, at_gate=False), **HERE)


def at_gate(*, pulled: bool, images: frozenset[str] = IMAGE) -> bool:
    """Whether D is added, which waits at the gate on a node with these images."""
    nodes = {**HERE, "node_4": a_node("node-4", images=images)}
    seen = with_newcomers(STABLE, D)
    seen = on_nodes(having(seen, a_gate_pod(D, asks=(A,), pulled=pulled)), **nodes)
    plan = change(situation(seen))
    added = plan is not None and done(plan) == {f"add {D}"}
    deleted = run(situation(seen))
    assert (deleted is None) is added
    if deleted is not None:
        assert done(deleted) == {f"delete Pod {D}"}
        assert deleted.reason == f"the node of {D} may not have etcd's image: its next Pod pulls it first"
    return added


KNOWN = {
    "on the node of its volume": BOUND,
    "on the nodes of all members while it has none": NAMED,
}


@pytest.mark.parametrize("seen", KNOWN.values(), ids=KNOWN)
def test_a_newcomer_pulls_nothing_where_the_image_is(seen: object) -> None:
    assert isinstance(seen, type(BOUND))
    assert has_image(situation(seen), D)


UNKNOWN = {
    "its node does not name the image": replace(BOUND, nodes={**BOUND.nodes, "node-4": a_node("node-4")}),  # type: ignore[dict-item]
    "its node is not known": replace(BOUND, nodes={"node-1": a_node(images=IMAGE)}),
    "one node of the members does not": replace(NAMED, nodes={**NAMED.nodes, "node-3": a_node("node-3")}),  # type: ignore[dict-item]
    "nodes may not be read": replace(BOUND, nodes=Unknown("nodes is forbidden")),
    "no node is known": replace(NAMED, nodes={}),
    "its volume may be anywhere": having(BOUND, a_claim(D)),
    "the image is pulled each time": with_spec(BOUND, image={"pullPolicy": "Always"}),
    "another version was accepted": with_record(BOUND, version="3.6.15"),
}


@pytest.mark.parametrize("seen", UNKNOWN.values(), ids=UNKNOWN)
def test_it_pulls_the_image_in_doubt(seen: object) -> None:
    assert isinstance(seen, type(BOUND))
    assert not has_image(situation(seen), D)


@pytest.mark.parametrize("there", [True, False])
def test_its_pod_is_made_for_that(*, there: bool) -> None:
    nodes = BOUND.nodes if there else {**NAMED.nodes, "node-4": a_node("node-4")}  # type: ignore[dict-item]
    plan = run(situation(replace(BOUND, nodes=nodes)))
    assert plan is not None
    names = {container["name"] for container in body_of(plan, "Pod", D)["spec"]["initContainers"]}
    assert (VERSION_CONTAINER in names) is not there


def test_a_newcomer_is_added_when_its_node_has_the_image_and_makes_way_when_not() -> None:
    assert at_gate(pulled=True, images=frozenset())
    assert at_gate(pulled=False)
    assert not at_gate(pulled=False, images=frozenset())
