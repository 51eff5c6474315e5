"""Turns gRPC codes and etcd's texts into typed errors: a refusal, a silence and a dead line need different steps."""

import re
from enum import StrEnum


class Refusal(StrEnum):
    """Why etcd refused a call: the cause, stable across etcd's versions (their gRPC codes are not)."""

    UNHEALTHY_CLUSTER = "UnhealthyCluster"
    NOT_ENOUGH_STARTED_MEMBERS = "NotEnoughStartedMembers"
    TOO_MANY_LEARNERS = "TooManyLearners"
    LEARNER_NOT_READY = "LearnerNotReady"
    NOT_A_LEARNER = "NotALearner"
    NOT_SERVED_BY_LEARNER = "NotServedByLearner"
    MEMBER_NOT_FOUND = "MemberNotFound"
    MEMBER_EXISTS = "MemberExists"
    PEER_URL_EXISTS = "PeerUrlExists"
    BAD_PEER_URL = "BadPeerUrl"
    NOT_LEADER = "NotLeader"
    NO_LEADER = "NoLeader"
    LEADER_CHANGED = "LeaderChanged"
    BAD_TRANSFEREE = "BadTransferee"
    PERMISSION_DENIED = "PermissionDenied"
    NOT_AUTHENTICATED = "NotAuthenticated"
    NO_SPACE = "NoSpace"
    CORRUPT = "Corrupt"
    COMPACTED = "Compacted"
    FUTURE_REVISION = "FutureRevision"
    BUSY = "Busy"
    OTHER = "Other"


# Text to cause, from api/v3rpc/rpctypes/error.go of etcd 3.5, 3.6 and 3.7. By text, not by code: the code of one
# refusal differs between versions, and some reach the wire as Unknown (server/etcdserver/api/v3rpc/util.go maps them to
# the client's error type).
_REFUSALS = {
    "unhealthy cluster": Refusal.UNHEALTHY_CLUSTER,
    "re-configuration failed due to not enough started members": Refusal.NOT_ENOUGH_STARTED_MEMBERS,
    "too many learner members in cluster": Refusal.TOO_MANY_LEARNERS,
    "can only promote a learner member which is in sync with leader": Refusal.LEARNER_NOT_READY,
    "can only promote a learner member": Refusal.NOT_A_LEARNER,
    "rpc not supported for learner": Refusal.NOT_SERVED_BY_LEARNER,
    "member not found": Refusal.MEMBER_NOT_FOUND,
    "member ID already exist": Refusal.MEMBER_EXISTS,
    "Peer URLs already exists": Refusal.PEER_URL_EXISTS,
    "given member URLs are invalid": Refusal.BAD_PEER_URL,
    "not leader": Refusal.NOT_LEADER,
    "no leader": Refusal.NO_LEADER,
    "leader changed": Refusal.LEADER_CHANGED,
    "bad leader transferee": Refusal.BAD_TRANSFEREE,
    "permission denied": Refusal.PERMISSION_DENIED,
    "invalid auth token": Refusal.NOT_AUTHENTICATED,
    "user name is empty": Refusal.NOT_AUTHENTICATED,
    "authentication failed, invalid user ID or password": Refusal.NOT_AUTHENTICATED,
    "mvcc: database space exceeded": Refusal.NO_SPACE,
    "corrupt cluster": Refusal.CORRUPT,
    "mvcc: required revision has been compacted": Refusal.COMPACTED,
    "mvcc: required revision is a future revision": Refusal.FUTURE_REVISION,
    "too many requests": Refusal.BUSY,
}

# etcd answers these although it may have proposed the change to raft already, or applied it (NO_SPACE: etcd-rules.md
# §6).
_UNDECIDED = frozenset({Refusal.NO_LEADER, Refusal.LEADER_CHANGED, Refusal.NO_SPACE, Refusal.CORRUPT, Refusal.OTHER})

# etcd's own words for "I do not know what becomes of it": all its time-outs begin with the first.
_GAVE_UP = ("request timed out", "request canceled", "request cancelled", "context deadline exceeded", "server stopped")

