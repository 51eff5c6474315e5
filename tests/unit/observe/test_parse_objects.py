"""What is read out of the other objects."""

from __future__ import annotations

import base64

import pytest

from etcd_operator.observation import Record
from etcd_operator.observe import parse
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import member_labels
from tests.builders import CLUSTER_ID, IDENTITY, MEMBERS, a_meta, cluster_json, object_json


def test_a_cluster_without_a_status_has_nothing_on_record() -> None:
    seen = parse.cluster(cluster_json())
    assert seen.record == Record()
    assert (seen.namespace, seen.generation, seen.meta.uid) == ("shop", 1, IDENTITY.uid)


def test_the_record_is_read_back_as_it_was_written() -> None:
    status = {
        "clusterID": f"{CLUSTER_ID:x}",
        "bootstrap": {"members": list(MEMBERS[:3]), "abandoned": [MEMBERS[4]]},
    }
    assert parse.record(status) == Record(members=MEMBERS[:3], cluster_id=CLUSTER_ID, abandoned=(MEMBERS[4],))
    assert parse.record(status).formed


def test_a_record_of_names_alone_is_not_formed() -> None:
    assert not parse.record({"bootstrap": {"members": ["orders-bbbbb"]}}).formed


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


@pytest.mark.parametrize(("phase", "bound"), [("Bound", True), ("Pending", False), ("Lost", False)])
def test_a_claim_is_bound_when_kubernetes_says_so(phase: str, *, bound: bool) -> None:
    meta = a_meta(MEMBERS[0], labels=member_labels(IDENTITY, MEMBERS[0]), owner=None)
    seen = parse.claim(object_json(Kind.CLAIM, meta, status={"phase": phase}))
    assert (seen.bound, seen.member, seen.meta.owner) == (bound, MEMBERS[0], None)
