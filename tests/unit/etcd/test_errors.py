"""From gRPC's code and etcd's text to a typed error. Texts and codes are those of real servers and of grpcio."""

import pytest

from etcd_operator.etcd.errors import (
    EtcdError,
    Refusal,
    RefusedError,
    UnansweredError,
    UnreachableError,
    WrongClusterError,
    error_of,
    hex_id,
)

WHERE = "orders-x7k2p at 10.0.0.7:2379, MemberAdd"
NO_CONNECTION = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.7:2379: "


def error(code: str, text: str, *, connected: bool = True, changes: bool = True) -> EtcdError:
    return error_of(WHERE, code=code, text=text, connected=connected, changes=changes)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("UNAVAILABLE", "etcdserver: unhealthy cluster", Refusal.UNHEALTHY_CLUSTER),
        (
            "FAILED_PRECONDITION",
            "etcdserver: re-configuration failed due to not enough started members",
            Refusal.NOT_ENOUGH_STARTED_MEMBERS,
        ),
        (
            "UNKNOWN",
            "etcdserver: re-configuration failed due to not enough started members",
            Refusal.NOT_ENOUGH_STARTED_MEMBERS,
        ),
        ("FAILED_PRECONDITION", "etcdserver: too many learner members in cluster", Refusal.TOO_MANY_LEARNERS),
        (
            "FAILED_PRECONDITION",
            "etcdserver: can only promote a learner member which is in sync with leader",
            Refusal.LEARNER_NOT_READY,
        ),
        ("FAILED_PRECONDITION", "etcdserver: can only promote a learner member", Refusal.NOT_A_LEARNER),
        ("UNAVAILABLE", "etcdserver: rpc not supported for learner", Refusal.NOT_SERVED_BY_LEARNER),
        ("FAILED_PRECONDITION", "etcdserver: rpc not supported for learner", Refusal.NOT_SERVED_BY_LEARNER),
        ("NOT_FOUND", "etcdserver: member not found", Refusal.MEMBER_NOT_FOUND),
        ("FAILED_PRECONDITION", "etcdserver: member ID already exist", Refusal.MEMBER_EXISTS),
        ("FAILED_PRECONDITION", "etcdserver: Peer URLs already exists", Refusal.PEER_URL_EXISTS),
        ("INVALID_ARGUMENT", "etcdserver: given member URLs are invalid", Refusal.BAD_PEER_URL),
        ("FAILED_PRECONDITION", "etcdserver: not leader", Refusal.NOT_LEADER),
        ("FAILED_PRECONDITION", "etcdserver: bad leader transferee", Refusal.BAD_TRANSFEREE),
        ("PERMISSION_DENIED", "etcdserver: permission denied", Refusal.PERMISSION_DENIED),
        ("UNAUTHENTICATED", "etcdserver: invalid auth token", Refusal.NOT_AUTHENTICATED),
        ("INVALID_ARGUMENT", "etcdserver: user name is empty", Refusal.NOT_AUTHENTICATED),
        (
            "INVALID_ARGUMENT",
            "etcdserver: authentication failed, invalid user ID or password",
            Refusal.NOT_AUTHENTICATED,
        ),
        ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted", Refusal.COMPACTED),
        ("OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision", Refusal.FUTURE_REVISION),
        ("UNKNOWN", "etcdserver: too many requests", Refusal.BUSY),
    ],
)
def test_a_refusal_is_told_by_its_text_and_changes_nothing(code: str, text: str, reason: Refusal) -> None:
    refused = error(code, text)
    assert isinstance(refused, RefusedError)
    assert (refused.reason, refused.outcome_unknown) == (reason, False)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("UNAVAILABLE", "etcdserver: no leader", Refusal.NO_LEADER),
        ("UNAVAILABLE", "etcdserver: leader changed", Refusal.LEADER_CHANGED),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", Refusal.NO_SPACE),
        ("DATA_LOSS", "etcdserver: corrupt cluster", Refusal.CORRUPT),
        ("UNKNOWN", "etcdserver: something of a later version", Refusal.OTHER),
        ("UNKNOWN", "raft proposal dropped", Refusal.OTHER),
        ("UNIMPLEMENTED", "Received http2 header with status: 404", Refusal.OTHER),
    ],
)
@pytest.mark.parametrize("changes", [True, False])
def test_a_refusal_that_may_come_after_the_proposal_leaves_the_outcome_of_a_change_unknown(
    code: str, text: str, reason: Refusal, *, changes: bool
) -> None:
    refused = error(code, text, changes=changes)
    assert isinstance(refused, RefusedError)
    assert (refused.reason, refused.outcome_unknown) == (reason, changes)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("DEADLINE_EXCEEDED", "Stream removed (Deadline Exceeded)"),
        ("UNAVAILABLE", "Stream removed (recvmsg:Connection reset by peer (104))"),
        ("UNAVAILABLE", "Socket closed"),
        ("CANCELLED", "etcdserver: request canceled"),
        ("DEADLINE_EXCEEDED", "etcdserver: context deadline exceeded"),
        ("UNKNOWN", "etcdserver: request cancelled"),
        ("UNAVAILABLE", "etcdserver: server stopped"),
        ("UNAVAILABLE", "etcdserver: request timed out"),
        ("UNAVAILABLE", "etcdserver: request timed out, possibly due to previous leader failure"),
        ("UNKNOWN", "etcdserver: request timed out, leader transfer took too long"),
    ],
)
@pytest.mark.parametrize("changes", [True, False])
def test_a_change_without_an_answer_may_have_happened(code: str, text: str, *, changes: bool) -> None:
    unanswered = error(code, text, changes=changes)
    assert isinstance(unanswered, UnansweredError)
    assert unanswered.outcome_unknown is changes


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (NO_CONNECTION + "Failed to connect to remote host: Connection refused", "Connection refused"),
        (NO_CONNECTION + "Unwrap failed (TSI_DATA_CORRUPTED)", "refused our client certificate"),
        (NO_CONNECTION + "UNAUTHENTICATED: Hostname Verification Check failed.", "names other than the one expected"),
        (NO_CONNECTION + "SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", "not signed by the authority"),
        ("failed to connect to all addresses; last error: UNAVAILABLE: Failed to create security handshaker.", "our"),
        ("errors resolving orders:2379: Domain name not found", "Domain name not found"),
    ],
)
def test_what_was_never_sent_is_unreachable_and_says_why(text: str, cause: str) -> None:
    unreachable = error("UNAVAILABLE", text, connected=False)
    assert isinstance(unreachable, UnreachableError)
    assert cause in str(unreachable)
    assert not unreachable.outcome_unknown


