"""What can happen to the data of a member, and to its connections: done on its node, behind everybody's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Self

from e2e.cluster import Cluster
from e2e.support.kube import Json, Kind, Kube
from e2e.support.nodes import signal_container
from etcd_operator.resources.names import PEER_PORT
from etcd_operator.resources.pod import ETCD_CONTAINER

_LONGEST_WORD = 100_000
"""Bytes, fewer than the kernel takes as one word of a command line."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The folder on a node in which the volume of a bound claim is kept; members have their data below it."""

    cluster: Cluster
    node: str
    folder: str

    @classmethod
    def of(cls, cluster: Cluster, kube: Kube, claim: Json) -> Self:
        """Return the volume of a claim; raises KeyError while none is bound."""
        volume = kube.get(Kind.VOLUME, None, claim["spec"]["volumeName"])
        (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        (node,) = term["matchExpressions"][0]["values"]
        return cls(cluster, node, (volume["spec"].get("hostPath") or volume["spec"]["local"])["path"])

    def empty(self) -> None:
        """Remove everything, as if the disk had been replaced; the volume itself stays."""
        self._run("find . -mindepth 1 -delete")

    def cut_log(self, text: str) -> None:
        """End the write-ahead log amid the last record that holds `text`."""
        self._run(
            "log=$(ls data/member/wal/*.wal | tail -n 1); "
            f"at=$(grep --only-matching --byte-offset --text --fixed-strings '{text}' $log | tail -n 1 | cut -d: -f1); "
            "truncate --size=${at:?the log does not hold it} $log"
        )

    def take(self, other: Self) -> None:
        """Replace everything by a copy of what `other` holds now."""
        copy = other._run("tar --warning=no-file-changed --sparse --gzip --create . | base64 --wrap=0")
        self.empty()
        for begin in range(0, len(copy), _LONGEST_WORD):
            self._run(f"printf %s {copy[begin : begin + _LONGEST_WORD]} >> copy")
        self._run("base64 --decode copy | tar --gzip --extract; rm copy")

    def is_there(self) -> bool:
        """Return whether the folder is still there; its node must have power."""
        return "yes" in self.cluster.exec_on_node(
            self.node, ["sh", "-c", f"test -d {self.folder} && echo yes || echo no"]
        )

    def _run(self, script: str) -> str:
        return self.cluster.exec_on_node(self.node, ["sh", "-e", "-c", f"cd {self.folder}; {script}"])


@contextmanager
def stopped(cluster: Cluster, pod: Json) -> Iterator[None]:
    """Inside, etcd in this Pod stands still; then it is killed, and never writes what it still had in memory."""
    signal_container(cluster, pod, ETCD_CONTAINER, "SIGSTOP")
    yield
    signal_container(cluster, pod, ETCD_CONTAINER, "SIGKILL")


@contextmanager
def without_peers(cluster: Cluster, pod: Json) -> Iterator[None]:
    """Inside, the member in this Pod hears nothing of its peers on other nodes, nor they of it; all else reaches it."""
    rules = [
        ["FORWARD", end, pod["status"]["podIP"], "--protocol", "tcp", port, str(PEER_PORT), "--jump", "DROP"]
        for end, port in product(("--source", "--destination"), ("--sport", "--dport"))
    ]
    node = pod["spec"]["nodeName"]
    for rule in rules:
        cluster.exec_on_node(node, ["iptables", "--insert", *rule])
    try:
        yield
    finally:
        for rule in rules:
            cluster.exec_on_node(node, ["iptables", "--delete", *rule])
