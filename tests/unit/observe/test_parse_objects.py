"""What is read out of the other objects."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Departure, Leaver, Record, Removal, Suspect
from etcd_operator.observe import parse
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import member_labels
from tests.builders import CLUSTER_ID, IDENTITY, MEMBERS, a_meta, cluster_json, object_json

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json


def test_a_cluster_without_a_status_has_nothing_on_record() -> None:
    seen = parse.cluster(cluster_json())
    assert seen.record == Record()
    assert (seen.namespace, seen.generation, seen.meta.uid) == ("shop", 1, IDENTITY.uid)


def test_the_record_is_read_back_as_it_was_written() -> None:
    status = {
        "clusterID": f"{CLUSTER_ID:x}",
        "membership": {
            "members": list(MEMBERS[:3]),
            "joining": [MEMBERS[3]],
            "removing": {"member": MEMBERS[0], "cause": "NodeLost", "reason": "node node-1 is gone"},
            "suspects": [{"member": MEMBERS[2], "podUID": "u-2"}],
            "left": [{"member": MEMBERS[4], "keepClaim": True}, {"member": MEMBERS[5], "keepClaim": False}],
        },
    }
    assert parse.record(status) == Record(
        members=MEMBERS[:3],
        joining=(MEMBERS[3],),
        removing=Removal(MEMBERS[0], Departure.NODE_LOST, "node node-1 is gone"),
        left=(Leaver(MEMBERS[4], keep_claim=True), Leaver(MEMBERS[5], keep_claim=False)),
        suspects=(Suspect(MEMBERS[2], "u-2"),),
        cluster_id=CLUSTER_ID,
    )
    assert parse.record(status).formed


def test_a_record_of_names_alone_is_not_formed() -> None:
    assert not parse.record({"membership": {"members": ["orders-bbbbb"]}}).formed


def test_a_spec_of_another_definition_is_an_error_that_names_what_is_missing() -> None:
    body = cluster_json()
    del body["spec"]["storage"]
    with pytest.raises(KeyError, match="storage"):
        parse.cluster(body)


def test_a_secret_is_decoded_and_never_shows_in_a_log() -> None:
    encoded = base64.b64encode(b"top secret").decode()
    seen = parse.secret(object_json(Kind.SECRET, a_meta("orders-client"), data={"tls.key": encoded}))
    assert seen.data == {"tls.key": b"top secret"}
    assert "top secret" not in repr(seen)


@pytest.mark.parametrize("parts", [{}, {"data": None}])
def test_a_secret_may_be_empty(parts: dict[str, None]) -> None:
    assert parse.secret(object_json(Kind.SECRET, a_meta("orders-client"), **parts)).data == {}


@pytest.mark.parametrize(
    ("wanted", "read"), [({"minAvailable": 2}, 2), ({"minAvailable": "50%"}, 0), ({"maxUnavailable": 1}, 0)]
)
def test_a_budget_that_is_no_number_of_pods_counts_as_none(wanted: dict[str, object], read: int) -> None:
    assert parse.budget(object_json(Kind.BUDGET, a_meta("orders"), spec=wanted)).min_available == read


def claim(phase: str, *, volume: str | None = None, **annotations: str) -> Json:
    """A claim of the first member."""
    meta = a_meta(MEMBERS[0], labels=member_labels(IDENTITY, MEMBERS[0]), owner=None)
    spec: Json = {"resources": {"requests": {"storage": "8Gi"}}} | ({"volumeName": volume} if volume else {})
    return object_json(Kind.CLAIM, replace(meta, annotations=annotations), spec=spec, status={"phase": phase})


@pytest.mark.parametrize(
    ("phase", "bound", "lost"), [("Bound", True, False), ("Pending", False, False), ("Lost", False, True)]
)
def test_a_claim_is_bound_or_lost_when_kubernetes_says_so(phase: str, *, bound: bool, lost: bool) -> None:
    seen = parse.claim(claim(phase))
    assert (seen.bound, seen.lost) == (bound, lost)
    assert (seen.member, seen.meta.owner, seen.node) == (MEMBERS[0], None, None)


def test_a_claim_that_is_about_to_be_bound_counts_as_one_that_may_hold_data() -> None:
    assert parse.claim(claim("Pending", volume="pv-1")).bound


def test_a_claim_tells_for_which_node_its_volume_was_made() -> None:
    body = claim("Bound")
    body["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] = "node-2"
    assert parse.claim(body).node == "node-2"


def test_a_claim_tells_what_it_asks_for_and_what_it_has() -> None:
    body = claim("Bound")
    body["spec"] |= {"storageClassName": "fast"}
    body["status"] |= {"capacity": {"storage": "8Gi"}}
    seen = parse.claim(body)
    assert (seen.class_name, seen.size, seen.capacity, seen.grows) == ("fast", 8 * 2**30, 8 * 2**30, False)
    unbound = parse.claim(claim("Pending"))
    assert (unbound.class_name, unbound.size, unbound.capacity, unbound.grows) == (None, 8 * 2**30, None, False)


def test_a_claim_tells_that_it_grows_and_what_kubernetes_says_of_it() -> None:
    body = claim("Bound")
    waits = {"type": "FileSystemResizePending", "status": "True", "message": "Waiting for user to (re-)start a pod"}
    other = {"type": "ModifyingVolume", "status": "True", "message": "of no interest"}
    body["status"] |= {"capacity": {"storage": "4Gi"}, "conditions": [other, waits]}
    seen = parse.claim(body)
    assert (seen.grows, seen.growth) == (True, "Waiting for user to (re-)start a pod")


def node(ready: str | None, *, since: str | None = "2026-11-22T11:58:00Z", spec: Json | None = None) -> Json:
    """A node as Kubernetes describes it, with this state of its kubelet."""
    said = {"type": "Ready", "status": ready} | ({"lastTransitionTime": since} if since else {})
    conditions = [{"type": "MemoryPressure", "status": "False"}, *([said] if ready else [])]
    return object_json(
        Kind.NODE, a_meta("node-2", labels={}, owner=None), spec=spec or {}, status={"conditions": conditions}
    )


@pytest.mark.parametrize(("said", "ready"), [("True", True), ("False", False), ("Unknown", False), (None, False)])
def test_a_node_is_ready_only_when_kubernetes_says_so(said: str | None, *, ready: bool) -> None:
    seen = parse.node(node(said))
    assert (seen.name, seen.exists, seen.ready) == ("node-2", True, ready)


def test_a_node_tells_since_when_it_is_as_it_is() -> None:
    assert parse.node(node("Unknown")).since == datetime(2026, 11, 22, 11, 58, tzinfo=UTC)
    assert parse.node(node("Unknown", since=None)).since is None
    assert parse.node(node(None)).since is None


@pytest.mark.parametrize(("spec", "cordoned"), [({}, False), ({"unschedulable": True}, True)])
def test_a_cordoned_node_is_as_ready_as_any(spec: Json, *, cordoned: bool) -> None:
    seen = parse.node(node("True", spec=spec))
    assert (seen.cordoned, seen.ready) == (cordoned, True)


def test_a_node_tells_its_images() -> None:
    body = node("True")
    assert parse.node(body).images == frozenset()
    body["status"]["images"] = [
        {"names": ["example.com/etcd@sha256:0d7c", "example.com/etcd:v3.6.16"]},
        {"sizeBytes": 3},
    ]
    assert parse.node(body).images == {"example.com/etcd@sha256:0d7c", "example.com/etcd:v3.6.16"}


def test_a_node_tells_its_zone() -> None:
    body = node("True")
    assert parse.node(body).zone == ""
    body["metadata"]["labels"]["topology.kubernetes.io/zone"] = "west"
    assert parse.node(body).zone == "west"


def test_a_node_that_is_not_there_is_neither_ready_nor_since_any_time() -> None:
    seen = parse.no_node("node-2")
    assert (seen.name, seen.exists, seen.ready, seen.since, seen.cordoned) == ("node-2", False, False, None, False)


@pytest.mark.parametrize(("grace", "ending"), [(None, False), (30, False), (0, True)])
def test_an_object_ends_without_waiting_when_its_grace_is_none(grace: int | None, *, ending: bool) -> None:
    body = claim("Bound")
    if grace is not None:
        body["metadata"] |= {"deletionTimestamp": "2026-11-22T12:00:00Z", "deletionGracePeriodSeconds": grace}
    seen = parse.meta(body)
    assert (seen.deleting, seen.ending) == (grace is not None, ending)
