"""What a member makes of its data directory and of its `--initial-` flags: the ground under bootstrap and its guard.

The operator relies on it (etcd-rules.md §7): a Pod after the first gets flags that only fit a directory with data, and
an init container may leave a file beside the data.
"""

from pathlib import Path

import pytest

from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Lab, Server, healthy, initial_cluster, until

WITHIN = 3.0
NOT_NAMED = "someone-else=http://127.0.0.1:1"


async def exited(server: Server) -> str:
    """Wait until it has ended with a failure; returns what it wrote."""

    async def ended() -> int:
        return server.exit_code()

    assert await until(ended) != 0
    return server.output()


async def test_flags_that_do_not_name_the_member_are_ignored_while_it_has_data(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = lab.server(version, "orders-abcde")
    server.start([server])
    await healthy(client, server)
    revision = await client.put(server.endpoint(), b"k", b"v", within=WITHIN)
    before = await client.member_list(server.endpoint(), within=WITHIN)
    server.kill()
    server.start(NOT_NAMED, state="existing")
    await healthy(client, server)
    assert await client.member_list(server.endpoint(), within=WITHIN) == before
    assert (await client.get(server.endpoint(), b"k", within=WITHIN)).mod_revision == revision


@pytest.mark.parametrize("state", ["new", "existing"])
async def test_flags_that_do_not_name_the_member_end_it_on_an_empty_directory(
    version: Version, lab: Lab, state: str
) -> None:
    server = lab.server(version, "orders-abcde")
    server.start(NOT_NAMED, state=state)
    assert "couldn't find local name" in (said := await exited(server))
    assert "in the initial cluster configuration" in said
    assert not (server.data / "member" / "wal").exists()


async def test_a_start_that_failed_leaves_a_directory_that_can_still_be_bootstrapped(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = lab.server(version, "orders-abcde")
    server.start(NOT_NAMED)
    await exited(server)
    assert (server.data / "member" / "snap").exists()
    server.start([server])
    await healthy(client, server)


async def test_leaving_the_flag_out_is_no_guard_because_etcd_then_forms_a_cluster_of_its_own(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = lab.server(version, "orders-abcde")
    server.start(None)
    await healthy(client, server)
    listed = await client.member_list(server.endpoint(), within=WITHIN)
    assert [(member.name, member.peer_urls) for member in listed.members] == [("orders-abcde", (server.peer_url,))]


async def test_leaving_the_flag_out_of_an_existing_cluster_ends_it_on_an_empty_directory(
    version: Version, lab: Lab
) -> None:
    server = lab.server(version, "orders-abcde")
    server.start(None, arguments=["--initial-cluster-state=existing"])
    assert "could not retrieve cluster information from the given URLs" in await exited(server)


async def test_the_environment_sets_what_no_flag_sets(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    members = lab.server(version, "orders-abcde"), lab.server(version, "orders-fghij")
    environment = {
        "ETCD_INITIAL_CLUSTER": initial_cluster(members),
        "ETCD_INITIAL_CLUSTER_STATE": "new",
        "ETCD_INITIAL_CLUSTER_TOKEN": "test",
    }
    members[0].start(None, environment=environment)
    members[1].start(members)
    await healthy(client, members[0])
    listed = await client.member_list(members[0].endpoint(), within=WITHIN)
    assert len(listed.members) == 2
    members[0].kill()
    members[0].start(None)
    await healthy(client, members[0])
    assert (await client.member_list(members[1].endpoint(), within=WITHIN)).members == listed.members


async def test_the_guard_holds_in_the_environment_too(version: Version, lab: Lab) -> None:
    server = lab.server(version, "orders-abcde")
    server.start(None, environment={"ETCD_INITIAL_CLUSTER": NOT_NAMED})
    assert "couldn't find local name" in await exited(server)


async def test_a_flag_and_its_variable_together_end_etcd(version: Version, lab: Lab) -> None:
    server = lab.server(version, "orders-abcde")
    server.start([server], environment={"ETCD_INITIAL_CLUSTER": initial_cluster([server])})
    assert "conflicting environment variable is shadowed by corresponding command-line flag" in await exited(server)


async def test_a_link_beside_the_data_neither_hinders_bootstrap_nor_gets_lost(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = lab.server(version, "orders-abcde")
    link = with_link(server)
    server.start([server])
    await healthy(client, server)
    revision = await client.put(server.endpoint(), b"k", b"v", within=WITHIN)
    server.kill()
    server.start(NOT_NAMED)
    await healthy(client, server)
    assert (await client.get(server.endpoint(), b"k", within=WITHIN)).mod_revision == revision
    assert link.is_symlink()


async def test_a_directory_with_only_a_link_counts_as_empty(version: Version, lab: Lab) -> None:
    server = lab.server(version, "orders-abcde")
    with_link(server)
    server.start(NOT_NAMED)
    assert "couldn't find local name" in await exited(server)


def with_link(server: Server) -> Path:
    """Put a symbolic link to the binary where the data will be, as an init container does."""
    link = server.data / "member" / "etcd"
    link.parent.mkdir(parents=True)
    link.symlink_to("/usr/local/bin/etcd")
    return link
