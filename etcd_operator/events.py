"""Kubernetes events: what `kubectl describe` tells of what was done, and of what was not."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from etcd_operator.api import API_VERSION
from etcd_operator.kube.errors import KubeError
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.tuning import warning

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.kube.port import Kube
    from etcd_operator.observation import Cluster
    from etcd_operator.plan.model import Blocked, Plan

CONTROLLER = "etcd-operator.dev/etcd-operator"
NOTE_LIMIT = 1024
"""Bytes; Kubernetes refuses longer notes."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Note:
    """One event before it is written."""

    type: str
    reason: str
    action: str
    text: str


def notes(cluster: Cluster, plan: Plan, blocked: tuple[Blocked, ...]) -> list[Note]:
    """What is new in `plan` and `blocked` against the status that stands: nothing is told twice, by no replica."""
    told = cluster.status.get("plan", {})
    found: list[Note] = []
    changes = plan.steps or plan.record != cluster.record
    if changes and told.get("reason") != plan.reason:
        found.append(Note("Normal", plan.action, plan.action, plan.reason))
    doubt = warning(cluster.spec)
    if doubt is not None and doubt != cluster.status.get("warning"):
        found.append(Note("Warning", "MemoryLimit", "Warn", doubt))
    known = {(block["action"], block["reason"]) for block in told.get("blocked", ())}
    found += [
        Note("Warning", str(block.reason), "Blocked", f"{block.action}: {block.message}")
        for block in blocked
        if (block.action, str(block.reason)) not in known
    ]
    return found


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes events. An event that cannot be written is logged and never holds up a step."""

    kube: Kube
    instance: str

    async def write(self, cluster: Cluster, note: Note) -> None:
        """Write `note` as an event of `cluster`."""
        try:
            await self.kube.create(Kind.EVENT, cluster.namespace, self._body(cluster, note))
        except KubeError as error:
            log.warning("an event could not be written", reason=note.reason, error=str(error))

    def _body(self, cluster: Cluster, note: Note) -> Json:
        return {
            "apiVersion": Kind.EVENT.value.api_version,
            "kind": Kind.EVENT.value.kind,
            "metadata": {"name": f"{cluster.meta.name}.{secrets.token_hex(8)}", "namespace": cluster.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": note.type,
            "reason": note.reason,
            "action": note.action,
            "note": note.text.encode()[:NOTE_LIMIT].decode(errors="ignore"),
            "reportingController": CONTROLLER,
            "reportingInstance": self.instance,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": "EtcdCluster",
                "namespace": cluster.namespace,
                "name": cluster.meta.name,
                "uid": cluster.meta.uid,
                "resourceVersion": cluster.meta.resource_version,
            },
        }
