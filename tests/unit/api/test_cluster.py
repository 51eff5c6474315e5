"""The typed view holds what was written, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import (
    ClientTLS,
    ClusterSpec,
    Json,
    OnDelete,
    OnScaleIn,
    PeerTLS,
    duration,
    duration_text,
)
from etcd_operator.api.conditions import BlockReason, ConditionType, Phase, Reason
from tests.builders import a_spec, spec_json


def test_every_field_of_the_spec_is_read() -> None:
    affinity: Json = {"nodeAffinity": {}}
    spread: Json = {"maxSkew": 1}
    spec = a_spec(
        replicas=5,
        version="3.7.3",
        image={"pullPolicy": "Always", "pullSecrets": [{"name": "registry"}]},
        storage={"size": "20Gi", "className": "fast", "onDelete": "Delete"},
        pod={
            "labels": {"team": "a"},
            "annotations": {"note": "b"},
            "nodeSelector": {"disk": "ssd"},
            "affinity": affinity,
            "tolerations": [{"key": "c"}],
            "topologySpreadConstraints": [spread],
            "priorityClassName": "high",
        },
        etcd={"quota": "8Gi", "extraArgs": {"max-request-bytes": "1"}},
        tls={"client": "Server", "peer": "Off"},
        allowUnsafeVersion=True,
        paused=True,
    )
    assert (spec.replicas, spec.version, spec.paused, spec.allow_unsafe_version) == (5, "3.7.3", True, True)
    assert (spec.image.pull_policy, spec.image.pull_secrets) == ("Always", ("registry",))
    assert (spec.storage.size, spec.storage.class_name, spec.storage.on_delete) == ("20Gi", "fast", OnDelete.DELETE)
    assert (spec.pod.labels, spec.pod.annotations, spec.pod.node_selector) == (
        {"team": "a"},
        {"note": "b"},
        {"disk": "ssd"},
    )
    assert (spec.pod.affinity, spec.pod.tolerations) == (affinity, ({"key": "c"},))
    assert (spec.pod.topology_spread_constraints, spec.pod.priority_class_name) == ((spread,), "high")
    assert (spec.etcd.quota, spec.etcd.extra_args) == ("8Gi", {"max-request-bytes": "1"})
    assert (spec.tls.client, spec.tls.peer) == (ClientTLS.SERVER, PeerTLS.OFF)


def test_a_size_may_be_a_number() -> None:
    assert a_spec(storage={"size": 8589934592}, etcd={"quota": 2147483648}).storage.size == "8589934592"


def test_no_constraint_and_no_word_about_constraints_are_different_wishes() -> None:
    assert a_spec().pod.topology_spread_constraints is None
    assert a_spec(pod={"topologySpreadConstraints": []}).pod.topology_spread_constraints == ()


@pytest.mark.parametrize("missing", sorted(spec_json()))
def test_a_definition_without_the_defaults_is_an_error_that_names_the_field(missing: str) -> None:
    spec = spec_json()
    del spec[missing]
    with pytest.raises(KeyError, match=missing):
        ClusterSpec.parse(spec)


def test_a_word_that_the_definition_would_refuse_is_an_error() -> None:
    with pytest.raises(ValueError, match="Sometimes"):
        a_spec(tls={"client": "Sometimes"})


def test_the_spec_has_a_field_for_everything_that_is_written() -> None:
    assert {field.name.replace("_", "") for field in fields(ClusterSpec)} == {name.lower() for name in spec_json()}


@pytest.mark.parametrize("word", [*ConditionType, *Phase, *Reason, *BlockReason])
def test_every_word_of_the_status_is_one_that_kubernetes_takes_as_a_reason(word: str) -> None:
    assert word.isalpha()
    assert word[0].isupper()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("2h0m5s", 7205), ("0s", 0), ("600m", 36000)],
)
def test_a_time_is_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m5", "5s3m", "1.5h", "-5m", "5M", "5d", "5m\n"])
def test_what_is_no_time_is_an_error_that_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write hours, minutes and seconds"):
        duration(text)


def test_a_node_may_be_away_for_five_minutes_unless_the_user_says_otherwise() -> None:
    assert a_spec().recovery.replace_after == timedelta(minutes=5)
    assert a_spec(recovery={"replaceAfter": "1h30m"}).recovery.replace_after == timedelta(minutes=90)


@pytest.mark.parametrize("policy", list(OnScaleIn))
def test_the_user_says_what_becomes_of_the_claim_of_a_member_that_leaves(policy: OnScaleIn) -> None:
    assert a_spec(storage={"onScaleIn": str(policy)}).storage.on_scale_in is policy
    assert a_spec().storage.on_scale_in is OnScaleIn.DELETE


@pytest.mark.parametrize("text", ["5m", "1h30m", "90s", "2h", "1m1s"])
def test_a_time_is_told_as_it_is_written(text: str) -> None:
    told = duration_text(duration(text))
    assert duration(told) == duration(text)
    assert told == {"90s": "1m30s"}.get(text, text)
