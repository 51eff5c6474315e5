"""etcd's downgrade job, as far as the operator relies on it: data is stored for the version before, and no other."""

import pytest

from etcd_operator.etcd.errors import Refusal
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import NEWEST, Version
from tests.integration.etcd_servers import Lab, Server, healthy, refused, until

WITHIN = 10.0


async def stored_as(client: GrpcEtcdClient, server: Server, minor: str) -> None:
    """Return when the member says that its data is that of a minor version, such as "3.6"."""

    async def ask() -> None:
        status = await client.status(server.endpoint(), within=WITHIN)
        assert status.storage_version == f"{minor}.0", status

    await until(ask)


@pytest.mark.parametrize("minor", [6, 7])
async def test_data_is_stored_for_the_version_before_and_again_for_its_own(
    client: GrpcEtcdClient, lab: Lab, minor: int
) -> None:
    (server,) = lab.cluster(NEWEST[minor], 1)
    await healthy(client, server)
    own, lower = f"3.{minor}", f"3.{minor - 1}"
    await stored_as(client, server, own)
    at = server.endpoint()
    assert (await client.status(at, within=WITHIN)).downgrade_to == ""
    await client.downgrade(at, lower, within=WITHIN)
    assert (await client.status(at, within=WITHIN)).downgrade_to == f"{lower}.0"
    assert (await refused(client.downgrade(at, lower, within=WITHIN))).reason is Refusal.OTHER
    if minor > 6:
        await stored_as(client, server, lower)
    await client.downgrade(at, None, within=WITHIN)
    assert (await client.status(at, within=WITHIN)).downgrade_to == ""
    await stored_as(client, server, own)
    await client.downgrade(at, None, within=WITHIN)


async def test_two_minor_versions_down_are_refused(client: GrpcEtcdClient, lab: Lab) -> None:
    (server,) = lab.cluster(NEWEST[7], 1)
    await healthy(client, server)
    await stored_as(client, server, "3.7")
    assert (await refused(client.downgrade(server.endpoint(), "3.5", within=WITHIN))).reason is Refusal.OTHER


async def test_3_5_tells_nothing_of_it(client: GrpcEtcdClient, trio: list[Server], version: Version) -> None:
    status = await client.status(trio[0].endpoint(), within=WITHIN)
    assert (status.storage_version == "") is (version.minor < 6)
