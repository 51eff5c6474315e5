"""Writes the status of a moment as a pass does, and reads parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.plan.planner import plan as decide
from etcd_operator.status import document
from etcd_operator.status.memory import Memory
from tests.builders import GATE

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation
    from etcd_operator.plan.model import Plan


def status_of(seen: Observation, plan: Plan | None = None, *, memory: Memory | None = None) -> Json:
    """The whole status for `seen`, under its own plan unless given, by a process that remembers nothing else."""
    plan, memory = plan or decide(seen, gate=GATE, entropy=bytes(16)), memory or Memory()
    memory.learn(seen)
    return document.build(seen, plan, blocked=plan.blocked, memory=memory)


def condition(status: Json, kind: str) -> tuple[str, str]:
    """Status and reason of one condition."""
    found = next(condition for condition in status["conditions"] if condition["type"] == kind)
    return found["status"], found["reason"]
