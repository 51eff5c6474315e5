"""The snapshot of what Kubernetes holds: whose each object is, and why something does not get on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from etcd_operator.kube.errors import KubeError, NotFound, Refused, ServerFailed, Unreachable
from etcd_operator.observation import Cause, Problem, Stranger, Unknown
from etcd_operator.observe import kubernetes
from etcd_operator.observe.nodes import FRESH, Nodes
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER, CLUSTER_UID, cluster_labels, member_labels
from tests.builders import IDENTITY, MEMBERS, NOW, a_meta, cluster_json, object_json
from tests.unit.fakes import FakeKube
from tests.unit.observe.pods import INITIALIZING, PASSED, RUNNING, pod, waiting

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observe.kubernetes import Objects

MEMBER = MEMBERS[0]
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def kube() -> FakeKube:
    """A Kubernetes with nothing but the EtcdCluster."""
    kube = FakeKube()
    kube.put(Kind.CLUSTER, cluster_json())
    return kube


async def read(kube: FakeKube) -> Objects:
    """The snapshot, a minute after everything was made."""
    return await kubernetes.read(kube, Nodes(), "shop", "orders", now=LATER)


def claim(
    *, owner: str | None = None, uid: str = IDENTITY.uid, phase: str = "Bound", size: str = "8Gi", has: str = "8Gi"
) -> Json:
    """The claim of MEMBER, of StorageClass fast."""
    labels = {**member_labels(IDENTITY, MEMBER), CLUSTER_UID: uid}
    spec = {"storageClassName": "fast", "resources": {"requests": {"storage": size}}}
    status = {"phase": phase} | ({"capacity": {"storage": has}} if phase == "Bound" else {})
    return object_json(Kind.CLAIM, a_meta(MEMBER, labels=labels, owner=owner), spec=spec, status=status)


def service(*, owner: str | None = IDENTITY.uid, uid: str = IDENTITY.uid) -> Json:
    """The client Service."""
    labels = {**cluster_labels(IDENTITY), CLUSTER_UID: uid}
    return object_json(Kind.SERVICE, a_meta("orders", labels=labels, owner=owner), spec={})


async def test_every_kind_is_listed_with_the_clusters_label_only(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod())
    kube.put(Kind.CLAIM, claim())
    kube.put(Kind.SERVICE, service())
    kube.put(Kind.SERVICE, object_json(Kind.SERVICE, a_meta("other", labels={CLUSTER: "other"}), spec={}))
    seen = await read(kube)
    assert (set(seen.pods), set(seen.claims), set(seen.services)) == ({MEMBER}, {MEMBER}, {"orders"})
    assert seen.strangers == ()


FORMED = {"membership": {"members": [MEMBER]}, "clusterID": "c1"}


@pytest.mark.parametrize("labels", [{}, {CLUSTER_UID: IDENTITY.uid}], ids=["all of them", "the cluster's name"])
async def test_a_claim_is_not_gone_because_somebody_took_its_labels_off(kube: FakeKube, labels: dict[str, str]) -> None:
    kube.put(Kind.CLUSTER, cluster_json(status=FORMED))
    body = claim()
    body["metadata"]["labels"] = labels
    kube.put(Kind.CLAIM, body)
    seen = await read(kube)
    assert set(seen.claims) == {MEMBER}
    assert seen.strangers == ()


async def test_a_claim_of_another_cluster_that_has_a_members_name_is_in_its_way(kube: FakeKube) -> None:
    kube.put(Kind.CLUSTER, cluster_json(status=FORMED))
    body = claim()
    body["metadata"]["labels"] = {CLUSTER_UID: "another"}
    kube.put(Kind.CLAIM, body)
    seen = await read(kube)
    assert seen.claims == {}
    assert seen.strangers == (Stranger("PersistentVolumeClaim", MEMBER, "another"),)


async def test_a_claim_is_gone_only_by_the_api_servers_own_word(kube: FakeKube) -> None:
    kube.put(Kind.CLUSTER, cluster_json(status=FORMED))
    assert (await read(kube)).claims == {}
    kube.faults["get", "PersistentVolumeClaim", None] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        await read(kube)


async def test_before_the_formation_no_claim_is_looked_for_by_its_name(kube: FakeKube) -> None:
    kube.put(Kind.CLUSTER, cluster_json(status={"membership": {"members": [MEMBER]}}))
    kube.faults["get", "PersistentVolumeClaim", None] = Unreachable("no answer")
    assert (await read(kube)).claims == {}


def put_too_small(kube: FakeKube, *, member: str = MEMBER) -> None:
    """A claim of half the size that is asked for, in a cluster of which `member` is a member."""
    kube.put(Kind.CLUSTER, cluster_json(status={"membership": {"members": [member]}}))
    kube.put(Kind.CLAIM, claim(size="4Gi", has="4Gi"))


EXPANSION = [({"allowVolumeExpansion": True}, True), ({"allowVolumeExpansion": False}, False), ({}, False)]


@pytest.mark.parametrize(("expands", "known"), EXPANSION)
async def test_of_a_claim_that_is_too_small_its_class_is_read(
    kube: FakeKube, expands: dict[str, bool], *, known: bool
) -> None:
    put_too_small(kube)
    body = object_json(Kind.STORAGE_CLASS, a_meta("fast", labels={}, owner=None)) | expands
    del body["metadata"]["namespace"]
    kube.put(Kind.STORAGE_CLASS, body)
    assert (await read(kube)).classes == {"fast": known}


async def test_a_class_that_is_not_there_expands_nothing(kube: FakeKube) -> None:
    put_too_small(kube)
    assert (await read(kube)).classes == {"fast": False}


async def test_a_class_is_not_read_for_nothing(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, claim())
    kube.faults["get", "StorageClass", None] = Unreachable("no answer")
    assert (await read(kube)).classes == {}


async def test_that_classes_may_not_be_read_is_known_as_that(kube: FakeKube) -> None:
    put_too_small(kube)
    kube.faults["get", "StorageClass", None] = Refused("storageclasses is forbidden", code=403)
    assert (await read(kube)).classes == Unknown("storageclasses is forbidden")


async def test_of_a_claim_that_a_member_left_behind_no_class_is_read(kube: FakeKube) -> None:
    put_too_small(kube, member=MEMBERS[1])
    assert (await read(kube)).classes == {}


async def test_a_claim_that_grows_is_explained_by_its_newest_warning(kube: FakeKube) -> None:
    body = claim(size="8Gi", has="4Gi")
    kube.put(Kind.CLAIM, body)
    kube.put(Kind.CORE_EVENT, warning(body, reason="VolumeResizeFailed", message="no room"))
    (found,) = (await read(kube)).claims.values()
    assert found.problem == Problem(Cause.STORAGE, "VolumeResizeFailed: no room")


async def test_what_once_kept_a_claim_from_being_bound_does_not_explain_that_it_grows(kube: FakeKube) -> None:
    body = claim(size="8Gi", has="4Gi")
    kube.put(Kind.CLAIM, body)
    kube.put(Kind.CORE_EVENT, warning(body, reason="ProvisioningFailed", message="no such class"))
    (found,) = (await read(kube)).claims.values()
    assert found.problem is None


async def test_an_object_of_another_uid_is_a_stranger(kube: FakeKube) -> None:
    kube.put(Kind.SERVICE, service(uid="an-earlier-uid", owner="an-earlier-uid"))
    seen = await read(kube)
    assert seen.services == {}
    assert seen.strangers == (Stranger("Service", "orders", "an-earlier-uid"),)


@pytest.mark.parametrize("owner", [None, "somebody-else"])
async def test_an_object_with_our_labels_that_we_do_not_own_is_a_stranger(kube: FakeKube, owner: str | None) -> None:
    kube.put(Kind.SERVICE, service(owner=owner))
    assert (await read(kube)).strangers == (Stranger("Service", "orders", IDENTITY.uid),)


@pytest.mark.parametrize("owner", [None, IDENTITY.uid])
async def test_a_claim_is_ours_by_its_label_with_and_without_an_owner(kube: FakeKube, owner: str | None) -> None:
    kube.put(Kind.CLAIM, claim(owner=owner))
    assert set((await read(kube)).claims) == {MEMBER}


async def test_a_claim_of_an_earlier_cluster_is_never_ours(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, claim(uid="an-earlier-uid"))
    seen = await read(kube)
    assert seen.claims == {}
    assert seen.strangers == (Stranger("PersistentVolumeClaim", MEMBER, "an-earlier-uid"),)


async def test_a_cluster_that_is_gone_is_known_to_be_gone() -> None:
    with pytest.raises(NotFound):
        await read(FakeKube())


@pytest.mark.parametrize("kind", ["Pod", "PersistentVolumeClaim", "Secret", "Service", "PodDisruptionBudget"])
async def test_a_list_that_failed_is_never_taken_for_an_empty_one(kube: FakeKube, kind: str) -> None:
    kube.faults["list", kind, None] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        await read(kube)


def warning(about: Json, *, reason: str, message: str, at: str = "2026-11-22T12:00:30Z") -> Json:
    """An event as `kubectl describe` shows it."""
    return {
        "metadata": {"name": f"{reason}-{at}", "namespace": "shop"},
        "involvedObject": {"uid": about["metadata"]["uid"]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


UNBOUND = claim(phase="Pending")
UNMOUNTED = pod(version=waiting("PodInitializing"), check=INITIALIZING, etcd=INITIALIZING, phase="Pending")


async def test_a_claim_that_waits_is_explained_by_its_newest_warning(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, UNBOUND)
    kube.put(
        Kind.CORE_EVENT, warning(UNBOUND, reason="ProvisioningFailed", message="no space", at="2026-11-22T12:00:40Z")
    )
    kube.put(Kind.CORE_EVENT, warning(UNBOUND, reason="ProvisioningFailed", message="older", at="2026-11-22T12:00:20Z"))
    problem = Problem(Cause.STORAGE, "ProvisioningFailed: no space")
    assert (await read(kube)).claims[MEMBER].problem == problem


async def test_a_pod_whose_volume_does_not_come_is_explained_by_its_newest_warning(kube: FakeKube) -> None:
    kube.put(Kind.POD, UNMOUNTED)
    kube.put(Kind.CORE_EVENT, warning(UNMOUNTED, reason="FailedMount", message="timed out"))
    assert (await read(kube)).pods[MEMBER].problem == Problem(Cause.STORAGE, "FailedMount: timed out")


async def test_what_the_pods_own_status_says_stands_before_its_events(kube: FakeKube) -> None:
    body = pod(version=waiting("ErrImagePull", "not found"), check=INITIALIZING, etcd=INITIALIZING, phase="Pending")
    kube.put(Kind.POD, body)
    kube.put(Kind.CORE_EVENT, warning(body, reason="Failed", message="Error: ErrImagePull"))
    problem = (await read(kube)).pods[MEMBER].problem
    assert problem is not None
    assert problem.cause is Cause.IMAGE


async def test_events_of_another_object_of_that_name_explain_nothing(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, UNBOUND)
    other = {"metadata": {"uid": "the-uid-of-an-earlier-claim"}}
    kube.put(Kind.CORE_EVENT, warning(other, reason="ProvisioningFailed", message="no space"))
    assert (await read(kube)).claims[MEMBER].problem is None


async def test_events_are_not_read_for_what_gets_on_or_was_just_made(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod(version=PASSED))
    kube.put(Kind.CLAIM, UNBOUND)
    await kubernetes.read(kube, Nodes(), "shop", "orders", now=NOW - timedelta(seconds=25))
    assert ("list", "Event", "") not in kube.calls


async def test_a_pod_at_the_gate_is_not_explained_by_what_once_kept_it_from_starting(kube: FakeKube) -> None:
    body = pod(version=PASSED, check=RUNNING, etcd=INITIALIZING, phase="Pending")
    kube.put(Kind.POD, body)
    kube.put(Kind.CORE_EVENT, warning(body, reason="FailedMount", message='secret "orders-bbbbb" not found'))
    seen = (await read(kube)).pods[MEMBER]
    assert seen.at_gate
    assert seen.problem is None


async def test_a_pod_that_was_scheduled_is_not_explained_by_what_the_scheduler_said_before(kube: FakeKube) -> None:
    kube.put(Kind.POD, UNMOUNTED)
    kube.put(Kind.CORE_EVENT, warning(UNMOUNTED, reason="FailedScheduling", message="0/3 nodes are available"))
    assert (await read(kube)).pods[MEMBER].problem is None
    kube.put(Kind.CORE_EVENT, warning(UNMOUNTED, reason="FailedMount", message="not found", at="2026-11-22T12:00:20Z"))
    assert (await read(kube)).pods[MEMBER].problem == Problem(Cause.STORAGE, "FailedMount: not found")


async def test_events_that_cannot_be_read_are_an_error_like_any_other_read(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, UNBOUND)
    kube.faults["list", "Event", None] = Unreachable("no answer")
    with pytest.raises(KubeError):
        await read(kube)


def node(name: str, ready: str = "True") -> Json:
    """A node."""
    body = object_json(Kind.NODE, a_meta(name, labels={}, owner=None), spec={})
    body["status"] = {"conditions": [{"type": "Ready", "status": ready}]}
    del body["metadata"]["namespace"]
    return body


async def test_only_the_nodes_of_pods_and_claims_are_read_each_once(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod(node="node-1"))
    body = claim()
    body["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] = "node-2"
    kube.put(Kind.CLAIM, body)
    for name in ("node-1", "node-2", "node-3"):
        kube.put(Kind.NODE, node(name))
    seen = await read(kube)
    assert not isinstance(seen.nodes, Unknown)
    assert set(seen.nodes) == {"node-1", "node-2"}
    assert sorted(call[2] for call in kube.calls if call[:2] == ("get", "Node")) == ["node-1", "node-2"]


async def test_the_node_of_a_pod_that_is_gone_is_read_as_long_as_the_status_names_it(kube: FakeKube) -> None:
    told = {"members": [{"name": MEMBER, "node": "node-1"}, {"name": MEMBERS[1], "node": "node-2"}, {"name": "c"}]}
    kube.put(Kind.CLUSTER, cluster_json(status=told))
    kube.put(Kind.POD, pod(node="node-3"))
    seen = await read(kube)
    assert seen.cluster.last_nodes == {MEMBER: "node-1", MEMBERS[1]: "node-2"}
    assert not isinstance(seen.nodes, Unknown)
    assert set(seen.nodes) == {"node-2", "node-3"}


async def test_a_node_that_is_gone_is_known_to_be_gone(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod(node="node-1"))
    seen = await read(kube)
    assert not isinstance(seen.nodes, Unknown)
    assert not seen.nodes["node-1"].exists


async def test_without_rights_on_nodes_they_are_unknown_and_everything_else_is_read(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod(node="node-1"))
    kube.faults["get", "Node", None] = Refused("nodes is forbidden", code=403)
    seen = await read(kube)
    assert seen.nodes == Unknown("nodes is forbidden")
    assert set(seen.pods) == {MEMBER}


@pytest.mark.parametrize("error", [Unreachable("no answer"), ServerFailed("busy", code=500)])
async def test_a_node_that_could_not_be_read_is_never_taken_for_one_that_is_gone(
    kube: FakeKube, error: KubeError
) -> None:
    kube.put(Kind.POD, pod(node="node-1"))
    kube.faults["get", "Node", None] = error
    with pytest.raises(type(error)):
        await read(kube)


async def test_a_node_that_was_just_read_is_not_read_again(kube: FakeKube) -> None:
    kube.put(Kind.POD, pod(node="node-1"))
    kube.put(Kind.NODE, node("node-1"))
    nodes, calls = Nodes(), list[int]()
    for later in (timedelta(0), FRESH / 2, FRESH, FRESH / 4):
        seen = await kubernetes.read(kube, nodes, "shop", "orders", now=LATER + later)
        assert not isinstance(seen.nodes, Unknown)
        assert set(seen.nodes) == {"node-1"}
        calls.append(sum(call[1] == "Node" for call in kube.calls))
    assert calls == [1, 1, 2, 3]


async def test_where_nothing_has_a_node_none_is_read(kube: FakeKube) -> None:
    kube.put(Kind.CLAIM, claim())
    assert (await read(kube)).nodes == {}
