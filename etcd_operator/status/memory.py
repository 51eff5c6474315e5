"""What members last said of their data. It is told only while no quorum serves: then it decides what can be saved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from etcd_operator.observation import Unknown
from etcd_operator.status.moment import timestamp

if TYPE_CHECKING:
    from collections.abc import Container

    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Observation


_YEAR_10000 = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Sight:
    """A member's revision, and when it was seen."""

    member: str
    revision: int
    at: datetime


@dataclass(slots=True)
class HighestSeen:
    """The highest revision ever seen of each cluster, by UID: a leader hands it to the next one with the Lease.

    Nothing is decided from it, only told: it may be some seconds old, and whoever may write the Lease may change it.
    """

    _sights: dict[str, Sight] = field(default_factory=dict)

    def learn(self, cluster: str, sight: Sight | None) -> Sight | None:
        """Keep `sight` if it is higher than what was known of the cluster; returns the highest, if any."""
        known = self._sights.get(cluster)
        if sight is not None and (known is None or sight.revision > known.revision):
            self._sights[cluster] = known = sight
        return known

    def keep(self, clusters: Container[str]) -> None:
        """Forget all but these clusters. One that was made since they were listed is back with its next pass."""
        self._sights = {cluster: sight for cluster, sight in self._sights.items() if cluster in clusters}

    def text(self, *, room: int) -> tuple[str, int]:
        """All of it in at most `room` bytes of ASCII, and the number of clusters for which there was no room.

        It is compact JSON: UID to revision, member and seconds since the epoch. Those are left out whose revision has
        stood the longest: they have the least to lose.
        """
        entries: list[str] = []
        left = room - len("{}")
        for cluster, sight in sorted(self._sights.items(), key=lambda item: item[1].at, reverse=True):
            said = [sight.revision, sight.member, int(sight.at.timestamp())]
            entry = f"{json.dumps(cluster)}:{json.dumps(said, separators=(',', ':'))}"
            left -= len(entry) + len(",")
            if left < 0:
                break
            entries.append(entry)
        return f"{{{','.join(entries)}}}", len(self._sights) - len(entries)

    def take_over(self, text: str) -> None:
        """Learn what another leader's `text` tells. Raises ValueError, and learns nothing, if no leader wrote it so."""
        for cluster, sight in _sights(text).items():
            self.learn(cluster, sight)


def _sights(text: str) -> dict[str, Sight]:
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if isinstance(found, dict):
        return {cluster: _sight(said) for cluster, said in found.items()}
    raise ValueError("it is no JSON object")


def _sight(said: Any) -> Sight:
    """`said` as a sight that the status can tell: with other numbers Kubernetes would refuse the whole status."""
    match said:
        case [int(revision), str(member), int(seconds)] if 0 < revision < 2**63 and 0 <= seconds < _YEAR_10000:
            return Sight(member, int(revision), datetime.fromtimestamp(seconds, UTC))
    raise ValueError("an entry is not a revision, a member and seconds since the epoch")


@dataclass(slots=True)
class Memory:
    """The last sight of each member of a cluster, and its highest revision ever; it causes no write by itself.

    `ever` has the highest revisions of all clusters, from leaders before this one, too.
    """

    ever: HighestSeen = field(default_factory=HighestSeen)
    last: dict[str, Sight] = field(default_factory=dict)
    highest: Sight | None = None
    _cluster: str = ""

    def learn(self, seen: Observation) -> None:
        """Take over what the members say now. Of an earlier cluster of the same name nothing is remembered."""
        cluster = seen.cluster.meta.uid
        if cluster != self._cluster:
            self._cluster, self.last, self.highest = cluster, {}, None
        for name, view in seen.etcd.views.items():
            if isinstance(view.status, Unknown):
                continue
            sight = self.last.get(name)
            if sight is None or sight.revision != view.status.revision or view.healthy:
                self.last[name] = sight = Sight(name, view.status.revision, seen.at)
            if self.highest is None or sight.revision > self.highest.revision:
                self.highest = sight
        self.highest = self.ever.learn(cluster, self.highest)


def of_member(memory: Memory, name: str, told: Json) -> Json | None:
    """What the status says of a member that was seen, for as long as no quorum serves; else what it said before."""
    sight = memory.last.get(name)
    if sight is None:
        before: Json | None = told.get("lastSeen")
        return before
    return {"revision": sight.revision, "at": timestamp(sight.at)}


def of_all(memory: Memory, told: Json) -> Json | None:
    """The highest revision that was ever seen, by this process or by one before it."""
    before: Json | None = told.get("lastSeen")
    highest = memory.highest
    if highest is None or (before is not None and before["revision"] >= highest.revision):
        return before
    return {"revision": highest.revision, "member": highest.member, "at": timestamp(highest.at)}
