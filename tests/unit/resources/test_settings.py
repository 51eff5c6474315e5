"""What the user changed since a Pod was made: that, all of it, and nothing that another operator would do otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.resources.settings import MADE_FROM, changed_since, made_from
from tests.builders import a_spec

if TYPE_CHECKING:
    from etcd_operator.api.cluster import ClusterSpec

SPEC = a_spec()
CHANGES: dict[str, dict[str, Any]] = {
    "version": {"version": "3.6.15"},
    "image.repository": {"image": {"repository": "example.com/other"}},
    "image.pullPolicy": {"image": {"pullPolicy": "Always"}},
    "image.pullSecrets": {"image": {"pullSecrets": [{"name": "theirs"}]}},
    "resources": {"resources": {"requests": {"cpu": "1"}}},
    "pod.labels": {"pod": {"labels": {"team": "shop"}}},
    "pod.annotations": {"pod": {"annotations": {"note": "hello"}}},
    "pod.nodeSelector": {"pod": {"nodeSelector": {"disk": "fast"}}},
    "pod.affinity": {"pod": {"affinity": {"nodeAffinity": {}}}},
    "pod.tolerations": {"pod": {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}},
    "pod.topologySpreadConstraints": {"pod": {"topologySpreadConstraints": []}},
    "pod.priorityClassName": {"pod": {"priorityClassName": "high"}},
    "etcd.quota": {"etcd": {"quota": "4Gi"}},
    "etcd.autoCompaction.mode": {"etcd": {"autoCompaction": {"mode": "Revision"}}},
    "etcd.autoCompaction.retention": {"etcd": {"autoCompaction": {"mode": "Periodic", "retention": "9h"}}},
    "etcd.snapshotCount": {"etcd": {"snapshotCount": 1}},
    "etcd.heartbeatMs": {"etcd": {"heartbeatMs": 99}},
    "etcd.electionMs": {"etcd": {"electionMs": 9999}},
    "etcd.extraArgs": {"etcd": {"extraArgs": {"max-txn-ops": "256"}}},
    "tls.client": {"tls": {"client": "Server"}},
    "tls.peer": {"tls": {"peer": "Off"}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_as_the_user_wrote_it(name: str) -> None:
    changed = a_spec(**CHANGES[name])
    assert changed_since(made_from(SPEC), changed) == (name,)
    assert changed_since(made_from(changed), SPEC) == (name,)


def test_every_setting_of_a_pod_is_known_by_a_change_of_it() -> None:
    assert set(json.loads(made_from(SPEC))) == set(CHANGES)


def test_all_changes_are_named() -> None:
    changed = a_spec(**CHANGES["resources"], **CHANGES["etcd.quota"])
    assert changed_since(made_from(SPEC), changed) == ("etcd.quota", "resources")


def test_what_does_not_reach_a_pod_is_no_change_of_it() -> None:
    same = a_spec(replicas=5, paused=True, storage={"size": "9Gi"}, recovery={"replaceAfter": "1h"})
    assert changed_since(made_from(SPEC), on_volume(same, 8)) == ()


def on_volume(spec: ClusterSpec, gibibytes: int) -> ClusterSpec:
    """The spec on a volume of so many GiB."""
    return replace(spec, storage=replace(spec.storage, holds=gibibytes * 2**30))


def test_a_quota_that_follows_the_volume_changes_when_the_volume_has_grown() -> None:
    grown = a_spec(storage={"size": "16Gi"})
    assert changed_since(made_from(on_volume(SPEC, 8)), on_volume(grown, 16)) == ("etcd.quota",)
    assert changed_since(made_from(on_volume(SPEC, 8)), on_volume(SPEC, 9)) == ()
    huge = a_spec(storage={"size": "40Gi"})
    assert changed_since(made_from(on_volume(huge, 20)), on_volume(huge, 40)) == ()
    written = a_spec(etcd={"quota": "4Gi"}), a_spec(etcd={"quota": "4Gi"}, storage={"size": "16Gi"})
    assert changed_since(made_from(on_volume(written[0], 8)), on_volume(written[1], 16)) == ()


def test_a_quota_waits_for_a_volume_that_has_room_for_it() -> None:
    before = on_volume(a_spec(etcd={"quota": "4Gi"}), 8)
    asked = a_spec(etcd={"quota": "10Gi"}, storage={"size": "16Gi"})
    assert changed_since(made_from(before), on_volume(asked, 8)) == ()
    assert changed_since(made_from(before), on_volume(asked, 16)) == ("etcd.quota",)
    made_meanwhile = made_from(on_volume(asked, 8))
    assert changed_since(made_meanwhile, on_volume(asked, 8)) == ()
    assert changed_since(made_meanwhile, on_volume(asked, 16)) == ("etcd.quota",)
    assert changed_since(made_from(on_volume(asked, 16)), on_volume(asked, 16)) == ()


def test_the_order_of_labels_is_no_change() -> None:
    one, other = a_spec(pod={"labels": {"a": "1", "b": "2"}}), a_spec(pod={"labels": {"b": "2", "a": "1"}})
    assert changed_since(made_from(one), other) == ()


def test_what_another_operator_knew_or_did_not_know_is_no_change() -> None:
    written = json.loads(made_from(SPEC))
    del written["etcd.quota"]
    assert changed_since(json.dumps({**written, "etcd.novelty": True}), SPEC) == ()


@pytest.mark.parametrize("written", ["", "of oak", "[]", "3", "null"])
def test_of_a_pod_without_what_an_operator_wrote_nobody_knows_what_it_was_made_from(written: str) -> None:
    assert changed_since(written, SPEC) == (MADE_FROM,)
