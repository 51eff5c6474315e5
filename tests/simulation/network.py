"""Whether members of the simulated etcd can talk: by name, and by certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.secret import PEER_CERTIFICATE
from tests.simulation.certificates import accepted

if TYPE_CHECKING:
    from tests.simulation.etcd import Etcd
    from tests.simulation.kubernetes import ApiServer
    from tests.simulation.process import Process


def connected(etcd: Etcd, one: Process, other: Process) -> bool:
    """Whether each can open a connection to the other."""
    return reaches(etcd, one.peer_trust, other) and reaches(etcd, other.peer_trust, one)


def reaches(etcd: Etcd, trust: bytes | None, other: Process) -> bool:
    """Whether who trusts that authority (PEM; None for plain text) can open a connection to another's peer URL."""
    server = etcd.server
    service = server.find(Kind.SERVICE, other.namespace, other.peer_url.split("/")[2].split(".")[0])
    if service is None or not _stands_behind(server, service["spec"]["selector"], other):
        return False
    if trust is None or other.peer_trust is None:
        return trust is None and other.peer_trust is None
    return accepted(etcd.files[other.pod].get(PEER_CERTIFICATE), trust=trust, now=server.now)


def forgotten(server: ApiServer, process: Process) -> bool:
    """Whether a process runs on although its Pod is gone: its connections stay, and nobody can open another to it."""
    pod = server.find(Kind.POD, process.namespace, process.member)
    return pod is None or pod["metadata"]["uid"] != process.pod


def _stands_behind(server: ApiServer, selector: dict[str, str], process: Process) -> bool:
    """Whether a Service with this selector leads to the very Pod of the process."""
    pod = server.find(Kind.POD, process.namespace, process.member)
    if pod is None or forgotten(server, process):
        return False
    labels = pod["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, value in selector.items())
