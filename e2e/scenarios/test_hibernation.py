"""With `replicas: 0` every member stops and everything is kept: with a number again it is the same cluster."""

from collections.abc import Iterable
from dataclasses import dataclass

from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly, has_the_same_data_everywhere
from e2e.support.kube import Kind
from e2e.support.operator import Operator
from e2e.support.service import service
from e2e.support.waiting import eventually, throughout
from e2e.support.writer import Writer

ASLEEP_WITHIN = 60.0
AWAKE_WITHIN = 150.0
"""Seconds."""

KEYS = tuple(f"order/{number}" for number in range(50))


@dataclass(frozen=True, slots=True)
class Past:
    """What a cluster was before it slept: its ID, its members, and the hash of its data up to a revision."""

    cluster_id: str
    members: dict[str, tuple[int, str]]
    revision: int
    hash: tuple[int, int]


def test_three_members_sleep_and_are_the_same_cluster_when_they_wake(orders: EtcdCluster, operator: Operator) -> None:
    orders.apply().becomes_healthy()
    past = fill(orders)
    with Writer(service(orders), prefix="until-asleep") as written:
        eventually(lambda: _wrote(written, 50), within=30)
        fall_asleep(orders)
    left = {kind: _names(orders, kind) for kind in (Kind.CLAIM, Kind.SECRET, Kind.SERVICE, Kind.BUDGET)}
    assert left[Kind.CLAIM] == set(past.members)

    with operator.down():
        is_asleep(orders)
    throughout(lambda: is_asleep(orders), seconds=6)
    operator.becomes_idle()
    assert {kind: _names(orders, kind) for kind in left} == left

    orders.scale(3)
    orders.becomes_healthy(within=AWAKE_WITHIN)
    has_exactly(orders, 3)
    is_as_before(orders, past, keys=(*KEYS, *written.acknowledged))


def test_three_members_sleep_and_wake_as_five(orders: EtcdCluster) -> None:
    orders.apply().becomes_healthy()
    past = fill(orders)
    fall_asleep(orders)
    orders.scale(5)
    orders.becomes_healthy(within=AWAKE_WITHIN)
    has_exactly(orders, 5)
    is_as_before(orders, past, keys=KEYS)


def fill(orders: EtcdCluster) -> Past:
    """Write KEYS, and return what the cluster is then."""
    with orders.etcd() as etcd:
        revision = max(etcd.put(key, key) for key in KEYS)
        data = etcd.hash_kv(etcd.leader(), revision)
    return Past(orders.status()["clusterID"], orders.identities(), revision, data)


def is_as_before(orders: EtcdCluster, past: Past, *, keys: Iterable[str]) -> None:
    """Hold when it is the same cluster, has its former members on their claims, and all members have its data."""
    assert orders.status()["clusterID"] == past.cluster_id
    members = orders.identities()
    assert {name: members.get(name) for name in past.members} == past.members
    with orders.etcd() as etcd:
        assert [key for key in keys if etcd.get(key) != key] == []
        hashes = {member: etcd.hash_kv(member, past.revision) for member in etcd.members()}
    assert set(hashes.values()) == {past.hash}, hashes
    has_the_same_data_everywhere(orders)


def fall_asleep(orders: EtcdCluster) -> None:
    """Ask for no members, and return when none runs and the status says so."""
    orders.scale(0)
    eventually(lambda: is_asleep(orders), within=ASLEEP_WITHIN)


def is_asleep(orders: EtcdCluster) -> None:
    """Hold when no member runs, and a person is told why, and of no trouble."""
    assert {pod["metadata"]["name"] for pod in orders.pods()} == set()
    assert _column(orders, "PHASE") == "Hibernated"
    for kind in ("Available", "Quorate"):
        condition = orders.condition(kind)
        assert (condition["status"], condition["reason"]) == ("False", "Hibernated")
    blocked = orders.condition("Blocked")
    assert blocked["status"] == "False", blocked["message"]
    status = orders.status()
    assert (status["plan"]["action"], status["plan"]["blocked"]) == ("Hibernated", [])
    assert {member["phase"] for member in status["members"]} == {"Stopped"}


def _column(orders: EtcdCluster, title: str) -> str:
    """What `kubectl get etcd` shows in a column."""
    header, row = orders.kube.kubectl(f"--namespace={orders.namespace}", "get", "etcd", orders.name).splitlines()
    return row[header.index(title) :].split()[0]


def _names(orders: EtcdCluster, kind: Kind) -> set[str]:
    return {found["metadata"]["name"] for found in orders.owned(kind)}


def _wrote(written: Writer, number: int) -> None:
    assert len(written.acknowledged) >= number, f"{len(written.acknowledged)} writes: {written.failures[-1:]}"
