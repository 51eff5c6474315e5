"""Clusters of rendered Pods, run with Docker: what the tests of the start guard and of the gate share.

Fixtures: `version` (each supported minor), `kubelet`, `cluster` (all encrypted) and `client`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from e2e.cluster import engine, images, versions
from etcd_operator import pki
from etcd_operator.api.cluster import ClientTLS, PeerTLS
from etcd_operator.etcd.client import Endpoint, MemberList, Tls
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.resources import names
from etcd_operator.resources import secret as keys
from etcd_operator.resources.ownership import member_labels
from etcd_operator.resources.pod import ClusterState, FirstStart, Restart, member_pod
from tests.integration.etcd_servers import until as answer
from tests.integration.kubelet import Kubelet, Running
from tests.unit.resources.build import GATE, IDENTITY, spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from etcd_operator.api.cluster import ClusterSpec

MEMBERS = ("orders-bbbbb", "orders-ccccc", "orders-ddddd")
NEW = FirstStart(ClusterState.NEW)
ENCRYPTED = {"client": "Mutual", "peer": "Mutual"}
WITHIN = 10.0


def others(member: str) -> tuple[str, ...]:
    """The other first members, whom `member` asks."""
    return tuple(other for other in MEMBERS if other != member)


class Cluster:
    """Three members as the operator makes them."""

    def __init__(self, kubelet: Kubelet, spec: ClusterSpec) -> None:
        now = datetime.now(UTC)
        self.kubelet, self.spec = kubelet, spec
        self.peer_ca = pki.new_ca("peers", fresh=pki.fresh(), now=now)
        self.client_ca = pki.new_ca("clients", fresh=pki.fresh(), now=now)
        self.application = pki.issue(self.client_ca, pki.Profile.CLIENT, common_name="shop", fresh=pki.fresh(), now=now)
        self.permit(MEMBERS)

    def permit(self, members: Iterable[str], *, newcomers: Iterable[str] = ()) -> None:
        """Give each member the permission of the first start in a cluster of the first members and `newcomers`."""
        permission = names.initial_cluster(IDENTITY, [*MEMBERS, *newcomers], self.spec.tls)
        for member in members:
            self._write(member, permission)

    def withdraw(self) -> None:
        """Take every permission back."""
        for member in MEMBERS:
            self._write(member, names.WITHDRAWN)

    def start(self, member: str, start: FirstStart | Restart) -> Running:
        """Start the member's Pod."""
        return self.kubelet.start(member_pod(IDENTITY, self.spec, member, start=start, gate=GATE))

    def form(self) -> list[Running]:
        """Start all at once, and withdraw the permissions when they have formed the cluster."""
        running = [self.start(member, NEW) for member in MEMBERS]
        for member in running:
            member.await_probe("/readyz")
        self.withdraw()
        return running

    def endpoint(self, running: Running) -> Endpoint:
        """How the operator calls the member."""
        tls = None
        if self.spec.tls.client is not ClientTLS.OFF:
            mutual = self.spec.tls.client is ClientTLS.MUTUAL
            tls = Tls(
                ca=self.client_ca.certificate,
                certificate=self.application.certificate if mutual else None,
                key=self.application.key if mutual else None,
                server_name=names.member_host(IDENTITY, running.name),
            )
        return Endpoint(running.name, f"{running.address}:{names.CLIENT_PORT}", tls)

    def _write(self, member: str, permission: str) -> None:
        now, data = datetime.now(UTC), {keys.INITIAL_CLUSTER: permission.encode()}
        if self.spec.tls.peer is not PeerTLS.OFF:
            peer_names = names.peer_names(IDENTITY, member)
            leaf = pki.issue(
                self.peer_ca, pki.Profile.PEER, common_name=member, names=peer_names, fresh=pki.fresh(), now=now
            )
            data |= {keys.PEER_CERTIFICATE: leaf.certificate, keys.PEER_KEY: leaf.key}
            data |= {keys.PEER_CA: self.peer_ca.certificate}
        if self.spec.tls.client is not ClientTLS.OFF:
            server_names = names.server_names(IDENTITY, member)
            leaf = pki.issue(
                self.client_ca, pki.Profile.SERVER, common_name=member, names=server_names, fresh=pki.fresh(), now=now
            )
            data |= {keys.SERVER_CERTIFICATE: leaf.certificate, keys.SERVER_KEY: leaf.key}
            data |= {keys.CLIENT_CA: self.client_ca.certificate}
        labels = member_labels(IDENTITY, member)
        self.kubelet.secrets[member] = keys.secret(IDENTITY, member, data, labels=labels)


@pytest.fixture(scope="session", params=sorted(versions.ETCD.values()))
def version(request: pytest.FixtureRequest) -> str:
    """Each supported minor in turn, as an image of the local Docker engine."""
    release: str = request.param
    engine.ensure()
    images.load_into_engine(images.etcd(release))
    return release


@pytest.fixture
def kubelet(tmp_path: Path) -> Iterator[Kubelet]:
    """A kubelet that ends its Pods after the test."""
    kubelet = Kubelet(tmp_path, IDENTITY)
    try:
        yield kubelet
    finally:
        kubelet.close()


@pytest.fixture
def cluster(kubelet: Kubelet, version: str) -> Cluster:
    """A cluster whose members may start for the first time."""
    return Cluster(kubelet, spec(version=version, image={"repository": "localhost/etcd"}, tls=ENCRYPTED))


@pytest.fixture
async def client() -> AsyncIterator[GrpcEtcdClient]:
    """A client that is closed after the test."""
    client = GrpcEtcdClient()
    try:
        yield client
    finally:
        await client.close()


async def agreed_list(client: GrpcEtcdClient, at: Endpoint) -> MemberList:
    """The member list, once the client port serves: after `/readyz` is well it may take etcd seven more seconds.

    Clients are served when the member has published its addresses, which it tries again only after that time if the
    leader is lost meanwhile.
    """
    return await answer(partial(client.member_list, at, within=WITHIN))


async def write(client: GrpcEtcdClient, at: Endpoint) -> None:
    await answer(partial(client.put, at, b"key", b"value", within=WITHIN))


async def read(client: GrpcEtcdClient, at: Endpoint) -> bytes | None:
    return (await answer(partial(client.get, at, b"key", within=WITHIN))).value
