"""The four lines, applied and watched until every member serves."""

import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from e2e.demo.view import View
from e2e.support.clusters import HEALTHY
from e2e.support.kube import Json, Kind, Kube
from etcd_operator.api.conditions import BlockReason, ConditionType

ORDERS = Path(__file__).parent / "orders.yaml"
"""What the demo applies, and what the README shows."""

READY_WITHIN = 300.0
LOOK_EVERY = 0.25

LASTING = frozenset({BlockReason.EARLIER_CLUSTER, BlockReason.FOREIGN_OBJECT, BlockReason.PAUSED})
"""Blocks that no waiting ends: a person has to decide."""


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The EtcdCluster of the demo, in `namespace`."""

    kube: Kube
    namespace: str

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._wanted()["metadata"]["name"])

    @property
    def version(self) -> str:
        """The version of etcd that is asked for."""
        return str(self._wanted()["spec"]["version"])

    def exists(self) -> bool:
        """Whether an earlier run left it here."""
        return self.kube.find(Kind.CLUSTER, self.namespace, self.name) is not None

    def apply(self) -> str:
        """Apply the four lines; return what kubectl prints."""
        return self.kube.kubectl("apply", f"--namespace={self.namespace}", f"--filename={ORDERS}").strip()

    def status(self) -> Json:
        """Its status as it is now; empty while the operator has not written one."""
        status: Json = self.kube.get(Kind.CLUSTER, self.namespace, self.name).get("status", {})
        return status

    def watch(self, view: View) -> float:
        """Show it until all is well; return the seconds that took.

        Raises DemoError when it is blocked by what only a person can decide, and after READY_WITHIN.
        """
        began = time.monotonic()
        while True:
            status, seconds = self.status(), time.monotonic() - began
            view.show(status, seconds=seconds)
            if well(status):
                return seconds
            stopped = blocked(status)
            if stopped:
                raise DemoError(f"{self.name} waits for you: {stopped}")
            if seconds > READY_WITHIN:
                raise DemoError(
                    f"{self.name} is not ready after {READY_WITHIN:.0f} s; the last lines above say what it waits for, "
                    f"and `kubectl describe etcd {self.name} --namespace={self.namespace}` says more"
                )
            time.sleep(LOOK_EVERY)

    def _wanted(self) -> Json:
        wanted: Json = yaml.safe_load(ORDERS.read_text())
        return wanted


def well(status: Json) -> bool:
    """Whether every member serves and nothing is left to do."""
    found = {each["type"]: each["status"] for each in status.get("conditions", ())}
    return all(found.get(kind) == wanted for kind, wanted in HEALTHY.items())


def blocked(status: Json) -> str:
    """Why nothing goes on before a person decides; empty when something does."""
    for each in status.get("conditions", ()):
        if each["type"] == ConditionType.BLOCKED and each["status"] == "True" and each["reason"] in LASTING:
            return str(each["message"])
    return ""
