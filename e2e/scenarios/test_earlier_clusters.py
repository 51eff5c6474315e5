"""What an earlier cluster of the same name left is never taken for one's own, and never touched."""

import uuid

from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Json, Kind, Kube
from e2e.support.waiting import throughout
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID, MEMBER


def test_an_earlier_authority_blocks_until_it_is_removed(orders: EtcdCluster, kube: Kube) -> None:
    earlier = {CLUSTER: "orders", CLUSTER_UID: str(uuid.uuid4())}
    secret = {"metadata": {"name": "orders-client-ca", "labels": earlier}, "data": {}}
    claim = _claim("orders-old55", {**earlier, MEMBER: "orders-old55"})
    found = {
        Kind.SECRET: kube.create(Kind.SECRET, orders.namespace, secret),
        Kind.CLAIM: kube.create(Kind.CLAIM, orders.namespace, claim),
    }
    orders.apply(replicas=1)
    message = orders.becomes_blocked("EarlierCluster")
    assert "Secret orders-client-ca is of an earlier cluster of this name" in message
    assert earlier[CLUSTER_UID] in message

    def nothing_is_touched_or_made() -> None:
        for kind, before in found.items():
            assert kube.get(kind, orders.namespace, before["metadata"]["name"]) == before
        assert not orders.pods()
        assert len(orders.claims()) == 1

    throughout(nothing_is_touched_or_made, seconds=8)
    kube.delete(Kind.SECRET, orders.namespace, "orders-client-ca")
    orders.becomes_healthy()
    after = kube.get(Kind.CLAIM, orders.namespace, "orders-old55")
    assert after == found[Kind.CLAIM]
    assert "PersistentVolumeClaim orders-old55" in orders.condition("Blocked")["message"]


def test_the_retained_claim_of_a_deleted_cluster_is_left_alone_and_named(orders: EtcdCluster) -> None:
    orders.apply(replicas=1, storage={"onDelete": "Retain"}).becomes_healthy()
    (member,), first = orders.members(), orders.uid()
    with orders.etcd() as etcd:
        etcd.put("era", "first")
    orders.delete()
    orders.becomes_gone()
    kept = orders.claim(member)

    orders.apply(replicas=1, storage={"onDelete": "Retain"}).becomes_healthy()
    assert orders.uid() != first
    assert member not in orders.members()
    with orders.etcd() as etcd:
        assert etcd.get("era") is None
    assert _unchanging(orders.claim(member)) == _unchanging(kept)
    assert (
        f"left alone, of an earlier cluster: PersistentVolumeClaim {member}" in orders.condition("Blocked")["message"]
    )


def _claim(name: str, labels: dict[str, str]) -> Json:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def _unchanging(claim: Json) -> tuple[str, dict[str, str], Json]:
    about = claim["metadata"]
    return about["uid"], about["labels"], claim["spec"]
