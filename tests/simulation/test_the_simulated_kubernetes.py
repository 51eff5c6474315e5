"""The simulated Kubernetes keeps the promises that the operator relies on, and breaks those that are none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused
from etcd_operator.kube.port import Precondition
from etcd_operator.observation import Cause
from etcd_operator.observe import parse
from etcd_operator.resources.kinds import Kind
from tests.simulation import endings, events, moments
from tests.simulation.controllers import bind_claim, collect_garbage, expand_volumes, release_claims
from tests.simulation.etcd import Etcd
from tests.simulation.kubernetes import ApiServer, merged
from tests.simulation.scenario import NAMESPACE, Event, Scenario, spec
from tests.simulation.storage import STANDARD, storage_class
from tests.simulation.world import World

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Set as AbstractSet

    from etcd_operator.kube.port import Json


@pytest.fixture
def server() -> ApiServer:
    """A server without objects."""
    return ApiServer(datetime(2026, 11, 22, tzinfo=UTC))


def body(name: str, **parts: Any) -> Json:
    return {"metadata": {"name": name, **parts.pop("about", {})}, **parts}


@pytest.mark.parametrize(
    ("base", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [1]}, {"a": [2, 3]}, {"a": [2, 3]}),
        ({"a": "foo"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({"a": "foo"}, None, None),
    ],
)
def test_patches_are_merged_as_rfc_7396_says(base: Json, patch: Json | None, result: Json | None) -> None:
    assert merged(base, patch) == result


def test_a_patch_that_changes_nothing_writes_nothing(server: ApiServer) -> None:
    before = server.create(Kind.SECRET, "shop", body("one", data={"key": "dmFsdWU="}))
    assert server.patch(Kind.SECRET, "shop", "one", {"data": {"key": "dmFsdWU="}}) is before


def test_a_name_that_is_taken_is_not_given_twice(server: ApiServer) -> None:
    server.create(Kind.SECRET, "shop", body("one"))
    with pytest.raises(AlreadyExists):
        server.create(Kind.SECRET, "shop", body("one"))


def test_an_object_made_again_under_its_name_is_another(server: ApiServer) -> None:
    first = server.create(Kind.SECRET, "shop", body("one"))["metadata"]
    server.delete(Kind.SECRET, "shop", "one")
    with pytest.raises(NotFound):
        server.get(Kind.SECRET, "shop", "one")
    server.create(Kind.SECRET, "shop", body("one"))
    for precondition in (Precondition(first["uid"]), Precondition(first["uid"], first["resourceVersion"])):
        with pytest.raises(Conflict):
            server.patch(Kind.SECRET, "shop", "one", {"data": {}}, precondition=precondition)
        with pytest.raises(Conflict):
            server.delete(Kind.SECRET, "shop", "one", precondition=precondition)


def test_a_change_in_between_is_a_conflict_only_for_who_names_the_version(server: ApiServer) -> None:
    about = server.create(Kind.SECRET, "shop", body("one"))["metadata"]
    server.patch(Kind.SECRET, "shop", "one", {"data": {"key": ""}})
    old = Precondition(about["uid"], about["resourceVersion"])
    with pytest.raises(Conflict):
        server.patch(Kind.SECRET, "shop", "one", {"data": {"other": ""}}, precondition=old)
    server.patch(Kind.SECRET, "shop", "one", {"data": {"other": ""}}, precondition=Precondition(about["uid"]))
    assert set(server.get(Kind.SECRET, "shop", "one")["data"]) == {"key", "other"}


def test_the_status_and_the_rest_are_written_apart(server: ApiServer) -> None:
    server.create(Kind.POD, "shop", body("one", spec={"volumes": []}))
    server.patch(Kind.POD, "shop", "one", {"spec": {"x": 1}, "status": {"phase": "Running"}})
    assert server.get(Kind.POD, "shop", "one")["status"]["phase"] == "Pending"
    server.patch(Kind.POD, "shop", "one", {"spec": {"x": 2}, "status": {"phase": "Running"}}, status=True)
    found = server.get(Kind.POD, "shop", "one")
    assert (found["spec"]["x"], found["status"]["phase"]) == (1, "Running")


def test_a_claim_stays_until_no_pod_with_a_node_uses_it(server: ApiServer) -> None:
    etcd, volume = Etcd(server), {"name": "data", "persistentVolumeClaim": {"claimName": "one"}}
    server.create(Kind.CLAIM, "shop", body("one"))
    server.create(Kind.POD, "shop", body("one", spec={"volumes": [volume], "nodeName": "node-0"}))
    server.create(Kind.POD, "shop", body("two", spec={"volumes": [volume]}))
    server.delete(Kind.CLAIM, "shop", "one")
    release_claims(server, etcd)
    assert "deletionTimestamp" in server.get(Kind.CLAIM, "shop", "one")["metadata"]
    server.remove(Kind.POD, "shop", "one")
    release_claims(server, etcd)
    assert server.find(Kind.CLAIM, "shop", "one") is None


def test_a_pod_on_a_node_stays_until_its_kubelet_lets_it_go(server: ApiServer) -> None:
    server.create(Kind.POD, "shop", body("one", spec={"nodeName": "node-0", "volumes": []}))
    server.delete(Kind.POD, "shop", "one")
    assert "deletionTimestamp" in server.get(Kind.POD, "shop", "one")["metadata"]
    server.delete(Kind.POD, "shop", "one", grace_seconds=0)
    assert server.find(Kind.POD, "shop", "one") is None


def test_what_is_owned_goes_after_its_owner_and_what_is_not_stays(server: ApiServer) -> None:
    owner = server.create(Kind.CLUSTER, "shop", body("orders", spec={}))["metadata"]
    server.create(Kind.SECRET, "shop", body("owned", about={"ownerReferences": [{"uid": owner["uid"]}]}))
    server.create(Kind.SECRET, "shop", body("free"))
    server.delete(Kind.CLUSTER, "shop", "orders")
    assert server.find(Kind.SECRET, "shop", "owned") is not None
    collect_garbage(server)
    assert [found["metadata"]["name"] for found in server.list(Kind.SECRET)] == ["free"]


def test_selectors_select(server: ApiServer) -> None:
    server.create(Kind.SECRET, "shop", body("one", about={"labels": {"app": "etcd", "tier": "a"}}))
    server.create(Kind.SECRET, "shop", body("two", about={"labels": {"app": "etcd"}}))
    server.create(Kind.CORE_EVENT, "shop", body("told", involvedObject={"uid": "x"}, type="Warning"))
    names = [found["metadata"]["name"] for found in server.list(Kind.SECRET, "shop", labels="app=etcd,tier=a")]
    assert names == ["one"]
    assert server.list(Kind.CORE_EVENT, "shop", fields="involvedObject.uid=x,type=Warning")
    assert not server.list(Kind.CORE_EVENT, "shop", fields="involvedObject.uid=y,type=Warning")
    assert not server.list(Kind.SECRET, "other")


def test_the_quota_refuses_in_kubernetes_words(server: ApiServer) -> None:
    server.limits = {Kind.CLAIM: 1}
    server.create(Kind.CLAIM, "shop", body("one"))
    with pytest.raises(Refused, match='"two" is forbidden: exceeded quota'):
        server.create(Kind.CLAIM, "shop", body("two"))


def test_a_formed_cluster_keeps_its_identifier(server: ApiServer) -> None:
    server.create(Kind.CLUSTER, "shop", body("orders", spec={"replicas": 3}))
    server.patch(Kind.CLUSTER, "shop", "orders", {"status": {"clusterID": "1"}}, status=True)
    with pytest.raises(Refused):
        server.patch(Kind.CLUSTER, "shop", "orders", {"status": {"clusterID": None}}, status=True)
    server.patch(Kind.CLUSTER, "shop", "orders", {"spec": {"replicas": 5}})


def test_a_snapshot_of_the_server_goes_its_own_way(server: ApiServer) -> None:
    server.create(Kind.SECRET, "shop", body("one"))
    snapshot = server.copy()
    server.patch(Kind.SECRET, "shop", "one", {"data": {"key": ""}})
    assert "data" not in snapshot.get(Kind.SECRET, "shop", "one")


@pytest.fixture
def classes(server: ApiServer) -> ApiServer:
    """A server with the default StorageClass, and with one whose volumes can grow."""
    server.create(Kind.STORAGE_CLASS, "", storage_class("growing", expands=True))
    server.create(Kind.STORAGE_CLASS, "", storage_class(STANDARD))
    return server


def a_claim(
    server: ApiServer, name: str, *, class_name: str | None = None, size: str = "8Gi", bound: bool = True
) -> Json:
    wanted = {"storageClassName": class_name} if class_name is not None else {}
    claim = server.create(Kind.CLAIM, "shop", body(name, spec={**wanted, **of_size(size)}))
    if bound:
        assert bind_claim(server, Etcd(server), claim, node="node-0")
    return server.get(Kind.CLAIM, "shop", name)


def of_size(size: str) -> Json:
    return {"resources": {"requests": {"storage": size}}}


def test_a_claim_without_a_class_gets_the_default_one_and_a_bound_one_has_what_it_asks_for(classes: ApiServer) -> None:
    claims = a_claim(classes, "one"), a_claim(classes, "two", class_name="growing", bound=False)
    assert [claim["spec"]["storageClassName"] for claim in claims] == ["standard", "growing"]
    assert [claim["status"].get("capacity") for claim in claims] == [{"storage": "8Gi"}, None]


@pytest.mark.parametrize(
    ("class_name", "bound", "size", "words"),
    [
        ("standard", True, "16Gi", "the storageclass that provisions the pvc must support resize"),
        ("growing", False, "16Gi", "Only bound persistent volume claims can be expanded"),
        ("growing", True, "4Gi", "field can not be less than status.capacity"),
    ],
    ids=["of a class that does not allow it", "not bound", "smaller"],
)
def test_a_claim_is_refused_a_size(classes: ApiServer, class_name: str, size: str, words: str, *, bound: bool) -> None:
    a_claim(classes, "one", class_name=class_name, bound=bound)
    with pytest.raises(Refused, match=words):
        classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size(size)})


def test_a_size_that_a_volume_does_not_reach_may_be_made_smaller(classes: ApiServer) -> None:
    a_claim(classes, "one", class_name="growing")
    classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size("2Ti")})
    with pytest.raises(Refused, match=r"less than status\.capacity"):
        classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size("8Gi")})
    classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size("9Gi")})


def test_a_volume_grows_first_and_then_where_it_is_mounted_its_files(classes: ApiServer) -> None:
    a_claim(classes, "one", class_name="growing")
    classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size("16Gi")})
    seen = [_after_a_step(classes, mounted=mounted) for mounted in ("", "", "one")]
    assert [claim["status"]["capacity"]["storage"] for claim in seen] == ["8Gi", "8Gi", "16Gi"]
    assert [parse.claim(claim).grows for claim in seen] == [True, True, False]
    assert "file system resize" in parse.claim(seen[0]).growth


@pytest.mark.parametrize(("size", "stuck"), [("16Gi", {"one"}), ("2Ti", set())], ids=["stuck", "too large"])
def test_a_volume_that_cannot_grow_stays_and_an_event_says_so(classes: ApiServer, size: str, stuck: set[str]) -> None:
    uid = a_claim(classes, "one", class_name="growing")["metadata"]["uid"]
    classes.patch(Kind.CLAIM, "shop", "one", {"spec": of_size(size)})
    for _ in range(3):
        assert parse.claim(_after_a_step(classes, mounted="one", stuck=stuck)).grows
    (event,) = classes.list(Kind.CORE_EVENT, "shop", fields=f"involvedObject.uid={uid},type=Warning")
    assert event["reason"] == "VolumeResizeFailed"


def _after_a_step(server: ApiServer, *, mounted: str, stuck: AbstractSet[str] = frozenset()) -> Json:
    expand_volumes(server, Etcd(server), mounted={mounted}, stuck=stuck)
    return server.get(Kind.CLAIM, "shop", "one")


def test_a_claim_that_no_storage_has_room_for_is_not_bound_and_an_event_says_so(classes: ApiServer) -> None:
    claim = a_claim(classes, "one", size="2Ti", bound=False)
    assert not bind_claim(classes, Etcd(classes), claim, node="node-0")
    (event,) = classes.list(Kind.CORE_EVENT, "shop", fields=f"involvedObject.uid={claim['metadata']['uid']}")
    assert event["reason"] == "ProvisioningFailed"


def test_the_size_of_volumes_is_taken_back_only_as_far_as_they_hold_less(server: ApiServer) -> None:
    server.create(Kind.CLUSTER, "shop", body("orders", spec={"storage": {"size": "2Ti"}}))
    server.patch(Kind.CLUSTER, "shop", "orders", {"status": {"storage": "8Gi"}}, status=True)
    with pytest.raises(Refused, match="cannot shrink"):
        server.patch(Kind.CLUSTER, "shop", "orders", {"spec": {"storage": {"size": "4Gi"}}})
    server.patch(Kind.CLUSTER, "shop", "orders", {"spec": {"storage": {"size": "8Gi"}}})


def first_pod(world: World) -> Json:
    return world.server.get(Kind.POD, NAMESPACE, world.members[0])


@pytest.mark.parametrize(
    ("accident", "cause"),
    [
        (events.restart_containers(0, when=moments.at_once, emptied=True), Cause.START_REFUSED),
        (events.restart_sandboxes(0, when=moments.at_once, emptied=True), Cause.DATA_LOST),
        (events.evict(0, when=moments.at_once), Cause.NODE),
        (events.restart_containers(0, when=moments.at_once), None),
    ],
    ids=lambda value: value.says if isinstance(value, Event) else str(value),
)
def test_the_status_of_a_pod_tells_the_operator_why_it_does_not_run(
    loop: asyncio.AbstractEventLoop, accident: Event, cause: Cause | None
) -> None:
    world = World.of(Scenario("create 1", endings.healthy(1), spec({"replicas": 1})), loop)
    while not world.ended:
        world.tick()
    world.operator_down = True
    world.meet(accident)
    for _ in range(5):
        world.tick()
    problem = parse.pod(first_pod(world)).problem
    assert (problem and problem.cause) == cause
