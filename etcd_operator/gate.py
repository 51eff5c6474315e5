"""Asks the other members what etcd knows of this one, before it starts on an empty volume (docs/adr/0006-gate.md).

Standard library only, as the start check, which loads it when there is somebody to ask. What speaks TLS and HTTP is
loaded when somebody listens: at the first start of a whole cluster nobody does, and that start is not slowed.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from enum import IntEnum, auto
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from http.client import HTTPConnection, HTTPResponse
    from pathlib import Path

PATIENCE = 1.0
"""How long a call waits for a peer, and a first start for all of them: seconds."""

ROUND = 0.2
"""The pause between two questions to the same peer: seconds."""

_OK = 200

_MEMBERS = "/members"

_LINEARIZABLE = "/downgrade/enabled"
"""The peer port's only answer for which etcd asks a quorum first (its etcdhttp/peer.go; tried on 3.5, 3.6 and 3.7).

The list that a peer gives afterwards is at least as new as this answer, whatever the peer had missed before.
"""


class Standing(IntEnum):
    """What a peer's answer says about this member; the later, the more it says."""

    SILENT = auto()
    """Nothing that counts."""
    FORMING = auto()
    """No member has started yet."""
    ABSENT = auto()
    """The cluster has formed and does not list this member."""
    UNCONFIRMED = auto()
    """Listed as not started, by one peer, which may have missed something."""
    NOT_STARTED = auto()
    """Listed as not started, by a list that a quorum confirmed."""
    STARTED = auto()
    """Listed as started, which no later list takes back."""


@dataclass(frozen=True, slots=True)
class Files:
    """The paths of the certificate (PEM) that this member shows its peers, its key, and the authority of all."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Question:
    """About whom the peers are asked: the member with `peer_url`, of the cluster with that ID if it is known already.

    Without `files` peers speak plain HTTP.
    """

    peer_url: str
    cluster_id: int | None = None
    files: Files | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What `peer`, a URL, said; `reason` says why it does not count, if it does not."""

    peer: str
    standing: Standing
    reason: str = ""


def ever_started(question: Question, peers: Sequence[str], *, wait: bool, say: Callable[[str], None]) -> bool:
    """Ask `peers`, peer URLs of other members, whether the member has ever started; each in a thread of its own.

    True as soon as one of them lists it as started. False when a quorum confirms that it has not. Until then it waits,
    for ever if need be, and tells `say` when that for which it waits has changed: a joiner for being listed, any member
    of a cluster that has formed for a quorum. Without `wait`, which is the start of a whole cluster, it is also False
    when no peer answered within PATIENCE, or all that did answer know of no member that has started.
    """
    answers: SimpleQueue[Answer] = SimpleQueue()
    over = Event()
    for url in peers:
        Thread(target=_keep_asking, args=(_Peer(url, question), answers, over), daemon=True).start()
    try:
        if not wait:
            known = _first_round(answers, len(peers))
            if known is not None:
                return known
        return _conclude(answers, len(peers), say)
    finally:
        over.set()


def _first_round(answers: SimpleQueue[Answer], peers: int) -> bool | None:
    """Whether the member has started; None if a cluster has formed and cannot tell yet."""
    heard: set[str] = set()
    deadline = monotonic() + PATIENCE
    while len(heard) < peers:
        try:
            answer = answers.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            return False
        heard.add(answer.peer)
        match answer.standing:
            case Standing.STARTED | Standing.NOT_STARTED:
                return answer.standing is Standing.STARTED
            case Standing.ABSENT | Standing.UNCONFIRMED:
                return None
    return False


def _conclude(answers: SimpleQueue[Answer], peers: int, say: Callable[[str], None]) -> bool:
    latest: dict[str, Answer] = {}
    said = ""
    while True:
        answer = answers.get()
        if answer.standing >= Standing.NOT_STARTED:
            return answer.standing is Standing.STARTED
        latest[answer.peer] = answer
        waiting = _waiting_for(latest.values())
        if len(latest) == peers and waiting != said:
            say(waiting)
            said = waiting


def _waiting_for(latest: Collection[Answer]) -> str:
    """What is missing, by the answer that says most; in other words only when it is something else."""
    match max(answer.standing for answer in latest):
        case Standing.SILENT:
            reasons = "; ".join(sorted(f"{answer.peer}: {answer.reason}" for answer in latest))
            return f"waiting for a member to answer ({reasons})"
        case Standing.FORMING:
            return "waiting for the cluster to form"
        case Standing.ABSENT:
            return "waiting to be listed as a member"
        case _:
            return "listed as not started; waiting for a quorum to confirm it"


