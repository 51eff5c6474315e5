"""The Pod of a member."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator import startcheck
from etcd_operator.resources.pod import FirstStart, Restart, StartCheckImage, start_command
from etcd_operator.resources.settings import MADE_FROM, made_from
from etcd_operator.resources.start import ClusterState
from tests.unit.resources.build import FIRST_START, GATE, IDENTITY, MEMBER, container, pod, spec

if TYPE_CHECKING:
    from pathlib import Path

    from etcd_operator.api.cluster import Json

CONTAINERS = ["etcd-version", "start-check", "etcd"]
OTHERS = ("orders-bbbbb", "orders-ccccc")
NEWCOMER = FirstStart(ClusterState.EXISTING, ask=OTHERS, cluster_id=0x11C0C2F34659C362)
INSPECTED = Restart(inspect=True)
PEER_FILES = {"peer.crt", "peer.key", "peer-ca.crt"}


def environment(body: Json) -> dict[str, Any]:
    return {variable["name"]: variable for variable in body.get("env", ())}


def test_a_newcomers_image_is_tried_before_it_stands_at_the_gate_and_etcd_comes_last() -> None:
    body = pod(start=NEWCOMER)["spec"]
    assert [entry["name"] for entry in (*body["initContainers"], *body["containers"])] == CONTAINERS


@pytest.mark.parametrize("start", [FIRST_START, INSPECTED], ids=["first", "inspected"])
def test_nobody_else_waits_for_a_trial_of_the_image(start: FirstStart | Restart) -> None:
    assert [entry["name"] for entry in pod(start=start)["spec"]["initContainers"]] == ["start-check"]


def test_a_member_that_starts_on_its_data_waits_for_nothing() -> None:
    assert pod(start=Restart())["spec"]["initContainers"] == []


def test_etcd_is_started_through_the_members_own_link_that_only_the_start_check_makes() -> None:
    for start in (FIRST_START, NEWCOMER, Restart(), INSPECTED):
        command = container(pod(start=start), "etcd")["command"]
        assert command == [start_command(MEMBER)] == ["/var/lib/etcd/data/member/start-orders-x7k2p"]


def test_a_panic_leaves_room_for_its_cause_in_what_kubernetes_keeps() -> None:
    assert environment(container(pod(start=Restart()), "etcd"))["GOTRACEBACK"]["value"] == "none"


def test_the_start_check_and_etcd_read_the_permission_of_a_first_start_from_the_members_secret() -> None:
    source = {"secretKeyRef": {"name": MEMBER, "key": "initial-cluster"}}
    for name in ("start-check", "etcd"):
        assert environment(container(pod(), name))["ETCD_INITIAL_CLUSTER"]["valueFrom"] == source
    assert "--initial-cluster=$(ETCD_INITIAL_CLUSTER)" in container(pod(), "start-check")["args"]


def test_a_later_pod_has_no_permission_at_all() -> None:
    body = pod(start=INSPECTED)
    for name in ("start-check", "etcd"):
        found = container(body, name)
        assert "ETCD_INITIAL_CLUSTER" not in environment(found)
        assert "--initial-cluster=none=http://none.invalid:2380" in found["args"]


def test_the_initial_cluster_is_never_both_a_flag_and_in_the_environment() -> None:
    for start in (FIRST_START, NEWCOMER, Restart()):
        etcd = container(pod(start=start), "etcd")
        flag = any(argument.startswith("--initial-cluster=") for argument in etcd["args"])
        assert flag != ("ETCD_INITIAL_CLUSTER" in environment(etcd))


@pytest.mark.parametrize("start", [FIRST_START, INSPECTED], ids=["first", "inspected"])
def test_a_start_check_that_asks_nobody_runs_alone_on_the_volume_and_sees_no_key(start: FirstStart | Restart) -> None:
    whole = pod(start=start)
    body = container(whole, "start-check")
    assert body["image"] == GATE.reference
    assert body["command"] == ["python3", "-I", "-m", "etcd_operator.startcheck"]
    assert [argument.partition("=")[0] for argument in body["args"]] == [
        "--name",
        "--data-dir",
        "--initial-cluster",
        "--etcd",
    ]
    assert [mount["name"] for mount in body["volumeMounts"]] == ["data"]
    assert [volume["name"] for volume in whole["spec"]["volumes"]] == ["data", "tls"]


def test_a_newcomer_asks_the_members_of_its_cluster_and_waits() -> None:
    assert container(pod(start=NEWCOMER), "start-check")["args"][4:] == [
        "--wait",
        "--ask=https://orders-bbbbb.shop.svc:2380,https://orders-ccccc.shop.svc:2380",
        "--peer-url=https://orders-x7k2p.shop.svc:2380",
        "--cluster-id=11c0c2f34659c362",
        "--peer-cert-file=/etc/etcd-operator/member/peer.crt",
        "--peer-key-file=/etc/etcd-operator/member/peer.key",
        "--peer-trusted-ca-file=/etc/etcd-operator/member/peer-ca.crt",
    ]


def test_a_first_member_asks_the_others_and_does_not_wait_for_a_cluster() -> None:
    args = container(pod(start=FirstStart(ClusterState.NEW, ask=OTHERS)), "start-check")["args"]
    assert "--ask=https://orders-bbbbb.shop.svc:2380,https://orders-ccccc.shop.svc:2380" in args
    assert "--wait" not in args
    assert not [argument for argument in args if argument.startswith("--cluster-id")]


def test_who_asks_sees_the_peer_certificate_and_no_other_key() -> None:
    body = pod(start=NEWCOMER)
    mounts = {mount["name"]: mount for mount in container(body, "start-check")["volumeMounts"]}
    assert set(mounts) == {"data", "peer-tls"}
    assert mounts["peer-tls"]["readOnly"] is True
    volume = next(volume for volume in body["spec"]["volumes"] if volume["name"] == "peer-tls")
    assert {item["key"] for item in volume["secret"]["items"]} == PEER_FILES
    assert volume["secret"]["secretName"] == MEMBER
    assert volume["secret"]["defaultMode"] == 0o440
    assert "peer-tls" not in {mount["name"] for mount in container(body, "etcd")["volumeMounts"]}


def test_peers_without_tls_are_asked_without() -> None:
    body = pod(start=NEWCOMER, tls={"client": "Mutual", "peer": "Off"})
    check = container(body, "start-check")
    assert "--ask=http://orders-bbbbb.shop.svc:2380,http://orders-ccccc.shop.svc:2380" in check["args"]
    assert not [argument for argument in check["args"] if argument.startswith("--peer-") and "file" in argument]
    assert [mount["name"] for mount in check["volumeMounts"]] == ["data"]
    assert [volume["name"] for volume in body["spec"]["volumes"]] == ["data", "tls"]


@pytest.mark.parametrize("peer", ["Mutual", "Off"])
@pytest.mark.parametrize("start", [FIRST_START, NEWCOMER, FirstStart(ClusterState.NEW, ask=OTHERS), INSPECTED], ids=str)
def test_the_start_check_understands_what_the_pod_tells_it(
    start: FirstStart | Restart, peer: str, tmp_path: Path
) -> None:
    args = container(pod(start=start, tls={"peer": peer}), "start-check")["args"]
    data = next(argument for argument in args if argument.startswith("--data-dir"))
    permission = next(argument for argument in args if argument.startswith("--initial-cluster"))
    nobody = {data: f"--data-dir={tmp_path / 'data'}", permission: "--initial-cluster=none=http://none.invalid:2380"}
    arguments = [nobody.get(argument, argument) for argument in args]
    assert startcheck.main(arguments, termination_log=tmp_path / "message") is startcheck.ExitCode.DATA_LOST


def test_the_tag_of_etcds_image_is_its_version() -> None:
    body = pod(
        start=NEWCOMER, version="3.5.35", image={"repository": "registry.example:5000/etcd", "pullPolicy": "Always"}
    )
    for name in ("etcd", "etcd-version"):
        assert container(body, name)["image"] == "registry.example:5000/etcd:v3.5.35"
        assert container(body, name)["imagePullPolicy"] == "Always"


def test_pull_secrets_are_the_users_and_the_start_checks_each_once() -> None:
    gate = StartCheckImage(reference="r", pull_policy="Always", pull_secrets=("ours", "both"))
    body = pod(gate=gate, image={"pullSecrets": [{"name": "theirs"}, {"name": "both"}]})
    assert body["spec"]["imagePullSecrets"] == [{"name": "theirs"}, {"name": "both"}, {"name": "ours"}]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_meets_the_restricted_pod_security_standard(name: str) -> None:
    body = pod(start=NEWCOMER)
    assert container(body, name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert body["spec"]["securityContext"]["runAsNonRoot"] is True
    assert body["spec"]["securityContext"]["runAsUser"] == 65532
    assert body["spec"]["securityContext"]["fsGroup"] == 65532
    assert body["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_a_member_gets_neither_a_token_nor_the_variables_of_services() -> None:
    body = pod()["spec"]
    assert body["automountServiceAccountToken"] is False
    assert body["enableServiceLinks"] is False


@pytest.mark.parametrize("name", CONTAINERS)
def test_init_containers_ask_for_no_more_than_etcd(name: str) -> None:
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    assert container(pod(start=NEWCOMER, resources=resources), name)["resources"] == resources


def test_the_volumes_are_the_claim_and_the_files_of_the_tls_mode() -> None:
    data, tls = pod()["spec"]["volumes"]
    assert data["persistentVolumeClaim"] == {"claimName": MEMBER}
    assert tls["secret"]["secretName"] == MEMBER
    assert tls["secret"]["defaultMode"] == 0o440
    files = {item["key"] for item in tls["secret"]["items"]}
    assert files == {"peer.crt", "peer.key", "peer-ca.crt", "server.crt", "server.key", "client-ca.crt"}


@pytest.mark.parametrize("client", ["Mutual", "Server", "Off"])
@pytest.mark.parametrize("peer", ["Mutual", "Off"])
def test_every_file_on_the_command_line_is_mounted(client: str, peer: str) -> None:
    body = pod(tls={"client": client, "peer": peer})
    etcd, prefix = container(body, "etcd"), "/etc/etcd-operator/member/"
    wanted = {argument.partition("=")[2] for argument in etcd["args"] if f"={prefix}" in argument}
    mounts = {mount["name"]: mount["mountPath"] for mount in etcd["volumeMounts"]}
    found = {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in body["spec"]["volumes"]
        for item in volume.get("secret", {}).get("items", ())
    }
    assert wanted <= found
    assert bool(found) == (client != "Off" or peer != "Off")


def test_no_probe_but_readiness_depends_on_a_quorum() -> None:
    etcd = container(pod(), "etcd")
    paths = {probe: etcd[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert {etcd[probe]["httpGet"]["port"] for probe in paths} == {2381}


@pytest.mark.parametrize(("election_ms", "seconds"), [(1000, 3), (250, 2), (5000, 11)])
def test_readiness_waits_as_long_as_an_election_may_take(election_ms: int, seconds: int) -> None:
    probe = container(pod(etcd={"electionMs": election_ms}), "etcd")["readinessProbe"]
    assert probe["timeoutSeconds"] == seconds


def test_members_wish_to_be_apart_on_nodes_and_in_zones_but_need_not_be() -> None:
    body = pod()["spec"]
    (wish,) = body["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    own = {"matchLabels": {"etcd-operator.dev/cluster-uid": IDENTITY.uid}}
    assert wish["podAffinityTerm"] == {"labelSelector": own, "topologyKey": "kubernetes.io/hostname"}
    (spread,) = body["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    assert spread["labelSelector"] == own


def test_what_the_user_says_about_placement_replaces_the_wish() -> None:
    user = {
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [],
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "priorityClassName": "high",
    }
    body = pod(pod=user)["spec"]
    assert {key: body[key] for key in user} == user


def test_the_users_labels_and_annotations_are_kept_and_ours_win() -> None:
    labels = {"team": "shop", "app.kubernetes.io/name": "other", "etcd-operator.dev/member": "another"}
    about = pod(pod={"labels": labels, "annotations": {"note": "hello"}})["metadata"]
    assert about["labels"]["team"] == "shop"
    assert about["labels"]["app.kubernetes.io/name"] == "etcd"
    assert about["labels"]["etcd-operator.dev/member"] == MEMBER
    assert about["annotations"]["note"] == "hello"


def test_no_label_of_the_user_lets_clients_in() -> None:
    labels = pod(pod={"labels": {"etcd-operator.dev/role": "voter"}})["metadata"]["labels"]
    assert "etcd-operator.dev/role" not in labels


def test_a_pod_knows_what_it_was_made_from_however_the_member_started_and_whatever_checks_it() -> None:
    other = replace(GATE, reference="example.com/etcd-operator:2", pull_policy="Always", pull_secrets=("new",))
    for start in (FIRST_START, FirstStart(ClusterState.NEW, ask=OTHERS), NEWCOMER, Restart(), INSPECTED):
        for gate in (GATE, other):
            assert pod(start=start, gate=gate)["metadata"]["annotations"][MADE_FROM] == made_from(spec())
