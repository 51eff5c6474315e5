"""The start guard on real etcd: what docs/adr/0004-start-guard.md relies on, with the Pods as we render them."""

from __future__ import annotations

import http.client
import socket
import subprocess
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest
from docker.errors import APIError

from e2e.cluster import binaries
from e2e.cluster.waiting import until
from etcd_operator.resources import names
from etcd_operator.resources.flags import EVERY_ADDRESS
from etcd_operator.resources.pod import START_CHECK_CONTAINER, ClusterState, FirstStart, Restart, member_pod
from etcd_operator.startcheck import ExitCode
from tests.integration import rendered
from tests.integration.ports import free_ports
from tests.integration.rendered import ENCRYPTED, MEMBERS, NEW, WITHIN, Cluster, agreed_list, others, read, write
from tests.unit.resources.build import GATE, IDENTITY, container, spec

if TYPE_CHECKING:
    from pathlib import Path

    from etcd_operator.etcd.grpc_client import GrpcEtcdClient
    from tests.integration.kubelet import Kubelet

version, kubelet, cluster, client = rendered.version, rendered.kubelet, rendered.cluster, rendered.client

SERVER_ONLY, PLAIN = {"client": "Server", "peer": "Off"}, {"client": "Off", "peer": "Off"}
NO_LINK = r"/var/lib/etcd/data/member/start-orders-.*no such file or directory"
LATE = FirstStart(ClusterState.EXISTING, ask=others(MEMBERS[0]))


@pytest.mark.parametrize("tls", [ENCRYPTED, SERVER_ONLY, PLAIN], ids=lambda tls: f"{tls['client']}-{tls['peer']}")
async def test_members_form_one_cluster_and_come_back_with_their_data(
    kubelet: Kubelet, version: str, client: GrpcEtcdClient, tls: dict[str, str]
) -> None:
    cluster = Cluster(kubelet, spec(version=version, image={"repository": "localhost/etcd"}, tls=tls))
    members = cluster.form()
    before = await agreed_list(client, cluster.endpoint(members[0]))
    assert {member.name for member in before.members} == set(MEMBERS)
    await write(client, cluster.endpoint(members[0]))

    members[1].run_etcd()
    restarted = [members[1], cluster.start(MEMBERS[0], Restart()), cluster.start(MEMBERS[2], Restart())]
    for member in restarted:
        member.await_probe("/readyz")
        assert await read(client, cluster.endpoint(member)) == b"value"
    after = await agreed_list(client, cluster.endpoint(restarted[0]))
    assert after.cluster_id == before.cluster_id
    assert {member.id for member in after.members} == {member.id for member in before.members}


async def test_all_members_at_once_come_back_by_themselves(cluster: Cluster, client: GrpcEtcdClient) -> None:
    members = cluster.form()
    await write(client, cluster.endpoint(members[0]))
    for member in members:
        member.stop()
    for member in members:
        assert member.run_start_check() is ExitCode.PASSED
        member.run_etcd()
    for member in members:
        member.await_probe("/readyz")
        assert await read(client, cluster.endpoint(member)) == b"value"


def test_a_member_that_waits_for_its_peers_is_alive_and_not_ready(cluster: Cluster) -> None:
    alone = cluster.start(MEMBERS[0], NEW)
    alone.await_probe("/livez")
    status, answer = alone.probe("/readyz")
    assert status == http.client.SERVICE_UNAVAILABLE
    assert "[-]linearizable_read failed" in answer
    assert alone.probe("/livez")[0] == http.client.OK


def test_a_restart_in_place_on_an_emptied_volume_fails_in_the_kernel(cluster: Cluster) -> None:
    member = cluster.form()[0]
    member.stop()
    member.empty_the_volume()
    with pytest.raises(APIError, match=NO_LINK):
        member.run_etcd()


