"""Each call of the port against a real API server: what it does, and what its preconditions keep it from doing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etcd_operator.kube import client
from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused
from etcd_operator.kube.port import Precondition
from etcd_operator.resources.kinds import Kind
from tests.integration.kube.objects import a_cluster, a_pod, a_secret, as_seen

if TYPE_CHECKING:
    from etcd_operator.kube.client import KubeClient
    from tests.integration.apiserver import ApiServer
    from tests.integration.kube.conftest import Connection

DEFINITION = Path(__file__).parents[3] / "crds" / "etcdcluster.yaml"


async def test_what_is_created_is_returned_as_stored_and_can_be_read(kube: KubeClient, namespace: str) -> None:
    stored = await kube.create(Kind.SECRET, namespace, a_secret())
    assert stored["metadata"]["uid"]
    assert await kube.get(Kind.SECRET, namespace, "orders-client") == stored


async def test_what_is_not_there_is_known_to_be_not_there(kube: KubeClient, namespace: str) -> None:
    with pytest.raises(NotFound, match='secrets "orders-client" not found'):
        await kube.get(Kind.SECRET, namespace, "orders-client")


async def test_a_name_that_is_taken_is_not_taken_again(kube: KubeClient, namespace: str) -> None:
    await kube.create(Kind.SECRET, namespace, a_secret())
    with pytest.raises(AlreadyExists):
        await kube.create(Kind.SECRET, namespace, a_secret())


async def test_a_name_is_taken_until_its_object_is_really_gone(
    kube: KubeClient, namespace: str, apiserver: ApiServer
) -> None:
    body = a_secret()
    body["metadata"]["finalizers"] = ["example.com/wait"]
    stored = await kube.create(Kind.SECRET, namespace, body)
    await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=as_seen(stored))
    found = await kube.get(Kind.SECRET, namespace, "orders-client")
    assert "deletionTimestamp" in found["metadata"]
    with pytest.raises(AlreadyExists):
        await kube.create(Kind.SECRET, namespace, a_secret())
    apiserver.request(
        "PATCH",
        f"/api/v1/namespaces/{namespace}/secrets/orders-client",
        {"metadata": {"finalizers": None}},
        content_type="application/merge-patch+json",
    )


@pytest.mark.parametrize("labels", ["etcd=orders", "etcd"])
async def test_a_list_holds_what_its_labels_select(kube: KubeClient, namespace: str, labels: str) -> None:
    await kube.create(Kind.SECRET, namespace, a_secret("one", etcd="orders"))
    await kube.create(Kind.SECRET, namespace, a_secret("two"))
    found = await kube.list(Kind.SECRET, namespace, labels=labels)
    assert [body["metadata"]["name"] for body in found] == ["one"]


async def test_a_list_of_all_namespaces_holds_this_one_too(kube: KubeClient, namespace: str) -> None:
    await kube.create(Kind.SECRET, namespace, a_secret("one", test=namespace))
    assert len(await kube.list(Kind.SECRET, None, labels=f"test={namespace}")) == 1


async def test_a_long_list_is_read_to_its_end(
    connection: Connection, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 3)
    for number in range(7):
        await connection.kube.create(Kind.SECRET, namespace, a_secret(f"secret-{number}"))
    connection.calls.clear()
    found = await connection.kube.list(Kind.SECRET, namespace)
    assert {body["metadata"]["name"] for body in found} == {f"secret-{number}" for number in range(7)}
    assert connection.calls == [("list", "secrets", 200)] * 3


async def test_a_patch_changes_what_it_names_takes_away_what_it_nulls_and_keeps_the_rest(
    kube: KubeClient, namespace: str
) -> None:
    stored = await kube.create(Kind.SECRET, namespace, a_secret(kept="yes", gone="soon"))
    patch = {"data": {"a": "Mw==", "b": None}, "metadata": {"labels": {"gone": None, "new": "yes"}}}
    found = await kube.patch(Kind.SECRET, namespace, "orders-client", patch, precondition=as_seen(stored))
    assert found["data"] == {"a": "Mw=="}
    assert found["metadata"]["labels"] == {"kept": "yes", "new": "yes"}


async def test_a_patch_of_an_object_that_was_made_anew_under_its_name_is_a_conflict(
    kube: KubeClient, namespace: str
) -> None:
    seen = await kube.create(Kind.SECRET, namespace, a_secret())
    await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=as_seen(seen))
    anew = await kube.create(Kind.SECRET, namespace, a_secret())
    with pytest.raises(Conflict):
        await kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {"a": "Mw=="}}, precondition=as_seen(seen))
    assert await kube.get(Kind.SECRET, namespace, "orders-client") == anew


async def test_a_status_of_a_cluster_that_was_made_anew_under_its_name_is_a_conflict(
    kube: KubeClient, namespace: str, apiserver: ApiServer
) -> None:
    apiserver.install(DEFINITION)
    seen = await kube.create(Kind.CLUSTER, namespace, a_cluster())
    await kube.delete(Kind.CLUSTER, namespace, "orders", precondition=as_seen(seen))
    anew = await kube.create(Kind.CLUSTER, namespace, a_cluster())
    patch = {"status": {"phase": "Running"}}
    with pytest.raises(Conflict):
        await kube.patch(Kind.CLUSTER, namespace, "orders", patch, precondition=as_seen(seen), status=True)
    assert await kube.get(Kind.CLUSTER, namespace, "orders") == anew


async def test_a_patch_without_a_version_is_not_sent(connection: Connection, namespace: str) -> None:
    seen = await connection.kube.create(Kind.SECRET, namespace, a_secret())
    connection.calls.clear()
    held = Precondition(seen["metadata"]["uid"])
    with pytest.raises(ValueError, match="resourceVersion"):
        await connection.kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {}}, precondition=held)
    assert connection.calls == []


async def test_a_patch_of_an_object_that_changed_is_a_conflict(kube: KubeClient, namespace: str) -> None:
    seen = await kube.create(Kind.SECRET, namespace, a_secret())
    now = await kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {"a": "Mw=="}}, precondition=as_seen(seen))
    with pytest.raises(Conflict):
        await kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {"a": "NA=="}}, precondition=as_seen(seen))
    assert await kube.get(Kind.SECRET, namespace, "orders-client") == now


async def test_a_patch_without_a_change_is_no_write(kube: KubeClient, namespace: str) -> None:
    seen = await kube.create(Kind.SECRET, namespace, a_secret())
    found = await kube.patch(
        Kind.SECRET, namespace, "orders-client", {"data": {"a": "MQ=="}}, precondition=as_seen(seen)
    )
    assert found["metadata"]["resourceVersion"] == seen["metadata"]["resourceVersion"]


async def test_a_patch_of_what_is_gone_creates_nothing(kube: KubeClient, namespace: str) -> None:
    held = Precondition("gone", "1")
    with pytest.raises(NotFound):
        await kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {}}, precondition=held)


async def test_owners_can_be_given_and_taken_away(kube: KubeClient, namespace: str) -> None:
    seen = await kube.create(Kind.SECRET, namespace, a_secret())
    owner = {"apiVersion": "etcd-operator.dev/v1alpha1", "kind": "EtcdCluster", "name": "orders", "uid": "u-1"}
    for owners in ([owner], []):
        patch = {"metadata": {"ownerReferences": owners}}
        seen = await kube.patch(Kind.SECRET, namespace, "orders-client", patch, precondition=as_seen(seen))
        assert seen["metadata"].get("ownerReferences", []) == owners


async def test_only_the_very_object_is_deleted(kube: KubeClient, namespace: str) -> None:
    stored = await kube.create(Kind.SECRET, namespace, a_secret())
    with pytest.raises(Conflict):
        await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=Precondition("another"))
    await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=Precondition(stored["metadata"]["uid"]))
    with pytest.raises(NotFound):
        await kube.get(Kind.SECRET, namespace, "orders-client")


async def test_an_object_that_changed_is_not_deleted_when_that_matters(kube: KubeClient, namespace: str) -> None:
    seen = await kube.create(Kind.SECRET, namespace, a_secret())
    await kube.patch(Kind.SECRET, namespace, "orders-client", {"data": {"a": "Mw=="}}, precondition=as_seen(seen))
    with pytest.raises(Conflict):
        await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=as_seen(seen))


async def test_what_is_gone_already_cannot_be_deleted(kube: KubeClient, namespace: str) -> None:
    with pytest.raises(NotFound):
        await kube.delete(Kind.SECRET, namespace, "orders-client", precondition=Precondition("gone"))


async def test_a_pod_that_runs_nowhere_is_gone_at_once(kube: KubeClient, namespace: str) -> None:
    stored = await kube.create(Kind.POD, namespace, a_pod("orders-bbbbb"))
    await kube.delete(Kind.POD, namespace, "orders-bbbbb", precondition=as_seen(stored))
    assert await kube.list(Kind.POD, namespace) == []


async def test_a_status_is_written_beside_the_spec_and_never_into_it(
    kube: KubeClient, namespace: str, apiserver: ApiServer
) -> None:
    apiserver.install(DEFINITION)
    stored = await kube.create(Kind.CLUSTER, namespace, a_cluster())
    patch = {"status": {"phase": "Creating"}, "spec": {"replicas": 5}}
    found = await kube.patch(Kind.CLUSTER, namespace, "orders", patch, precondition=as_seen(stored), status=True)
    assert (found["status"]["phase"], found["spec"]["replicas"]) == ("Creating", 3)
    assert found["metadata"]["generation"] == stored["metadata"]["generation"]
    with pytest.raises(Conflict):
        await kube.patch(Kind.CLUSTER, namespace, "orders", patch, precondition=as_seen(stored), status=True)


async def test_what_is_invalid_is_refused_in_the_servers_words(kube: KubeClient, namespace: str) -> None:
    with pytest.raises(Refused, match="must be no more than 253 characters") as refused:
        await kube.create(Kind.SECRET, namespace, a_secret("x" * 300))
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")


async def test_every_call_is_told_with_its_code(connection: Connection, namespace: str) -> None:
    stored = await connection.kube.create(Kind.SECRET, namespace, a_secret())
    await connection.kube.delete(Kind.SECRET, namespace, "orders-client", precondition=as_seen(stored))
    with pytest.raises(NotFound):
        await connection.kube.get(Kind.SECRET, namespace, "orders-client")
    assert connection.calls == [("create", "secrets", 201), ("delete", "secrets", 200), ("get", "secrets", 404)]