def test_the_noise_of_grpc_is_left_out() -> None:
    text = NO_CONNECTION + "Failed to connect to remote host: Connection refused"
    assert str(error("UNAVAILABLE", text)) == f"{WHERE}: Failed to connect to remote host: Connection refused"


def test_a_read_that_found_no_connection_in_time_is_unreachable() -> None:
    read = error("DEADLINE_EXCEEDED", "Deadline Exceeded", connected=False, changes=False)
    assert isinstance(read, UnreachableError)


def test_a_change_that_found_no_connection_in_time_is_taken_for_sent() -> None:
    change = error("DEADLINE_EXCEEDED", "Deadline Exceeded", connected=False, changes=True)
    assert isinstance(change, UnansweredError)
    assert change.outcome_unknown


def test_every_message_begins_with_the_member_and_the_call() -> None:
    assert str(error("UNAVAILABLE", "etcdserver: unhealthy cluster")) == f"{WHERE}: unhealthy cluster"


def test_another_cluster_is_named_as_etcd_prints_it() -> None:
    wrong = WrongClusterError(WHERE, expected=0xABC, answered=0x1F)
    assert str(wrong) == f"{WHERE}: answered by cluster 1f, expected cluster abc"


def test_an_id_is_printed_without_leading_zeros() -> None:
    assert hex_id(0x00F0188EF2075AC0) == "f0188ef2075ac0"
