"""What a process of the simulated etcd makes of its flags and its data directory (server/etcdserver/bootstrap.go)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import Version, parse_version
from etcd_operator.resources.secret import CLIENT_CA, PEER_CA
from tests.simulation.process import Exit, Process
from tests.simulation.raft import Data, cluster_id, first_members, founded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.process import Launch

UNREADABLE = Exit(2, "panic: execute job failed")
"""How 3.7 ends at an entry that 3.5 wrote."""

TOO_OLD = Exit(1, "invalid downgrade; server version is lower than determined cluster version")
"""How a version ends on data that was not stored for it."""


def process_of(launch: Launch, data: Data | None) -> Process | Exit:
    """The process with its data; without any it has but its name, until `first_data` gives it a beginning."""
    flags = launch.flags
    if "ETCD_INITIAL_CLUSTER" in launch.environment and "initial-cluster" in flags:
        return Exit(1, 'conflicting environment variable "ETCD_INITIAL_CLUSTER" is shadowed by a flag')
    version = parse_version(launch.version)
    if data is not None and data.has_old_entries and version >= Version(3, 7, 0):
        return UNREADABLE
    if data is not None and data.journal.version > version.minor:
        return TOO_OLD
    return Process(
        namespace=launch.namespace,
        pod=launch.pod,
        claim=launch.claim,
        member=launch.member,
        ip=launch.ip,
        version=launch.version,
        peer_url=flags["initial-advertise-peer-urls"],
        client_url=flags["advertise-client-urls"],
        peer_trust=launch.files[PEER_CA] if "peer-trusted-ca-file" in flags else None,
        client_trust=launch.files[CLIENT_CA] if "trusted-ca-file" in flags else None,
        snapshot_count=int(flags.get("snapshot-count", "10000")),
        data=Data(flags["name"], 0, 0) if data is None else data,
    )


def first_data(process: Process, launch: Launch, reached: Iterable[Process]) -> Data | Exit:
    """The data directory of a first start, after what etcd asks those of its peers that it reaches."""
    flags, named = launch.flags, launch.initial_cluster
    if flags["name"] not in named:
        return Exit(1, f"couldn't find local name {flags['name']!r} in the initial cluster configuration")
    urls = frozenset(named.values())
    peers = [peer for peer in reached if peer.peer_url in urls and peer.data.journal.entries]
    if flags["initial-cluster-state"] == "existing":
        return _joining(process, urls, peers)
    return _founding(process, urls, flags["initial-cluster-token"], peers)


def _joining(process: Process, urls: frozenset[str], peers: list[Process]) -> Data | Exit:
    """The identity that the others have for it, and no log: the leader has to send it all."""
    if not peers:
        return Exit(1, "could not retrieve cluster information from the given URLs")
    known = peers[0].data
    by_url = {url: member.id for member in known.journal.members for url in member.peer_urls}
    if len(by_url) != len(urls):
        return Exit(1, "error validating peerURLs: member count is unequal")
    if by_url.keys() != urls:
        return Exit(1, "error validating peerURLs: PeerURLs: no match found for existing member")
    return replace(process.data, member_id=by_url[process.peer_url], cluster_id=known.cluster_id)


def _founding(process: Process, urls: frozenset[str], token: str, peers: list[Process]) -> Data | Exit:
    """The identity that follows from URLs and token, and the log with which all of them begin."""
    members = first_members(urls, token)
    own = next(member_id for member_id, url in members if url == process.peer_url)
    listed = (peer.data.journal.member(own) for peer in peers)
    if any(member is not None and member.started for member in listed):
        return Exit(1, f"member {own:x} has already been bootstrapped")
    return Data(process.data.name, own, cluster_id(members), founded(urls, token))
