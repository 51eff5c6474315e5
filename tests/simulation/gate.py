"""What members that run tell a start check which asks them (etcd_operator/gate.py), without threads and sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.gate import Standing
from etcd_operator.resources.secret import PEER_CA, PEER_CERTIFICATE
from tests.simulation import network
from tests.simulation.certificates import accepted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulation.etcd import Etcd
    from tests.simulation.process import Process
    from tests.simulation.raft import Journal


class Waiting(Exception):  # noqa: N818 - it goes on as soon as the answer is another
    """The start check still waits at the gate."""


@dataclass(frozen=True, slots=True)
class Question:
    """A start check's question: its options, and the `files` of the Secret that its Pod mounts."""

    etcd: Etcd
    member: str
    options: Mapping[str, str]
    files: Mapping[str, bytes]

    def ever_started(self) -> bool:
        """Whether this member has ever started, as far as anybody can tell; raises Waiting while it takes longer."""
        asked = self.options.get("ask", "")
        standings = {self._standing(url) for url in asked.split(",") if url}
        if Standing.STARTED in standings:
            return True
        if Standing.NOT_STARTED in standings:
            return False
        if "wait" in self.options or standings & {Standing.ABSENT, Standing.UNCONFIRMED}:
            raise Waiting
        return False

    def _standing(self, url: str) -> Standing:
        peer = next((process for process in self.etcd.processes.values() if process.peer_url == url), None)
        if peer is None or not peer.data.journal.entries or not self._reached(peer):
            return Standing.SILENT
        wanted = self.options.get("cluster-id")
        if wanted is not None and int(wanted, 16) != peer.data.cluster_id:
            return Standing.SILENT
        said, leader = self._said(peer.data.journal), self.etcd.leader_of(peer)
        if said is not Standing.UNCONFIRMED or leader is None:
            return said
        agreed = self._said(leader.data.journal)
        return Standing.NOT_STARTED if agreed is Standing.UNCONFIRMED else agreed

    def _said(self, journal: Journal) -> Standing:
        if not any(member.started for member in journal.members):
            return Standing.FORMING
        ours = [member for member in journal.members if self.options["peer-url"] in member.peer_urls]
        if not ours:
            return Standing.ABSENT
        return Standing.STARTED if ours[0].started else Standing.UNCONFIRMED

    def _reached(self, peer: Process) -> bool:
        encrypted = "peer-trusted-ca-file" in self.options
        if {self.member, peer.member} & self.etcd.cut:
            return False
        if not network.reaches(self.etcd, self.files[PEER_CA] if encrypted else None, peer):
            return False
        now = self.etcd.server.now
        return peer.peer_trust is None or accepted(self.files.get(PEER_CERTIFICATE), trust=peer.peer_trust, now=now)
