"""Every rule that judges an EtcdCluster by itself: what is refused, and the sentence that says what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.etcd.versions import NEWEST, PREFIX, SPELLINGS, Version, flags_for, knows_flag
from tests.integration.api.objects import cluster
from tests.integration.apiserver import RefusedError

if TYPE_CHECKING:
    from tests.integration.api.objects import Clusters


def extra(*flags: str) -> dict[str, Any]:
    return {"etcd": {"extraArgs": dict.fromkeys(flags, "1")}}


def limits(**values: str) -> dict[str, Any]:
    return {"resources": {"limits": values}}


def requests(**values: str) -> dict[str, Any]:
    return {"resources": {"requests": values}}


def compaction(mode: str, retention: str) -> dict[str, Any]:
    return {"etcd": {"autoCompaction": {"mode": mode, "retention": retention}}}


CERTIFICATES = "the operator makes the certificates and gives them to etcd; remove it, and write spec.tls"
PROCESS = "the operator gives each member its name, addresses, data directory and way to start; remove it"
SAFETY = "the operator sets what keeps the data and the quorum safe; remove it"
LOGS = "etcd logs to standard error, where kubectl logs and the operator read it; remove it"

OWNED_FLAGS = [
    *((flag, CERTIFICATES) for flag in (
        "cert-file", "key-file", "trusted-ca-file", "auto-tls", "self-signed-cert-validity",
        "client-cert-auth", "client-cert-file", "client-key-file", "client-crl-file", "client-cert-allowed-hostname",
        "peer-cert-file", "peer-key-file", "peer-trusted-ca-file", "peer-client-cert-auth", "peer-client-cert-file",
        "peer-client-key-file", "peer-cert-allowed-cn", "peer-cert-allowed-hostname", "peer-auto-tls", "peer-crl-file",
        "peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification",
    )),
    *((flag, PROCESS) for flag in (
        "name", "data-dir", "wal-dir", "config-file", "help", "version",
        "initial-cluster", "initial-cluster-state", "initial-cluster-token", "initial-advertise-peer-urls",
        "initial-election-tick-advance", "listen-client-urls", "listen-peer-urls", "listen-metrics-urls",
        "listen-client-http-urls", "advertise-client-urls", "discovery", "discovery-srv", "discovery-token",
        "proxy", "proxy-refresh-interval", "socket-reuse-port", "socket-reuse-address",
    )),
    *((flag, SAFETY) for flag in (
        "force-new-cluster", "unsafe-no-fsync", "strict-reconfig-check", "pre-vote", "max-learners", "feature-gates",
        "auth-token", "enable-v2", "v2-deprecation", "experimental-initial-corrupt-check",
        "experimental-compact-hash-check-enabled", "experimental-enable-v2v3",
    )),
    *((flag, LOGS) for flag in ("logger", "log-outputs", "enable-log-rotation", "log-rotation-config-json")),
]  # fmt: skip

FIELDS_OF_FLAGS = [
    ("quota-backend-bytes", "quota-backend-bytes: write spec.etcd.quota instead"),
    ("auto-compaction-mode", "write spec.etcd.autoCompaction instead"),
    ("auto-compaction-retention", "write spec.etcd.autoCompaction instead"),
    ("snapshot-count", "snapshot-count: write spec.etcd.snapshotCount instead"),
    ("heartbeat-interval", "heartbeat-interval: write spec.etcd.heartbeatMs instead"),
    ("election-timeout", "election-timeout: write spec.etcd.electionMs instead"),
]

EVEN = (
    "spec.replicas: Invalid value: {}: write 1, 3, 5 or 7, or 0 to stop all members and keep their volumes: an even "
    "number adds risk and no tolerance"
)
VERSION = "write etcd's version in full and without v, such as 3.6.16"
MINOR = "this operator runs etcd 3.5, 3.6 and 3.7: write a version of one of them"
REPOSITORY = "write the repository without tag and digest, such as gcr.io/etcd-development/etcd"
NO_REPOSITORY = "this is not the name of an image repository: write it as registry/path in lower case, without scheme"
SIZE = "write a size in bytes as a Kubernetes quantity, such as 8Gi"
CORES = "write a number of cores as a Kubernetes quantity, such as 500m or 2"
BYTES = "write bytes as a Kubernetes quantity, such as 2Gi"
QUOTA = "spec.etcd.quota: Invalid value: {}: write auto, or at least 16Mi, in bytes as a Kubernetes quantity"
PERIODIC = "in mode Periodic, write for how long etcd keeps the history, such as 1h or 30m"
REVISION = 'in mode Revision, write how many revisions etcd keeps, in quotes, such as "10000"'
FLAG_NAME = 'write the name of each flag in lower case, without leading dashes and without "="'
OWN_KEY = "keys under etcd-operator.dev/ and app.kubernetes.io/ are the operator's own: write a key of your own domain"
KEY = 'a key is at most 63 letters, digits, "-", "_" and ".", after an optional domain and "/"'
VALUE = 'a value is at most 63 letters, digits, "-", "_" and ".", and begins and ends with a letter or digit'

AWAY = "spec.recovery.replaceAfter: Invalid value: {}: write hours, minutes and seconds, such as 5m or 1h30m"

REFUSED = [
    *(({"replicas": number}, EVEN.format(number)) for number in (-1, 2, 4, 6, 8, 9)),
    ({"replicas": None}, "spec.replicas: Required value"),
    ({"version": None}, "spec.version: Required value"),
    *(({"version": text}, VERSION) for text in ("v3.6.16", "3.6", "3.6.16-rc.0", "3.06.1", "latest", "", "3.6.16 ")),
    *(({"version": text}, MINOR) for text in ("3.4.37", "3.8.0", "4.0.0", "2.3.8", "3.60.1")),
    *(({"version": text}, "write a newer one, such as 3.5.35") for text in ("3.5.0", "3.5.9", "3.5.10")),
    *(({"image": {"repository": text}}, REPOSITORY) for text in (
        "quay.io/coreos/etcd:v3.6.16", "etcd:v3.6.16", "localhost:5000/etcd:latest",
        "quay.io/coreos/etcd@sha256:4ad90a11b55313b182afc186b9876c8e891531b8db4c9bf1541953021618d0e2",
    )),
    *(({"image": {"repository": text}}, NO_REPOSITORY) for text in (
        "https://quay.io/coreos/etcd", "quay.io/CoreOS/etcd", "quay.io/coreos/etcd/", " etcd", "",
    )),
    ({"image": {"pullPolicy": "Sometimes"}}, 'Unsupported value: "Sometimes"'),
    ({"image": {"pullSecrets": [{"name": "a"}, {"name": "a"}]}}, "Duplicate value"),
    *(({"storage": {"size": size}}, SIZE) for size in ("big", "8 Gi", "0", "-1Gi", 0)),
    ({"storage": {"size": "2Gi"}, "etcd": {"quota": "2Gi"}}, "the volume must be larger than etcd's quota"),
    ({"storage": {"size": "8Gi"}, "etcd": {"quota": "8Gi"}}, "write at least twice the quota, a smaller quota, or"),
    ({"storage": {"size": "31Mi"}}, "etcd.quota auto is half of the volume and at least 16Mi: write 32Mi or more"),
    ({"storage": {"resize": "Shrink"}}, 'spec.storage.resize: Unsupported value: "Shrink"'),
    ({"storage": {"onDelete": "Keep"}}, 'Unsupported value: "Keep"'),
    ({"storage": {"onScaleIn": "Keep"}}, 'spec.storage.onScaleIn: Unsupported value: "Keep": supported values: '),
    *(({"recovery": {"replaceAfter": text}}, AWAY.format(f'"{text}"')) for text in (
        "", "5", "0", "0s", "0h0m", "-5m", "5 m", "5min", "1d", "30m1h", "1.5h", "5M", "99999m",
    )),
    ({"recovery": {"replaceAfter": 300}}, 'spec.recovery.replaceAfter: Invalid value: "integer"'),
    ({"storage": {"className": ""}}, "spec.storage.className: Invalid value"),
    *((requests(cpu=text), CORES) for text in ("two", "-1")),
    *((requests(memory=text), BYTES) for text in ("2 GB", "-1Gi")),
    *((limits(cpu=text), CORES) for text in ("two", "0")),
    *((limits(memory=text), BYTES) for text in ("2 GB", "0")),
    (limits(cpu="100m"), "the limit is below resources.requests.cpu (250m where it is not written)"),
    (limits(memory="256Mi"), "the limit is below resources.requests.memory (512Mi where it is not written)"),
    *(({"etcd": {"quota": quota}}, QUOTA.format(shown)) for quota, shown in (
        ("lots", '"lots"'), ("0", '"0"'), ("-2Gi", '"-2Gi"'), ("15Mi", '"15Mi"'), (1024, "1024"),
        ("16777216.5", '"16777216.5"'),
    )),
    *((compaction("Periodic", text), PERIODIC) for text in ("10000", "0", "0h", "", "1d", "1 h", "-1h")),
    *((compaction("Revision", text), REVISION) for text in ("1h", "0", "", "-1", "1e4")),
    ({"etcd": {"heartbeatMs": 100, "electionMs": 499}}, "write at least five times etcd.heartbeatMs, better ten times"),
    ({"etcd": {"heartbeatMs": 201}}, "the election timeout (1000 where it is not written) is shorter than five"),
    ({"etcd": {"electionMs": 499}}, "is shorter than five heartbeats (100)"),
    ({"etcd": {"heartbeatMs": 300}, "version": "3.5.35"}, "etcd does not start when the election timeout"),
    ({"etcd": {"electionMs": 50001}}, "should be less than or equal to 50000"),
    ({"etcd": {"snapshotCount": 0}}, "should be greater than or equal to 100"),
    *((extra(flag), FLAG_NAME) for flag in (
        "--max-request-bytes", "-max-request-bytes", "max-request-bytes=1", "Max-Request-Bytes", "max_request_bytes",
        "", "max-request-bytes ", "max-\nrequest-bytes", "a" * 101,
    )),
    *((extra(flag), sentence) for flag, sentence in FIELDS_OF_FLAGS),
    *((extra(flag), f"spec.etcd.extraArgs: Invalid value: {flag}: {sentence}") for flag, sentence in OWNED_FLAGS),
    ({"tls": {"client": "On"}}, 'Unsupported value: "On"'),
    ({"tls": {"peer": "Server"}}, 'Unsupported value: "Server"'),
    *(({"pod": {field: {key: "a"}}}, OWN_KEY) for field in ("labels", "annotations") for key in (
        "etcd-operator.dev/cluster", "member.etcd-operator.dev/x", "app.kubernetes.io/name",
    )),
    *(({"pod": {field: {key: "a"}}}, KEY) for field in ("labels", "annotations") for key in (
        "", "a b", "-a", "example.com/", "Example.com/a", "a" * 64,
    )),
    *(({"pod": {"labels": {"team": value}}}, VALUE) for value in ("storage team", "-storage")),
    ({"pod": {"tolerations": [{"operator": "Equals"}]}}, 'Unsupported value: "Equals"'),
    ({"pod": {"topologySpreadConstraints": [{"maxSkew": 1}]}}, "topologyKey: Required value"),
]  # fmt: skip

UNKNOWN_FIELDS = [
    ({"replica": 3}, 'unknown field "spec.replica"'),
    ({"image": {"tag": "v3.6.16"}}, 'unknown field "spec.image.tag"'),
    ({"recovery": {"after": "5m"}}, 'unknown field "spec.recovery.after"'),
    ({"storage": {"storageClassName": "fast"}}, 'unknown field "spec.storage.storageClassName"'),
    ({"resources": {"requests": {"memroy": "1Gi"}}}, 'unknown field "spec.resources.requests.memroy"'),
    ({"pod": {"affinity": {"nodeAffinty": {}}}}, 'unknown field "spec.pod.affinity.nodeAffinty"'),
    ({"etcd": {"quotaBytes": 1}}, 'unknown field "spec.etcd.quotaBytes"'),
]

SERVICE_NAME = "write it with lower case letters, digits and dashes only, beginning with a letter"


@pytest.mark.parametrize(
    ("change", "sentence"), [pytest.param(*row, id=str(row[0])) for row in REFUSED + UNKNOWN_FIELDS]
)
def test_a_wrong_cluster_is_refused_with_a_sentence(clusters: Clusters, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        clusters.create(cluster(change))
    assert sentence in refusal.value.message


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("1orders", SERVICE_NAME),
        ("orders.eu", SERVICE_NAME),
        ("a" * 53, "a cluster's name may have at most 52 characters"),
    ],
)
def test_a_name_that_cannot_be_that_of_a_service_is_refused(clusters: Clusters, name: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        clusters.create(cluster(name=name))
    assert sentence in refusal.value.message


FLAGS_BY_VERSION = [
    pytest.param(version, flag, id=f"{version}-{flag}")
    for version in NEWEST.values()
    for setting in SPELLINGS
    for flag in (setting, PREFIX + setting)
]


def way_out(version: Version, flag: str) -> str:
    """What the refusal of a flag of the table says to write instead."""
    setting = flag.removeprefix(PREFIX)
    if instead := flags_for(setting, version):
        return f": write {instead[0]}"
    if not SPELLINGS[setting].plain:
        return ": in 3.7 that is a feature gate only, and the operator sets those; remove it"
    return ", and has no other in its place: remove it"


@pytest.mark.parametrize(("version", "flag"), FLAGS_BY_VERSION)
def test_a_flag_is_taken_by_the_versions_that_know_it_and_refused_for_others_with_its_successor(
    clusters: Clusters, version: Version, flag: str
) -> None:
    manifest = cluster({"version": str(version), **extra(flag)})
    if knows_flag(version, flag):
        clusters.create(manifest)
        return
    with pytest.raises(RefusedError) as refusal:
        clusters.create(manifest)
    assert refusal.value.message.endswith(
        f": spec.etcd.extraArgs: Invalid value: etcd {version} does not know the flag {flag} and does not start with it"
        f"{way_out(version, flag)}"
    )


@pytest.mark.parametrize("version", NEWEST.values(), ids=str)
@pytest.mark.parametrize("flag", ["experimental-no-such-flag", "experimental-max-txn-ops", "experimental-"])
def test_an_experimental_flag_that_no_version_knows_is_refused(clusters: Clusters, version: Version, flag: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        clusters.create(cluster({"version": str(version), **extra(flag)}))
    assert refusal.value.message.endswith(
        f": spec.etcd.extraArgs: Invalid value: etcd {version} does not know the flag {flag} and does not start with it"
        "; no version from 3.5 to 3.7 does: remove it"
    )


@pytest.mark.parametrize("version", NEWEST.values(), ids=str)
@pytest.mark.parametrize(
    ("flag", "sentence"), [(flag, sentence) for flag, sentence in OWNED_FLAGS if flag.startswith(PREFIX)]
)
def test_a_flag_of_the_operator_is_refused_with_one_sentence_whatever_the_version(
    clusters: Clusters, version: Version, flag: str, sentence: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        clusters.create(cluster({"version": str(version), **extra(flag)}))
    assert " is invalid: spec.etcd.extraArgs: " in refusal.value.message
    assert f"{flag}: {sentence}" in refusal.value.message


@pytest.mark.parametrize(
    ("before", "after", "flag", "instead"),
    [
        ("3.6.16", "3.7.3", "experimental-memory-mlock", {"memory-mlock": "1"}),
        ("3.6.16", "3.5.35", "memory-mlock", {"experimental-memory-mlock": "1"}),
        ("3.6.16", "3.7.3", "experimental-stop-grpc-service-on-defrag", {}),
        ("3.6.16", "3.5.35", "log-format", {}),
    ],
)
def test_a_change_of_the_version_is_judged_with_the_flags_that_are_there(
    clusters: Clusters, before: str, after: str, flag: str, instead: dict[str, str]
) -> None:
    name = clusters.name_of(clusters.create(cluster({"version": before, **extra(flag)})))
    with pytest.raises(RefusedError, match=f"etcd {after} does not know the flag {flag} and does not start with it"):
        clusters.patch(name, {"spec": {"version": after}})
    clusters.patch(name, {"spec": {"version": after, "etcd": {"extraArgs": {flag: None, **instead}}}})


def test_every_mistake_is_named_in_one_answer(clusters: Clusters) -> None:
    wrong = {"replicas": 2, "version": "v3.6.16", "etcd": {"electionMs": 300, **extra("data-dir", "pre-vote")["etcd"]}}
    with pytest.raises(RefusedError) as refusal:
        clusters.create(cluster(wrong))
    for field in ("spec.replicas:", "spec.version:", "spec.etcd.electionMs:", "data-dir:", "pre-vote:"):
        assert field in refusal.value.message


def test_a_cluster_without_spec_is_refused(clusters: Clusters) -> None:
    manifest = cluster()
    del manifest["spec"]
    with pytest.raises(RefusedError, match="spec: Required value"):
        clusters.create(manifest)
