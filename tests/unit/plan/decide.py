"""Asks the planner, and reads its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.plan.changes import change
from etcd_operator.plan.model import (
    AddLearner,
    Create,
    CreateAuthority,
    Delete,
    MoveLeader,
    Patch,
    Plan,
    Promote,
    Remove,
    Step,
    WriteCredentials,
)
from etcd_operator.plan.planner import plan
from etcd_operator.plan.situation import Situation
from tests.builders import GATE

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.api.conditions import BlockReason
    from etcd_operator.observation import Observation

ENTROPY = bytes(range(16))

_CHANGES: dict[type[Step], str] = {
    AddLearner: "add",
    Promote: "promote",
    Remove: "remove",
    MoveLeader: "move leader to",
}


def decide(seen: Observation, *, entropy: bytes = ENTROPY) -> Plan:
    """The plan for `seen`."""
    return plan(seen, gate=GATE, entropy=entropy)


def situation(seen: Observation, *, entropy: bytes = ENTROPY) -> Situation:
    """What every concern of the planner is given for `seen`."""
    return Situation(seen, GATE, entropy)


def changed(seen: Observation) -> Plan:
    """The next change, or what it waits for."""
    plan = change(situation(seen))
    assert plan is not None
    assert plan.record == seen.cluster.record
    return plan


def waits(plan: Plan) -> str:
    """What the plan waits for; it takes no step and looks again within a second."""
    assert plan.steps == ()
    assert 0 < plan.wake_after <= 1
    return plan.reason


def done(plan: Plan) -> set[str]:
    """The steps as words, such as "create Pod orders-bbbbb"."""
    return {_word(step) for step in plan.steps}


def deleted(plan: Plan) -> set[str]:
    """The steps that delete something."""
    return {word for word in done(plan) if word.startswith("delete ")}


def _word(step: Step) -> str:
    match step:
        case Create() | Patch() | Delete():
            return f"{type(step).__name__.lower()} {step.kind.value.kind} {step.name}"
        case CreateAuthority():
            return f"create authority {step.name}"
        case WriteCredentials(target=None):
            return f"create credentials {step.name}"
        case WriteCredentials():
            return f"write credentials {step.name}"
        case _:
            return f"{_CHANGES[type(step)]} {step.member}"


def body_of(plan: Plan, kind: str, name: str) -> Json:
    """The object that the plan creates."""
    return next(
        step.body
        for step in plan.steps
        if isinstance(step, Create) and (step.kind.value.kind, step.name) == (kind, name)
    )


def written(plan: Plan, name: str) -> WriteCredentials:
    """The step that writes the Secret `name`."""
    return next(step for step in plan.steps if isinstance(step, WriteCredentials) and step.name == name)


def reasons(plan: Plan) -> list[BlockReason]:
    """Why the operator does not do what it would do."""
    return [block.reason for block in plan.blocked]
