"""How a client of the simulated etcd reaches a member, and with which of the client's errors it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import EtcdError, UnansweredError, UnreachableError, WrongClusterError, error_of
from etcd_operator.resources.secret import SERVER_CERTIFICATE
from tests.simulation.certificates import accepted

if TYPE_CHECKING:
    from etcd_operator.etcd.client import Endpoint
    from tests.simulation.etcd import Etcd
    from tests.simulation.process import Process


def where(at: Endpoint, call: str) -> str:
    """How an error names the member and the call."""
    return f"{at.member} at {at.address}, {call}"


def refusal(at: Endpoint, call: str, text: str, *, changes: bool = False) -> EtcdError:
    """The answer of etcd that it will not, in its own words."""
    return error_of(where(at, call), code="UNKNOWN", text=f"etcdserver: {text}", connected=True, changes=changes)


def silence(at: Endpoint, call: str, *, changes: bool = False) -> EtcdError:
    """No quorum agreed in time."""
    return UnansweredError(where(at, call), "request timed out", outcome_unknown=changes)


def dial(etcd: Etcd, at: Endpoint, call: str) -> Process:
    """The process that answers at an address, after what TLS and the cluster ID say. Raises EtcdError."""
    found = (process for process in etcd.processes.values() if f"{process.ip}:2379" == at.address)
    process = next(found, None)
    if process is None:
        raise UnreachableError(where(at, call), "Failed to connect to remote host: connect: Connection refused (111)")
    _shake_hands(etcd, at, process, where(at, call))
    if not process.serving:
        raise UnansweredError(where(at, call), "no answer before the deadline")
    if at.cluster_id is not None and at.cluster_id != process.data.cluster_id:
        raise WrongClusterError(where(at, call), expected=at.cluster_id, answered=process.data.cluster_id)
    return process


def dial_voter(etcd: Etcd, at: Endpoint, call: str) -> Process:
    """As `dial`, for what a learner does not answer."""
    process = dial(etcd, at, call)
    if process.learns:
        raise refusal(at, call, "rpc not supported for learner")
    return process


def _shake_hands(etcd: Etcd, at: Endpoint, process: Process, place: str) -> None:
    now = etcd.server.now
    if (at.tls is not None) != process.encrypts_clients:
        raise UnreachableError(place, "Socket closed")
    if at.tls is None:
        return
    shown = etcd.files[process.pod].get(SERVER_CERTIFICATE)
    if not accepted(shown, trust=at.tls.ca, now=now):
        raise UnreachableError(place, "TLS: its certificate is not signed by the authority we trust")
    if process.client_trust and not accepted(at.tls.certificate, trust=process.client_trust, now=now):
        raise UnreachableError(place, "TLS: it refused our client certificate, or wants one and got none")
