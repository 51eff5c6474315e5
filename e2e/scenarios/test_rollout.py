"""A change of the spec reaches every member while an application writes, or stops at the first and does no harm."""

from collections.abc import Iterator

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly, has_the_same_data_everywhere
from e2e.support.kube import Json, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.promises import writing
from e2e.support.waiting import eventually, throughout

ROLLED_WITHIN = 120.0
"""Seconds; `make bench` measures how long it takes on a quiet machine."""


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members; each scenario here leaves them as they were."""
    with namespaces.new("rollout") as namespace:
        yield EtcdCluster(kube, namespace).apply().becomes_healthy()


def uids(orders: EtcdCluster) -> dict[str, str]:
    """The UID of each member's Pod."""
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in orders.pods()}


def identities(orders: EtcdCluster) -> dict[str, tuple[int, str]]:
    """Each member's ID and the UID of its claim."""
    with orders.etcd() as etcd:
        listed = {member.name: member.id for member in etcd.member_list().members}
    return {name: (listed[name], orders.claim(name)["metadata"]["uid"]) for name in orders.members()}


def arguments(pod: Json) -> list[str]:
    """The command line of the Pod's etcd."""
    found: list[str] = pod["spec"]["containers"][0]["args"]
    return found


def test_a_change_reaches_every_member_in_turn_the_leader_last(orders: EtcdCluster) -> None:
    before, ids = uids(orders), identities(orders)
    with orders.etcd() as etcd:
        leader = etcd.leader()
    with writing(orders):
        orders.change(etcd={"snapshotCount": 5000})
        turns: list[str] = []

        def all_are_new() -> None:
            now = uids(orders)
            turns.extend(name for name in now if now[name] != before[name] and name not in turns)
            assert len(turns) == len(before), f"{turns} of {list(before)}: {orders.status()['plan']}"

        eventually(all_are_new, within=ROLLED_WITHIN, every=0.1)
        orders.becomes_healthy()
    assert turns[-1] == leader
    assert identities(orders) == ids
    assert all("--snapshot-count=5000" in arguments(pod) for pod in orders.pods())
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def test_what_restarts_no_member_does_not(orders: EtcdCluster) -> None:
    before = uids(orders)
    orders.change(recovery={"replaceAfter": "7m"}, storage={"onScaleIn": "Retain"})
    orders.becomes_healthy()
    throughout(lambda: _are_the_same(orders, before), seconds=6)


def _are_the_same(orders: EtcdCluster, before: dict[str, str]) -> None:
    assert uids(orders) == before


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"image": {"repository": "localhost/no-such-etcd"}}, "ImageUnavailable"),
        ({"etcd": {"extraArgs": {"no-such-flag": "1"}}}, "Crashing"),
        ({"pod": {"nodeSelector": {"disk": "of-gold"}}}, "Unschedulable"),
    ],
    ids=["an image that is not there", "a flag that etcd refuses", "a node that is not there"],
)
def test_a_bad_change_stops_at_the_first_member_and_taking_it_back_heals_it(
    orders: EtcdCluster, bad: Json, reason: str
) -> None:
    before, ids, spec = uids(orders), identities(orders), orders.object()["spec"]
    with writing(orders):
        orders.change(**bad)
        orders.becomes_blocked(reason)
        orders.becomes("Quorate", "True")

        def only_one_is_touched() -> None:
            now = uids(orders)
            assert sum(now.get(name) == uid for name, uid in before.items()) == 2

        throughout(only_one_is_touched, seconds=8, every=1)
        # A merge patch: what the bad change added goes, the rest is as it was.
        orders.change(**{part: _undone(spec[part], values) for part, values in bad.items()})
        orders.becomes_healthy()
    assert identities(orders) == ids
    assert sum(uids(orders)[name] == uid for name, uid in before.items()) == 2
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def _undone(former: Json, changed: Json) -> Json:
    return {key: former.get(key) for key in changed}


def test_a_change_in_the_middle_of_another_is_taken_up_at_once(orders: EtcdCluster) -> None:
    before = uids(orders)

    def one_is_new() -> None:
        assert sum(uids(orders).get(name) != uid for name, uid in before.items()) >= 1

    with writing(orders):
        orders.change(etcd={"snapshotCount": 6000})
        eventually(one_is_new, within=60, every=0.1)
        orders.change(etcd={"snapshotCount": 7000})
        eventually(lambda: _all_have(orders, "--snapshot-count=7000"), within=ROLLED_WITHIN)
        orders.becomes_healthy()
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def _all_have(orders: EtcdCluster, argument: str) -> None:
    pods = orders.pods()
    assert len(pods) == 3
    assert all(argument in arguments(pod) for pod in pods), orders.status()["plan"]


def test_a_single_member_restarts_and_has_what_it_had(kube: Kube, namespace: str) -> None:
    single = EtcdCluster(kube, namespace, "single").apply(replicas=1).becomes_healthy()
    with single.etcd() as etcd:
        etcd.put("before", "the change")
    before = uids(single)
    single.change(etcd={"snapshotCount": 5000})

    def it_is_new() -> None:
        assert set(before) == set(uids(single))
        assert not set(before.values()) & set(uids(single).values())

    eventually(it_is_new, within=60)
    single.becomes_healthy()
    with single.etcd() as etcd:
        assert etcd.get("before") == "the change"
