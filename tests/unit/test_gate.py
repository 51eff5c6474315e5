"""The question to the other members, asked of servers that answer as etcd's peer port does."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator import gate, pki
from etcd_operator.gate import Files, Question, ever_started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = "https://orders-x7k2p.shop.svc:2380"
CLUSTER = 0x11C0C2F34659C362
QUESTION = Question(OURS, CLUSTER)
NOBODY = "http://127.0.0.1:1"
DEADLINE = 10.0


def listed(url: str, *, started: bool) -> dict[str, Any]:
    """A member as etcd lists it: without `clientURLs` until it has told them."""
    return {"id": 7, "peerURLs": [url], "name": "a"} | ({"clientURLs": [url]} if started else {})


OTHER = listed("https://orders-bbbbb.shop.svc:2380", started=True)
NOT_YET_OTHER = listed("https://orders-bbbbb.shop.svc:2380", started=False)
NOT_STARTED, STARTED = listed(OURS, started=False), listed(OURS, started=True)


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "ROUND", 0.02)


@dataclass(slots=True)
class Peer:
    """What one member answers; tests change it while it is asked."""

    members: list[dict[str, Any]] | str = field(default_factory=list)
    quorate: bool = True
    cluster: str = f"{CLUSTER:x}"
    status: int = 200
    learns: list[dict[str, Any]] | None = None  # what it lists after a quorum brought it up to date
    asked: int = 0
    connections: int = 0
    url: str = ""

    def answer(self, path: str) -> tuple[int, str]:
        """The status and the body for `path`."""
        if path == "/downgrade/enabled":
            if self.learns is not None:
                self.members = self.learns
            return (self.status, "false") if self.quorate else (500, "failed linearized read")
        assert path == "/members"
        self.asked += 1
        return self.status, self.members if isinstance(self.members, str) else json.dumps(self.members)


@contextmanager
def listening(peer: Peer, tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[Peer]:
    """The peer, at a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            peer.connections += 1

        def do_GET(self) -> None:
            status, body = peer.answer(self.path)
            self.send_response(status)
            self.send_header("X-Etcd-Cluster-Id", peer.cluster)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A handshake that fails is the example."""

    with Server(("127.0.0.1", port), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        peer.url = f"{'http' if tls is None else 'https'}://localhost:{server.server_port}"
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()


class Gate:
    """A question that may take its time, asked in the background; each test sees it concluded."""

    def __init__(self, *peers: str, question: Question = QUESTION, wait: bool = True) -> None:
        self.said: SimpleQueue[str] = SimpleQueue()
        self._concluded: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._ask, args=(question, peers, wait), daemon=True)
        self._thread.start()

    def _ask(self, question: Question, peers: tuple[str, ...], wait: bool) -> None:  # noqa: FBT001
        self._concluded.put(ever_started(question, peers, wait=wait, say=self.said.put))

    @property
    def conclusion(self) -> bool:
        """What it came to, once it has."""
        return self._concluded.get(timeout=DEADLINE)

    @property
    def words(self) -> str:
        """The next thing that it says."""
        return self.said.get(timeout=DEADLINE)

    @property
    def open(self) -> bool:
        """Whether it has concluded."""
        return not self._thread.is_alive()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def eventually(condition: Any, what: str) -> None:
    """Return as soon as `condition()` holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        threading.Event().wait(0.01)


