"""One pass for one cluster: observe, plan, record, act."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from etcd_operator import events
from etcd_operator.act.execute import Executor
from etcd_operator.act.membership import MembershipExecutor, OvertakenError
from etcd_operator.api.conditions import BlockReason
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused
from etcd_operator.kube.port import Precondition
from etcd_operator.observe.nodes import Nodes
from etcd_operator.observe.snapshot import observe
from etcd_operator.patience import Patience
from etcd_operator.plan.model import Blocked, Create, CreateAuthority, Delete, Patch, WriteCredentials
from etcd_operator.plan.planner import STABLE_WAKE, plan
from etcd_operator.resources.kinds import Kind
from etcd_operator.status import document, health
from etcd_operator.status.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.etcd.client import EtcdClient
    from etcd_operator.events import Recorder
    from etcd_operator.kube.port import Kube
    from etcd_operator.metrics import Metrics
    from etcd_operator.observation import Observation
    from etcd_operator.plan.model import Plan, Step
    from etcd_operator.resources.pod import StartCheckImage

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


def _entropy() -> bytes:
    return secrets.token_bytes(16)


@dataclass(slots=True)
class Reconciler:
    """The passes of one cluster. `remaining` are the seconds left on the Lease.

    Between two passes it remembers only what was refused and, in `memory`, what members last said, to tell of it and to
    wait longer. Nothing is decided from that: a new process plans the same from what it sees.
    """

    kube: Kube
    etcd: EtcdClient
    recorder: Recorder
    metrics: Metrics
    gate: StartCheckImage
    namespace: str
    name: str
    remaining: Callable[[], float]
    clock: Callable[[], datetime] = _now
    entropy: Callable[[], bytes] = _entropy
    timer: Callable[[], float] = time.monotonic
    memory: Memory = field(default_factory=Memory)
    _patience: Patience = field(default_factory=Patience)
    _nodes: Nodes = field(default_factory=Nodes)
    _leader: int = 0

    async def run_pass(self) -> float:
        """Observe, plan, write what must be remembered, then act. Returns the seconds after which to look again.

        Raises NotFound when the EtcdCluster is gone, and another KubeError when Kubernetes could not be read or the
        status could not be written: then no step was taken.
        """
        seen = await observe(
            self.kube, self._nodes, self.etcd, namespace=self.namespace, name=self.name, now=self.clock()
        )
        decision = plan(seen, gate=self.gate, entropy=self.entropy())
        self._patience.keep({_key(step) for step in decision.steps})
        self.memory.learn(seen)
        blocked = (*self._patience.blocks(self.timer()), *decision.blocked)
        self._measure(seen, blocked)
        await self._write_status(seen, decision, blocked)
        notes = events.notes(seen.cluster, decision, blocked)
        told = asyncio.gather(*(self.recorder.write(seen.cluster, note) for note in notes))
        try:
            done = await self._act(
                seen, [step for step in decision.steps if self._patience.due(_key(step), self.timer())]
            )
        finally:
            await told
        if done:
            return 0.0
        next_try = self._patience.next_try(self.timer())
        if next_try is None:
            return decision.wake_after
        return min(next_try, decision.wake_after or STABLE_WAKE)

    async def close(self) -> None:
        """Close the connections to the members."""
        await self.etcd.close()

    async def _write_status(self, seen: Observation, decision: Plan, blocked: tuple[Blocked, ...]) -> None:
        """Intention before mutation: the record stands in the status before the first step that relies on it."""
        changes = document.patch(
            seen.cluster.status, document.build(seen, decision, blocked=blocked, memory=self.memory)
        )
        if not changes:
            return
        meta = seen.cluster.meta
        await self.kube.patch(
            Kind.CLUSTER,
            self.namespace,
            self.name,
            {"status": changes},
            precondition=Precondition(meta.uid, meta.resource_version),
            status=True,
        )

    async def _act(self, seen: Observation, steps: list[Step]) -> bool:
        """Carry out `steps`, all at once; returns whether any was not refused.

        Raises what kept a step from being answered, after all have ended.
        """
        executor = Executor(self.kube, MembershipExecutor(self.etcd, seen, self.remaining), seen)
        outcomes = await asyncio.gather(*(self._try(executor, step) for step in steps), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(outcomes)

    async def _try(self, executor: Executor, step: Step) -> bool:
        """Carry out one step; returns False when it was refused. Raises a KubeError when Kubernetes gave no answer.

        An answer that etcd did not give counts as a refusal: the next pass sees what became of it.
        """
        what, outcome = f"{type(step).__name__} {_object(step)}", "failed"
        try:
            await executor.execute(step)
            outcome = "done"
        except (Conflict, NotFound):
            outcome = "overtaken"
        except (EtcdError, OvertakenError) as error:
            outcome = "refused"
            log.info("etcd refused a step", step=what, why=step.why, error=str(error))
            block = Blocked(what, BlockReason.REFUSED_BY_ETCD, f"{step.why}: {error}")
            self._patience.refused(_key(step), block, self.timer(), by_etcd=True)
            return False
        except (Refused, AlreadyExists) as error:
            outcome = "refused"
            log.warning("step refused", step=what, why=step.why, error=error.message)
            self._patience.refused(_key(step), _block(step, error), self.timer())
            return False
        finally:
            self.metrics.steps.labels(self.namespace, self.name, type(step).__name__, outcome).inc()
        self._patience.done(_key(step))
        log.info("step", step=what, why=step.why, outcome=outcome)
        return True

    def _measure(self, seen: Observation, blocked: tuple[Blocked, ...]) -> None:
        labels = (self.namespace, self.name)
        state = health.health(seen)
        if health.is_asleep(seen, state):
            self.metrics.quorum_margin.remove_by_labels({"namespace": self.namespace, "cluster": self.name})
        elif seen.cluster.record.formed:
            self.metrics.quorum_margin.labels(*labels).set(state.margin)
        self.metrics.blocked.labels(*labels).set(len(blocked))
        leader = health.leader_id(seen)
        if leader and self._leader and leader != self._leader:
            self.metrics.leader_changes.labels(*labels).inc()
        self._leader = leader or self._leader


def _object(step: Step) -> str:
    match step:
        case Create() | Patch() | Delete():
            return f"{step.kind.value.kind} {step.name}"
        case CreateAuthority() | WriteCredentials():
            return f"{Kind.SECRET.value.kind} {step.name}"
        case _:
            return step.member


def _key(step: Step) -> tuple[str, str]:
    return type(step).__name__, _object(step)


def _block(step: Step, error: Refused | AlreadyExists) -> Blocked:
    action = f"{type(step).__name__} {_object(step)}"
    if isinstance(error, AlreadyExists):
        message = f"{error.message}: it is not this cluster's own, and nothing is ever adopted; rename it, or delete it"
        return Blocked(action, BlockReason.FOREIGN_OBJECT, message)
    return Blocked(action, BlockReason.REFUSED, error.message)
