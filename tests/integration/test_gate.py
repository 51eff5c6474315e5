"""The gate on real etcd: what docs/adr/0006-gate.md relies on, with the Pods as we render them and mutual TLS."""

from __future__ import annotations

import shutil
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from docker.errors import APIError

from e2e.cluster.waiting import until
from etcd_operator import gate
from etcd_operator.resources import names
from etcd_operator.resources.pod import ClusterState, FirstStart, Restart, member_pod
from etcd_operator.startcheck import ExitCode
from tests.integration import rendered
from tests.integration.etcd_servers import until as answer
from tests.integration.rendered import MEMBERS, NEW, WITHIN, Cluster, agreed_list, others, read, write
from tests.unit.resources.build import GATE, IDENTITY

if TYPE_CHECKING:
    from etcd_operator.etcd.grpc_client import GrpcEtcdClient
    from tests.integration.kubelet import Running

version, kubelet, cluster, client = rendered.version, rendered.kubelet, rendered.cluster, rendered.client

NEWCOMER = "orders-fffff"
ABSENT = "waiting to be listed as a member"
UNCONFIRMED = "listed as not started; waiting for a quorum to confirm it"


def begin(cluster: Cluster, member: str, start: FirstStart) -> Running:
    """Start the member's Pod as far as its start check."""
    running = cluster.kubelet.create(member_pod(IDENTITY, cluster.spec, member, start=start, gate=GATE))
    running.begin_start_check()
    return running


def stands_at_gate(running: Running, words: str) -> None:
    """Return when the start check says that, and fails if it does not wait."""
    said = [f"{running.name}: {words}"]
    until(lambda: running.start_check_log()[-1:] == said, f"{running.name} says {words}", seconds=WITHIN)
    assert running.at_gate


async def test_a_newcomer_joins_when_it_is_added_and_stays_at_the_gate_once_it_is_removed(
    cluster: Cluster, client: GrpcEtcdClient
) -> None:
    members = [begin(cluster, member, FirstStart(ClusterState.NEW, ask=others(member))) for member in MEMBERS]
    for member in members:
        assert member.await_start_check() is ExitCode.PASSED
        member.run_etcd()
    # A busy machine may hold up one of them; what they wait for would hold up all.
    assert min(member.start_check_seconds for member in members) < gate.PATIENCE
    for member in members:
        member.await_probe("/readyz")
    at = cluster.endpoint(members[0])
    cluster_id = (await agreed_list(client, at)).cluster_id
    await write(client, at)

    cluster.permit([NEWCOMER], newcomers=[NEWCOMER])
    joining = FirstStart(ClusterState.EXISTING, ask=MEMBERS, cluster_id=cluster_id)
    newcomer = begin(cluster, NEWCOMER, joining)
    stands_at_gate(newcomer, ABSENT)

    url = names.peer_url(IDENTITY, NEWCOMER, cluster.spec.tls)
    learner = await answer(partial(client.member_add, at, url, learner=True, within=WITHIN))
    assert newcomer.await_start_check() is ExitCode.PASSED
    newcomer.run_etcd()
    promoted = await answer(partial(client.member_promote, at, learner.id, within=WITHIN))
    assert [member.is_learner for member in promoted.members if member.id == learner.id] == [False]
    newcomer.await_probe("/readyz")
    assert await read(client, cluster.endpoint(newcomer)) == b"value"

    newcomer.stop()
    newcomer.empty_the_volume()
    assert newcomer.run_start_check() is ExitCode.DATA_LOST
    await answer(partial(client.member_remove, at, learner.id, within=WITHIN))
    newcomer.begin_start_check()
    stands_at_gate(newcomer, ABSENT)
    began = time.monotonic()
    assert newcomer.end_start_check() == 128 + signal.SIGTERM
    assert time.monotonic() - began < WITHIN


def test_an_emptied_member_does_not_start_though_it_has_its_permission(cluster: Cluster) -> None:
    member = cluster.form()[0]
    cluster.permit(MEMBERS)
    member.stop()
    member.empty_the_volume()
    for state in ClusterState:
        emptied = cluster.start(member.name, FirstStart(state, ask=others(member.name)))
        assert emptied.verdict is ExitCode.DATA_LOST
        assert emptied.message is not None
        assert "etcd lists it as started" in emptied.message.message
        assert not list(emptied.volume.iterdir())


def test_what_a_member_remembers_after_a_power_cut_does_not_let_an_emptied_one_start(cluster: Cluster) -> None:
    emptied, one, two = cluster.form()
    cluster.permit(MEMBERS)
    for member in (emptied, one, two):
        member.remove()
    emptied.empty_the_volume()
    one.run_etcd()
    one.await_probe("/livez")
    joining = begin(cluster, emptied.name, FirstStart(ClusterState.EXISTING, ask=others(emptied.name)))
    until(lambda: bool(joining.start_check_log()), "it has an answer", seconds=WITHIN)
    # 3.5 and 3.7 list every member as not started until a quorum tells them otherwise.
    two.run_etcd()
    assert joining.await_start_check() is ExitCode.DATA_LOST


def test_a_member_does_not_start_on_the_volume_of_another(cluster: Cluster) -> None:
    owner = cluster.start(MEMBERS[0], NEW)
    owner.await_probe("/livez")
    owner.stop()
    inspected = member_pod(IDENTITY, cluster.spec, MEMBERS[1], start=Restart(inspect=True), gate=GATE)
    other = cluster.kubelet.create(inspected)
    shutil.copytree(owner.volume, other.volume, symlinks=True, dirs_exist_ok=True)
    assert other.run_start_check() is ExitCode.DATA_LOST
    assert other.message is not None
    assert other.message.message == f"the volume of {other.name} holds the data of {owner.name}"
    with pytest.raises(APIError, match="no such file or directory"):
        cluster.start(other.name, Restart())
    assert owner.run_start_check() is ExitCode.PASSED


def test_without_a_quorum_nobody_knows_whether_a_member_has_started(cluster: Cluster) -> None:
    first, second = (cluster.start(member, NEW) for member in MEMBERS[:2])
    for member in (first, second):
        member.await_probe("/readyz")
    second.stop()
    late = begin(cluster, MEMBERS[2], FirstStart(ClusterState.NEW, ask=others(MEMBERS[2])))
    stands_at_gate(late, UNCONFIRMED)
    second.run_etcd()
    assert late.await_start_check() is ExitCode.PASSED
    late.run_etcd()
    late.await_probe("/readyz")
