"""Volumes follow the spec: members with larger or other ones take the place of those that cannot be expanded.

local-path makes folders and expands none, so there a larger volume takes a newcomer. Expansion needs a StorageClass
that allows it, which one of local-path does only by its word: there the scenario itself plays the driver's resizer. A
moment after a claim asks for more, it sets the capacity of the PersistentVolume and of the claim
(e2e/support/storage.py). The folder holds as much as before; how Kubernetes, the operator and etcd take it is real.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.etcd import Etcd
from e2e.support.invariants import has_exactly, has_the_same_data_everywhere
from e2e.support.kube import Json, Kube, KubeError
from e2e.support.namespaces import Namespaces
from e2e.support.promises import writing
from e2e.support.storage import Resizer, asked, held, refuse_expansion, storage_class
from e2e.support.waiting import eventually, throughout

REPLACED_WITHIN = 180.0
ROLLED_WITHIN = 120.0
"""Seconds; `make bench` measures how long it takes on a quiet machine."""

GIBIBYTE = 2**30

WAY_OUT = "write storage.resize: Replace to have such members replaced one by one, or the former value"


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members on small volumes of local-path; each scenario here leaves three."""
    with namespaces.new("volumes-grow") as namespace:
        small = {"size": "1Gi", "onDelete": "Delete"}
        yield EtcdCluster(kube, namespace).apply(storage=small).becomes_healthy()


@pytest.fixture(scope="module")
def another_class(kube: Kube, orders: EtcdCluster) -> Iterator[str]:
    """A second StorageClass of the same provisioner."""
    with storage_class(kube, f"another-{orders.namespace}") as name:
        yield name


@pytest.mark.parametrize(
    ("storage", "why"),
    [({"size": "16Gi"}, "and 16Gi is asked for, which StorageClass"), ({"className": "gold"}, "and gold is asked for")],
    ids=["a size", "a StorageClass"],
)
def test_nobody_is_replaced_for_a_volume_without_being_asked_and_the_way_out_is_told(
    orders: EtcdCluster, storage: Json, why: str
) -> None:
    before, former = _lives(orders), orders.object()["spec"]["storage"]
    orders.change(storage={"resize": "Expand", **storage})
    message = orders.becomes_blocked("ResizeRefused")
    assert why in message
    assert WAY_OUT in message
    throughout(lambda: _are_the_same(orders, before), seconds=6)
    orders.becomes("Available", "True", within=0)
    orders.change(storage={key: former.get(key) for key in ("resize", *storage)})
    orders.becomes_healthy()
    _are_the_same(orders, before)


def test_kubectl_refuses_smaller_volumes(orders: EtcdCluster) -> None:
    with pytest.raises(KubeError) as refusal:
        orders.apply(storage={"size": "512Mi", "onDelete": "Delete"})
    assert "a volume cannot shrink: write the former size or a larger one" in str(refusal.value)


def test_members_with_larger_volumes_take_the_place_of_those_that_cannot_be_expanded(orders: EtcdCluster) -> None:
    _are_replaced(orders, size="2Gi")
    assert {(asked(claim), held(claim)) for claim in orders.claims()} == {(2 * GIBIBYTE, 2 * GIBIBYTE)}
    assert orders.status()["storage"] == "2Gi"
    assert _quotas(orders) == {GIBIBYTE}


def test_members_with_volumes_of_another_class_take_the_place_of_the_others(
    orders: EtcdCluster, another_class: str
) -> None:
    _are_replaced(orders, className=another_class)
    assert {claim["spec"]["storageClassName"] for claim in orders.claims()} == {another_class}


def _are_replaced(orders: EtcdCluster, **storage: Any) -> None:
    """Hold when three others come of this change, with the same data, and never fewer than three vote."""
    before, latched = set(orders.members()), orders.status()["clusterID"]

    def all_have_left() -> None:
        with orders.etcd() as etcd:
            _three_vote(etcd)
        left = before & set(orders.members())
        assert not left, f"{sorted(left)} are still there: {orders.status()['plan']}"

    with writing(orders):
        orders.change(storage={"resize": "Replace", **storage})
        eventually(all_have_left, within=REPLACED_WITHIN)
        orders.becomes_healthy()
    assert not before & set(orders.members())
    assert orders.status()["clusterID"] == latched
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def _three_vote(etcd: Etcd) -> None:
    voters = [member.name for member in etcd.member_list().members if not member.is_learner]
    if len(voters) < 3:
        pytest.fail(f"only {voters} vote")