def _keep_asking(peer: _Peer, answers: SimpleQueue[Answer], over: Event) -> None:
    """Ask until it is `over`, on one connection as long as it lasts: a gate may stay closed for days."""
    while True:
        for answer in peer.answers():
            answers.put(answer)
        if over.wait(ROUND):
            peer.hang_up()
            return


@dataclass(frozen=True, slots=True)
class _Listed:
    """A member as a peer lists it."""

    peer_urls: tuple[str, ...]
    started: bool


class _Peer:
    """A member that is asked."""

    def __init__(self, url: str, question: Question) -> None:
        self._url, self._question = url, question
        self._connection: HTTPConnection | None = None

    def answers(self) -> Iterator[Answer]:
        """Ask once. What the peer says by itself comes first: the quorum that confirms it may be long in coming."""
        answer = self._answer()
        yield answer
        if answer.standing is Standing.UNCONFIRMED and self._has_a_quorum():
            answer = self._answer()
            unchanged = answer.standing is Standing.UNCONFIRMED
            yield replace(answer, standing=Standing.NOT_STARTED) if unchanged else answer

    def hang_up(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answer(self) -> Answer:
        try:
            return Answer(self._url, self._standing(_listed(self._get(_MEMBERS))))
        except (OSError, ValueError) as error:
            self.hang_up()
            return Answer(self._url, Standing.SILENT, str(error))

    def _has_a_quorum(self) -> bool:
        """Whether the peer knows now all that a quorum knew when it was asked."""
        try:
            self._get(_LINEARIZABLE)
        except (OSError, ValueError):
            self.hang_up()
            return False
        return True

    def _standing(self, listed: Sequence[_Listed]) -> Standing:
        if not any(member.started for member in listed):
            return Standing.FORMING
        ours = [member for member in listed if self._question.peer_url in member.peer_urls]
        if not ours:
            return Standing.ABSENT
        return Standing.STARTED if any(member.started for member in ours) else Standing.UNCONFIRMED

    def _get(self, path: str) -> bytes:
        """Raises OSError or ValueError when the peer gives no answer that counts."""
        if self._connection is None:
            self._connection = self._connected()
        from http.client import HTTPException

        try:
            self._connection.request("GET", path)
            with self._connection.getresponse() as reply:
                body = reply.read()
        except HTTPException as error:
            raise ConnectionError(f"no HTTP answer: {error!r}") from error
        if reply.status != _OK:
            raise ValueError(f"HTTP status {reply.status}")
        self._check_cluster(reply)
        return body

    def _check_cluster(self, reply: HTTPResponse) -> None:
        wanted = self._question.cluster_id
        found = reply.getheader("X-Etcd-Cluster-Id") or "0"
        if wanted is not None and int(found, 16) != wanted:
            raise ValueError(f"it belongs to cluster {found}, not to {wanted:x}")

    def _connected(self) -> HTTPConnection:
        """An HTTP connection that never connects again by itself: after a quorum's word the same process is asked."""
        url, files = urlsplit(self._url), self._question.files
        host, port = url.hostname or "", url.port or 0
        link = socket.create_connection((host, port), timeout=PATIENCE)
        from http.client import HTTPConnection

        connection = HTTPConnection(host, port)
        connection.auto_open = 0
        try:
            connection.sock = link if files is None else _encrypted(link, files, host)
        except (OSError, ValueError):
            link.close()
            raise
        return connection


def _encrypted(link: socket.socket, files: Files, host: str) -> socket.socket:
    """TLS as between etcd's members. The files are read each time: they are renewed while a gate stays closed."""
    import ssl

    context = ssl.create_default_context(cafile=files.ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 asks more of an authority than etcd does
    context.load_cert_chain(files.certificate, files.key)
    return context.wrap_socket(link, server_hostname=host)


def _listed(body: bytes) -> list[_Listed]:
    """The members in a peer's answer; raises ValueError when it is not a list of members."""
    try:
        return [_Listed(tuple(entry["peerURLs"]), bool(entry.get("clientURLs"))) for entry in json.loads(body)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its answer is no list of members: {body[:100]!r}") from error
