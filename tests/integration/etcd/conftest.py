"""Servers and clients for the tests of the etcd client; each test runs against every supported minor."""

from collections.abc import AsyncIterator, Iterator

import pytest

from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import VERSIONS, Authorities, Lab, Server, ensure_images, healthy


@pytest.fixture(scope="session", autouse=True)
def images() -> None:
    """The images that every test here starts."""
    ensure_images()


@pytest.fixture(scope="session", params=VERSIONS, ids=str)
def version(request: pytest.FixtureRequest) -> Version:
    """Each supported minor in turn."""
    found: Version = request.param
    return found


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A place for servers that only this test uses."""
    lab = Lab(tmp_path_factory.mktemp("etcd"))
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
async def client() -> AsyncIterator[GrpcEtcdClient]:
    """A client that is closed after the test."""
    client = GrpcEtcdClient()
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """The authorities of the clusters with TLS."""
    return Authorities.new()


@pytest.fixture(scope="session")
async def trio(
    version: Version, authorities: Authorities, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Server]]:
    """Three healthy members with mutual TLS; tests leave them as they found them."""
    lab = Lab(tmp_path_factory.mktemp("trio"))
    client = GrpcEtcdClient()
    try:
        servers = lab.cluster(version, 3, authorities=authorities)
        for server in servers:
            await healthy(client, server)
        yield servers
    finally:
        await client.close()
        lab.close()