def test_a_new_sandbox_on_an_emptied_volume_ends_with_lost_data(cluster: Cluster) -> None:
    for member in cluster.form():
        member.stop()
        member.empty_the_volume()
        assert member.run_start_check() is ExitCode.DATA_LOST
        assert not list(member.volume.iterdir())
        with pytest.raises(APIError, match=NO_LINK):
            cluster.start(member.name, Restart())
        assert cluster.start(member.name, Restart(inspect=True)).verdict is ExitCode.DATA_LOST


@pytest.mark.parametrize("start", [NEW, Restart()], ids=["first", "later"])
def test_a_member_that_lost_only_its_log_exits_because_nothing_names_it(
    cluster: Cluster, start: FirstStart | Restart
) -> None:
    cluster.form()
    member = cluster.start(MEMBERS[0], start)
    member.await_probe("/readyz")
    member.stop()
    member.lose_the_log()
    if member.has_start_check:
        assert member.run_start_check() is ExitCode.DATA_LOST
    member.run_etcd()
    assert member.await_exit() != 0
    assert "couldn't find local name" in member.log()
    assert not list(member.member.glob("wal/*.wal"))


async def test_a_late_first_member_joins_the_cluster_that_the_others_formed(
    cluster: Cluster, client: GrpcEtcdClient
) -> None:
    others = [cluster.start(member, NEW) for member in MEMBERS[1:]]
    for member in others:
        member.await_probe("/readyz")
    formed = await agreed_list(client, cluster.endpoint(others[0]))
    late = cluster.start(MEMBERS[0], LATE)
    late.await_probe("/readyz")
    assert (await agreed_list(client, cluster.endpoint(late))).cluster_id == formed.cluster_id


def test_a_first_start_that_reached_no_peer_leaves_a_database_and_is_taken_up_again(cluster: Cluster) -> None:
    pod = member_pod(IDENTITY, cluster.spec, MEMBERS[0], start=LATE, gate=GATE)
    check = container(pod, START_CHECK_CONTAINER)
    check["args"] = check["args"][:4]  # as if the peers went away when the gate had opened
    late = cluster.kubelet.start(pod)
    assert late.await_exit() != 0
    assert (late.member / "snap" / "db").exists()
    assert not list(late.member.glob("wal/*.wal"))

    others = [cluster.start(member, NEW) for member in MEMBERS[1:]]
    for member in others:
        member.await_probe("/readyz")
    late = cluster.start(MEMBERS[0], LATE)
    assert late.verdict is ExitCode.PASSED
    late.await_probe("/readyz")


def test_without_any_initial_cluster_etcd_forms_a_cluster_of_one(cluster: Cluster) -> None:
    pod = member_pod(IDENTITY, cluster.spec, MEMBERS[0], start=NEW, gate=GATE)
    pod["spec"]["containers"][0]["env"] = []
    cluster.kubelet.start(pod).await_probe("/readyz")


def test_etcd_refuses_an_initial_cluster_that_is_both_a_flag_and_in_the_environment(cluster: Cluster) -> None:
    pod = member_pod(IDENTITY, cluster.spec, MEMBERS[0], start=NEW, gate=GATE)
    pod["spec"]["containers"][0]["args"].append(f"--initial-cluster={names.WITHDRAWN}")
    member = cluster.kubelet.start(pod)
    assert member.await_exit() != 0
    assert "conflicting environment variable" in member.log()


def test_etcd_listens_on_ipv6_too(version: str, tmp_path: Path) -> None:
    ports = free_ports(3)
    client, peer, metrics = (f"http://{EVERY_ADDRESS}:{port}" for port in ports)
    process = subprocess.Popen(
        [
            binaries.ensure("etcd", version=version),
            f"--data-dir={tmp_path / 'data'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls=http://localhost:{ports[0]}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls=http://localhost:{ports[1]}",
            f"--initial-cluster=default=http://localhost:{ports[1]}",
            f"--listen-metrics-urls={metrics}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for address in product(("127.0.0.1", "::1"), ports):
            until(partial(_accepts, address), f"etcd accepts connections at {address}", seconds=WITHIN)
    finally:
        process.kill()
        process.wait()


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