@contextmanager
def mute() -> Iterator[str]:
    """The URL of a peer that accepts connections and never answers, as one does that hangs or only begins to start."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def first_start(*peers: str, question: Question = QUESTION) -> tuple[bool, float]:
    """The answer at the start of a whole cluster, and how long it took in seconds; nothing is waited for in words."""
    began = time.monotonic()
    started = ever_started(question, peers, wait=False, say=pytest.fail)
    return started, time.monotonic() - began


@pytest.mark.parametrize("wait", [True, False], ids=["joiner", "first"])
def test_a_member_that_is_listed_as_started_has_started(*, wait: bool) -> None:
    with listening(Peer([OTHER, STARTED])) as peer:
        assert ever_started(QUESTION, [NOBODY, peer.url], wait=wait, say=lambda _: None)


@pytest.mark.parametrize("wait", [True, False], ids=["joiner", "first"])
def test_a_member_that_a_quorum_knows_as_not_started_may_start(*, wait: bool) -> None:
    with listening(Peer([OTHER, NOT_STARTED])) as peer:
        assert not ever_started(QUESTION, [NOBODY, peer.url], wait=wait, say=lambda _: None)


def test_a_joiner_waits_until_it_is_listed() -> None:
    with listening(Peer([OTHER])) as peer:
        newcomer = Gate(peer.url)
        assert newcomer.words == "waiting to be listed as a member"
        assert not newcomer.open
        peer.members = [OTHER, NOT_STARTED]
        assert newcomer.conclusion is False


@pytest.mark.parametrize("wait", [True, False], ids=["joiner", "first"])
def test_what_one_peer_alone_knows_opens_nothing(*, wait: bool) -> None:
    with listening(Peer([OTHER, NOT_STARTED], quorate=False)) as peer:
        member = Gate(peer.url, wait=wait)
        assert member.words == "listed as not started; waiting for a quorum to confirm it"
        eventually(lambda: peer.asked > 2, "the peer is asked again")
        assert not member.open
        peer.quorate = True
        assert member.conclusion is False


def test_a_peer_that_had_missed_the_start_learns_of_it_before_its_word_counts() -> None:
    with listening(Peer([OTHER, NOT_STARTED], learns=[OTHER, STARTED])) as peer:
        assert ever_started(QUESTION, [peer.url], wait=True, say=lambda _: None)


def test_a_joiner_that_is_taken_from_the_list_again_keeps_waiting() -> None:
    with listening(Peer([OTHER, NOT_STARTED], learns=[OTHER])) as peer:
        newcomer = Gate(peer.url)
        assert newcomer.words == "listed as not started; waiting for a quorum to confirm it"
        assert newcomer.words == "waiting to be listed as a member"
        assert not newcomer.open
        peer.members, peer.learns = [OTHER, NOT_STARTED], None
        assert newcomer.conclusion is False


def test_a_joiner_waits_for_the_cluster_to_form() -> None:
    with listening(Peer([NOT_YET_OTHER, NOT_STARTED])) as peer:
        newcomer = Gate(peer.url)
        assert newcomer.words == "waiting for the cluster to form"
        peer.members = [OTHER, NOT_STARTED]
        assert newcomer.conclusion is False


def test_a_joiner_waits_for_somebody_to_answer_and_says_why_nobody_does() -> None:
    port = free_port()
    newcomer = Gate(f"http://127.0.0.1:{port}")
    words = newcomer.words
    assert words.startswith("waiting for a member to answer (http://127.0.0.1:")
    assert "refused" in words
    with socket.create_server(("127.0.0.1", port)):
        assert "timed out" in newcomer.words
    assert not newcomer.open
    with listening(Peer([OTHER, NOT_STARTED]), port=port):
        assert newcomer.conclusion is False


def test_it_says_what_it_waits_for_once() -> None:
    with listening(Peer([OTHER])) as one, listening(Peer([OTHER])) as two:
        newcomer = Gate(one.url, two.url)
        eventually(lambda: min(one.asked, two.asked) > 3, "both were asked often")
        one.members = [OTHER, NOT_STARTED]
        assert newcomer.conclusion is False
        said = [newcomer.said.get() for _ in range(newcomer.said.qsize())]
        assert said == ["waiting to be listed as a member", "listed as not started; waiting for a quorum to confirm it"]


def test_the_first_members_of_a_cluster_hold_each_other_up_for_milliseconds() -> None:
    started, seconds = first_start(NOBODY, "http://127.0.0.1:2")
    assert not started
    assert seconds < gate.PATIENCE / 2


def test_a_first_start_among_peers_that_form_the_cluster_goes_on() -> None:
    with listening(Peer([NOT_YET_OTHER, NOT_STARTED])) as peer:
        started, seconds = first_start(peer.url, NOBODY)
    assert not started
    assert seconds < gate.PATIENCE


def test_a_first_start_waits_for_a_mute_peer_no_longer_than_a_call() -> None:
    with mute() as silent:
        started, seconds = first_start(silent, NOBODY)
    assert not started
    assert gate.PATIENCE * 0.9 < seconds < gate.PATIENCE * 3


def test_a_first_start_in_a_cluster_that_has_formed_without_it_waits_like_a_joiner() -> None:
    with listening(Peer([OTHER])) as peer:
        late = Gate(peer.url, wait=False)
        assert late.words == "waiting to be listed as a member"
        assert not late.open
        peer.members = [OTHER, NOT_STARTED]
        assert late.conclusion is False


@pytest.mark.parametrize("wait", [True, False], ids=["joiner", "first"])
def test_a_dead_peer_delays_nobody_elses_answer(*, wait: bool) -> None:
    with mute() as silent, listening(Peer([OTHER, STARTED])) as peer:
        began = time.monotonic()
        assert ever_started(QUESTION, [silent, peer.url], wait=wait, say=lambda _: None)
        assert time.monotonic() - began < gate.PATIENCE


def test_what_another_cluster_says_does_not_count() -> None:
    with listening(Peer([OTHER, STARTED], cluster="abc")) as stranger:
        newcomer = Gate(stranger.url)
        assert "it belongs to cluster abc, not to 11c0c2f34659c362" in newcomer.words
        assert not newcomer.open
        assert first_start(stranger.url)[0] is False
        stranger.cluster = f"{CLUSTER:x}"
        assert newcomer.conclusion is True


def test_while_no_cluster_is_known_every_answer_counts() -> None:
    with listening(Peer([OTHER, STARTED], cluster="abc")) as peer:
        assert first_start(peer.url, question=Question(OURS))[0] is True


@pytest.mark.parametrize(
    ("members", "status", "why"),
    [
        ("not JSON", 200, "no list of members"),
        ('{"id": 1}', 200, "no list of members"),
        ('[{"id": 1}]', 200, "no list of members"),
        ("[1]", 200, "no list of members"),
        ("null", 200, "no list of members"),
        ("[]", 404, "HTTP status 404"),
    ],
)
def test_an_answer_that_cannot_be_read_is_none(members: str, status: int, why: str) -> None:
    with listening(Peer(members, status=status)) as peer:
        newcomer = Gate(peer.url)
        assert why in newcomer.words
        peer.members, peer.status = [OTHER, NOT_STARTED], 200
        assert newcomer.conclusion is False


def test_what_does_not_speak_http_is_no_answer() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        newcomer = Gate(f"http://127.0.0.1:{port}")
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"SSH-2.0-hello\r\n")
            assert "no HTTP answer" in newcomer.words
    with listening(Peer([OTHER, NOT_STARTED]), port=port):
        assert newcomer.conclusion is False


def test_a_gate_that_stays_closed_keeps_one_connection() -> None:
    with listening(Peer([OTHER])) as peer:
        newcomer = Gate(peer.url)
        eventually(lambda: peer.asked > 3, "the peer was asked often")
        assert peer.connections == 1
        peer.members = [OTHER, NOT_STARTED]
        assert newcomer.conclusion is False


class Authority:
    """A peer authority, its members' files, and how its members listen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self._ca = pki.new_ca("peers", fresh=pki.fresh(), now=datetime.now(UTC))

    def files(self, *names: str, into: Path | None = None) -> Files:
        """The files of a member whose certificate holds `names`."""
        pair = pki.issue(
            self._ca, pki.Profile.PEER, common_name="member", names=names, fresh=pki.fresh(), now=datetime.now(UTC)
        )
        directory = into or self.directory
        contents = {"ca": self._ca.certificate, "certificate": pair.certificate, "key": pair.key}
        for name, content in contents.items():
            (directory / name).write_bytes(content)
        return Files(**{name: directory / name for name in contents})

    def certify(self, context: ssl.SSLContext, *names: str) -> None:
        """Give a member that listens a certificate that holds `names`."""
        files = self.files(*names)
        context.load_cert_chain(files.certificate, files.key)

    def context(self, *names: str) -> ssl.SSLContext:
        """A member that asks others for their certificates, as etcd does."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.files().ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.certify(context, *names)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def test_members_show_each_other_their_certificates(authority: Authority) -> None:
    question = Question(OURS, CLUSTER, authority.files("orders-x7k2p"))
    with listening(Peer([OTHER, NOT_STARTED]), authority.context("localhost")) as peer:
        assert Gate(peer.url, question=question).conclusion is False


def test_a_peer_with_another_authority_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    question = Question(OURS, CLUSTER, authority.files("orders-x7k2p"))
    with listening(Peer([OTHER, STARTED]), other.context("localhost")) as stranger:
        member = Gate(stranger.url, question=question)
        assert "certificate verify failed" in member.words
        assert stranger.asked == 0
        other.files("orders-x7k2p", into=authority.directory)
        assert member.conclusion is True


def test_a_peer_with_another_name_is_not_believed(authority: Authority) -> None:
    question = Question(OURS, CLUSTER, authority.files("orders-x7k2p"))
    context = authority.context("orders-ccccc")
    with listening(Peer([OTHER, STARTED]), context) as stranger:
        member = Gate(stranger.url, question=question)
        assert "certificate is not valid for 'localhost'" in member.words
        assert stranger.asked == 0
        authority.certify(context, "localhost")
        assert member.conclusion is True


def test_a_certificate_that_is_mended_while_the_gate_is_closed_is_used(authority: Authority) -> None:
    with listening(Peer([OTHER, NOT_STARTED]), authority.context("localhost")) as peer:
        files = authority.files("orders-x7k2p")
        files.certificate.write_bytes(b"torn")
        newcomer = Gate(peer.url, question=Question(OURS, CLUSTER, files))
        assert "waiting for a member to answer" in newcomer.words
        authority.files("orders-x7k2p")
        assert newcomer.conclusion is False