_NOT_CONNECTED = ("failed to connect to all addresses", "errors resolving ")
# What the TLS of gRPC says, and what it means here. An unknown text is passed on as it is.
_TLS_FAILURES = {
    "TSI_DATA_CORRUPTED": "TLS: it refused our client certificate, or wants one and got none",
    "Hostname Verification Check failed": "TLS: its certificate is for names other than the one expected",
    "CERTIFICATE_VERIFY_FAILED": "TLS: its certificate is not signed by the authority we trust, or is not valid now",
    "Failed to create security handshaker": "TLS: our own certificate, key or trust bundle cannot be used",
}
_NOISE = re.compile(r"^(?:UNKNOWN|UNAVAILABLE|INTERNAL): (?:ipv[46]:\S+: )?")


class EtcdError(Exception):
    """A call to one member that did not give its result.

    `where` names the member, its address and the call; `detail` is the cause in etcd's or gRPC's words.
    `outcome_unknown` is true when the call may have changed the cluster all the same: look before you repeat it.
    """

    def __init__(self, where: str, detail: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(f"{where}: {detail}")
        self.where = where
        self.detail = detail
        self.outcome_unknown = outcome_unknown


class UnreachableError(EtcdError):
    """No connection: refused, no such address, TLS not agreed, or too slow. Nothing was sent."""


class UnansweredError(EtcdError):
    """Connected, but no answer: the deadline passed, the connection broke, or etcd itself gave up waiting."""


class RefusedError(EtcdError):
    """The server answered, and said no. `reason` says why."""

    def __init__(self, where: str, detail: str, *, reason: Refusal, outcome_unknown: bool = False) -> None:
        super().__init__(where, detail, outcome_unknown=outcome_unknown)
        self.reason = reason


class WrongClusterError(EtcdError):
    """The answer came from another cluster. It is not data: nothing may be concluded from it."""

    def __init__(self, where: str, *, expected: int, answered: int, outcome_unknown: bool = False) -> None:
        detail = f"answered by cluster {hex_id(answered)}, expected cluster {hex_id(expected)}"
        super().__init__(where, detail, outcome_unknown=outcome_unknown)
        self.expected = expected
        self.answered = answered


def hex_id(identifier: int) -> str:
    """A cluster or member ID as etcd and etcdctl print it: lower-case hexadecimal without leading zeros."""
    return f"{identifier:x}"


def error_of(where: str, *, code: str, text: str, connected: bool, changes: bool) -> EtcdError:
    """The typed error for a failed gRPC call.

    `code` is gRPC's name of the status code ("UNAVAILABLE"), `text` its message, `connected` whether the connection
    stood when the call ended, `changes` whether the call would change the cluster. A code alone never decides: 14,
    UNAVAILABLE, is a dead line, a lost answer or the refusal "unhealthy cluster".
    """
    if text.startswith(_NOT_CONNECTED):
        return UnreachableError(where, _cause(text.rpartition("last error: ")[2]))
    if text.startswith("etcdserver: "):
        return _answer_of(where, text.removeprefix("etcdserver: "), changes=changes)
    if code == "DEADLINE_EXCEEDED" and not connected and not changes:
        return UnreachableError(where, "not connected before the deadline")
    if code == "DEADLINE_EXCEEDED":
        return UnansweredError(where, "no answer before the deadline", outcome_unknown=changes)
    if code in ("UNAVAILABLE", "CANCELLED"):
        return UnansweredError(where, text, outcome_unknown=changes)
    return RefusedError(where, f"{code}: {text}", reason=Refusal.OTHER, outcome_unknown=changes)


def _cause(text: str) -> str:
    """Why no connection came about, in words for people."""
    for sign, meaning in _TLS_FAILURES.items():
        if sign in text:
            return meaning
    return _NOISE.sub("", text)


def _answer_of(where: str, text: str, *, changes: bool) -> EtcdError:
    if text.startswith(_GAVE_UP):
        return UnansweredError(where, text, outcome_unknown=changes)
    reason = _REFUSALS.get(text, Refusal.OTHER)
    return RefusedError(where, text, reason=reason, outcome_unknown=changes and reason in _UNDECIDED)
