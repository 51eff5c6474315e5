"""What must hold when the last fault is over: the cluster is as specified, and nothing it ever promised is lost."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, product

from e2e.chaos.client import Client
from e2e.chaos.operations import Operation, Outcome, Verb, Violation
from e2e.support.clusters import EtcdCluster
from e2e.support.etcd import CALL_TIMEOUT, endpoints
from e2e.support.invariants import has_exactly
from e2e.support.kube import Json
from e2e.support.waiting import eventually
from etcd_operator.etcd.client import Endpoint, EtcdClient
from etcd_operator.etcd.grpc_client import GrpcEtcdClient

AT_ONCE = 32
"""How many reads of the past are under way at a time."""

PASSING = ("joining", "removing", "left", "suspects", "snapshots")
"""The fields of `status.membership` that are there only while something goes on (etcd_operator/status/document.py)."""

SAME_WITHIN = 30.0
"""Seconds within which a member that lags has what the others have."""


def as_specified(cluster: EtcdCluster, size: int, *, within: float) -> None:
    """Return when the cluster has `size` healthy members that hold the same data, and nothing is left of any other.

    Raises AssertionError with what is not so after `within` seconds.
    """
    cluster.becomes_healthy(within=within)
    has_exactly(cluster, size)
    record_is_clean(cluster.status())
    members = tuple(endpoints(cluster.kube, cluster.namespace, cluster.name).values())
    eventually(lambda: asyncio.run(_same_now(members)), within=SAME_WITHIN)


def record_is_clean(status: Json) -> None:
    """Raise AssertionError when anything is recorded that is over once a cluster is whole.

    That is who is on the way in or out, whose volume is to be looked at, and whether a new version is being prepared.
    """
    record = status["membership"]
    left = {each: record[each] for each in PASSING if record.get(each)}
    assert not left, f"the record is not clean: {left}"


async def same_data(client: EtcdClient, members: Sequence[Endpoint]) -> None:
    """Raise AssertionError when the members hold different data, EtcdError when one cannot tell or lags behind."""
    revision = max([(await client.status(at, within=CALL_TIMEOUT)).revision for at in members])
    hashes = {at.member: await client.hash_kv(at, revision, within=CALL_TIMEOUT) for at in members}
    alike = {(each.hash, each.compact_revision) for each in hashes.values()}
    assert len(alike) == 1, f"the members do not hold the same data at revision {revision}: {hashes}"


async def read_all(client: Client, keys: Sequence[str], members: Sequence[Endpoint], *, first: int) -> list[Operation]:
    """Return a read of each key through each member, numbered from `first`; raises EtcdError when one is silent."""
    reads = []
    for number, (at, key) in enumerate(product(members, keys), start=first):
        invoked = time.monotonic()
        found = await client.read(at, key, within=CALL_TIMEOUT)
        reads.append(
            Operation(
                number, Verb.READ, key, at.member, invoked, time.monotonic(), Outcome.OK,
                seen=found.value, revision=found.revision, mod_revision=found.mod_revision,
            )
        )  # fmt: skip
    return reads


async def lost(client: Client, writes: Sequence[Operation], members: Sequence[Endpoint]) -> tuple[Violation, ...]:
    """Return the first of the acknowledged `writes` that is not found in etcd's history where it was promised to be.

    Each is read at its own revision, so also one that was overwritten long since is found; it takes some 1 ms for each.
    Raises EtcdError when a member does not answer or has compacted its history.
    """
    turns = cycle(members)
    ordered = sorted(writes, key=lambda each: each.revision)
    for begin in range(0, len(ordered), AT_ONCE):
        some = ordered[begin : begin + AT_ONCE]
        reads = [client.read(next(turns), each.key, revision=each.revision, within=CALL_TIMEOUT) for each in some]
        for write, there in zip(some, await asyncio.gather(*reads), strict=True):
            if (there.value, there.mod_revision) != (write.written, write.revision):
                words = f"lost: at revision {write.revision} there is {there.value} of {there.mod_revision}"
                return (Violation(words, (write,)),)
    return ()


async def _same_now(members: Sequence[Endpoint]) -> None:
    client = GrpcEtcdClient()
    try:
        await same_data(client, members)
    finally:
        await client.close()
