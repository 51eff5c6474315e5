"""What members last said of their data. It is told only while no quorum serves: then it decides what can be saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcd_operator.observation import Unknown
from etcd_operator.status.moment import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation


@dataclass(frozen=True, slots=True)
class Sight:
    """A member's revision, and when it was seen."""

    member: str
    revision: int
    at: datetime


@dataclass(slots=True)
class Memory:
    """The last sight of each member, and the highest revision ever; kept by the process, never written by itself."""

    last: dict[str, Sight] = field(default_factory=dict)
    highest: Sight | None = None

    def learn(self, seen: Observation) -> None:
        """Take over what the members say now."""
        for name, view in seen.etcd.views.items():
            if isinstance(view.status, Unknown):
                continue
            sight = self.last.get(name)
            if sight is None or sight.revision != view.status.revision or view.healthy:
                self.last[name] = sight = Sight(name, view.status.revision, seen.at)
            if self.highest is None or sight.revision > self.highest.revision:
                self.highest = sight


def of_member(memory: Memory, name: str, told: Json) -> Json | None:
    """What the status says of a member that was seen, for as long as no quorum serves; else what it said before."""
    sight = memory.last.get(name)
    if sight is None:
        before: Json | None = told.get("lastSeen")
        return before
    return {"revision": sight.revision, "at": timestamp(sight.at)}


def of_all(memory: Memory, told: Json) -> Json | None:
    """The highest revision that was ever seen, by this process or by one before it that said so."""
    before: Json | None = told.get("lastSeen")
    highest = memory.highest
    if highest is None or (before is not None and before["revision"] >= highest.revision):
        return before
    return {"revision": highest.revision, "member": highest.member, "at": timestamp(highest.at)}