def test_volumes_are_expanded_one_after_the_other_and_the_members_stay(kube: Kube, namespace: str) -> None:
    growing = EtcdCluster(kube, namespace, "growing")
    with storage_class(kube, f"expandable-{namespace}", allowVolumeExpansion=True) as expandable:
        small = {"size": "1Gi", "className": expandable, "onDelete": "Delete"}
        growing.apply(storage=small).becomes_healthy()
        ids, before = growing.identities(), _lives(growing)
        assert _quotas(growing) == {GIBIBYTE // 2}
        with writing(growing):
            growing.change(storage={"size": "2Gi"})
            first = eventually(lambda: _asks_for_more(growing), within=30)
            eventually(lambda: _waits_for(growing, first), within=10)
            throughout(lambda: _waits_for(growing, first), seconds=4)
            assert _uids(growing.pods()) == before["pods"]
            refuse_expansion(kube, growing.claim(first), words="the disk array is full")
            message = growing.becomes_blocked("StorageUnavailable")
            assert f"expand {first}" in message
            assert "the disk array is full" in message
            with Resizer(kube, namespace) as resizer:
                eventually(lambda: _are_rolled(growing, before["pods"], GIBIBYTE), within=ROLLED_WITHIN)
                growing.becomes_healthy()
    assert resizer.expanded[0] == first
    assert sorted(resizer.expanded) == sorted(ids)
    assert resizer.at_once == 1
    assert growing.identities() == ids
    assert growing.status()["storage"] == "2Gi"
    assert [choice["value"] for choice in growing.status()["tuning"] if choice["setting"] == "etcd.quota"] == ["1Gi"]
    has_exactly(growing, 3)
    has_the_same_data_everywhere(growing)


def _asks_for_more(growing: EtcdCluster) -> str:
    """The only claim that asks for more than it has."""
    names = [claim["metadata"]["name"] for claim in growing.claims() if asked(claim) > held(claim)]
    if len(names) > 1:
        pytest.fail(f"{names} grow at the same time")
    assert names, f"no claim asks for more: {growing.status()['plan']}"
    return str(names[0])


def _waits_for(growing: EtcdCluster, first: str) -> None:
    assert _asks_for_more(growing) == first
    plan = growing.status()["plan"]
    assert plan["reason"].startswith(f"waiting for the volume of {first} to have 2Gi"), plan


def _are_rolled(growing: EtcdCluster, before: dict[str, str], quota: int) -> None:
    """Hold when each member has another Pod than before, with this quota in bytes."""
    pods = growing.pods()
    assert _uids(pods).keys() == before.keys(), growing.status()["plan"]
    assert not _uids(pods).items() & before.items(), growing.status()["plan"]
    assert {_quota(pod) for pod in pods} == {quota}


def _quotas(orders: EtcdCluster) -> set[int]:
    return {_quota(pod) for pod in orders.pods()}


def _quota(pod: Json) -> int:
    """The quota in bytes that a member's etcd is started with."""
    (argument,) = (each for each in pod["spec"]["containers"][0]["args"] if each.startswith("--quota-backend-bytes="))
    return int(argument.partition("=")[2])


def _lives(orders: EtcdCluster) -> dict[str, dict[str, str]]:
    """What stays the same where nobody is touched: each Pod and claim by its UID, and what the claim asks for."""
    claims = orders.claims()
    sizes = {claim["metadata"]["name"]: str(asked(claim)) for claim in claims}
    return {"pods": _uids(orders.pods()), "claims": _uids(claims), "sizes": sizes}


def _uids(bodies: list[Json]) -> dict[str, str]:
    return {body["metadata"]["name"]: body["metadata"]["uid"] for body in bodies}


def _are_the_same(orders: EtcdCluster, before: dict[str, dict[str, str]]) -> None:
    assert _lives(orders) == before
