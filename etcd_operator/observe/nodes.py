"""What Kubernetes says of the nodes of one cluster, asked once a second at most.

A kubelet itself is heard every ten seconds, while a pass may follow the other at once, and a node is a large object.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from etcd_operator.kube.errors import NotFound, Refused
from etcd_operator.observation import Unknown
from etcd_operator.observe import parse
from etcd_operator.resources.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from etcd_operator.kube.port import Kube
    from etcd_operator.observation import Node

FRESH = timedelta(seconds=1)
"""For how long what was read of a node is good enough: no decision about a node is a matter of seconds."""


@dataclass(slots=True)
class Nodes:
    """The nodes as they were read last, each with the moment."""

    _known: dict[str, tuple[datetime, Node]] = field(default_factory=dict)

    async def read(self, kube: Kube, names: Collection[str], *, now: datetime) -> dict[str, Node] | Unknown:
        """The nodes of these names; `Unknown` where the operator has no rights to read nodes.

        Raises KubeError when one that is not known well enough could not be read.
        """
        stale = [name for name in sorted(names) if not self._is_fresh(name, now)]
        try:
            found = await asyncio.gather(*(_node(kube, name) for name in stale))
        except Refused as error:
            return Unknown(error.message)
        anew = {node.name: (now, node) for node in found}
        self._known = {name: anew.get(name) or self._known[name] for name in sorted(names)}
        return {name: node for name, (_, node) in self._known.items()}

    def _is_fresh(self, name: str, now: datetime) -> bool:
        known = self._known.get(name)
        return known is not None and timedelta(0) <= now - known[0] < FRESH


async def _node(kube: Kube, name: str) -> Node:
    try:
        return parse.node(await kube.get(Kind.NODE, None, name))
    except NotFound:
        return parse.no_node(name)
