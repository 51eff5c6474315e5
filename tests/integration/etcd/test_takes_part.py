"""What etcd says of itself on its metrics port, where it speaks before it serves clients."""

from dataclasses import replace

from etcd_operator.etcd.client import Endpoint, Member
from etcd_operator.etcd.errors import UnansweredError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Authorities, Lab, Server, healthy, initial_cluster, until
from tests.integration.ports import free_ports

WITHIN = 10.0


def observed(server: Server) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint of a server that tells of itself, and the argument for that."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    return replace(server.endpoint(), metrics_url=url), (f"--listen-metrics-urls={url}",)


async def until_it_takes_part(client: GrpcEtcdClient, at: Endpoint) -> None:
    """Return when etcd says so."""

    async def ask() -> None:
        if not await client.takes_part(at, within=1.0):
            raise UnansweredError(at.member, "it takes no part yet")

    await until(ask)


async def test_a_newcomer_that_takes_part_may_vote_whether_or_not_it_serves_clients_yet(
    client: GrpcEtcdClient, trio: list[Server], version: Version, authorities: Authorities, lab: Lab
) -> None:
    # From 3.6 on, a leader with more than a hundred entries sends a snapshot, in which the newcomer's own announcement
    # may be: then it serves no clients for seven seconds (publishV3 and snapshotIfNeededAndCompactRaftLog).
    for number in range(150):
        await client.put(trio[0].endpoint(), b"filling", str(number).encode(), within=WITHIN)
    newcomer = lab.server(version, "newcomer", authorities=authorities)
    at, metrics = observed(newcomer)
    leads = {(await client.status(server.endpoint(), within=WITHIN)).member_id: server for server in trio}
    leader = leads[(await client.status(trio[0].endpoint(), within=WITHIN)).leader_id].endpoint()

    async def added() -> Member:
        return await client.member_add(leader, newcomer.peer_url, learner=True, within=WITHIN)

    learner = await until(added)
    try:
        newcomer.start(initial_cluster([*trio, newcomer]), state="existing", arguments=metrics)
        await until_it_takes_part(client, at)
        promoted = await client.member_promote(leader, learner.id, within=WITHIN)
        assert [(member.started, member.is_learner) for member in promoted.members if member.id == learner.id] == [
            (True, False)
        ]
        assert await client.takes_part(at, within=WITHIN)
        await healthy(client, newcomer)
    finally:
        await until(lambda: client.member_remove(leader, learner.id, within=WITHIN))


async def test_a_member_that_finds_no_quorum_takes_no_part(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    servers = [lab.server(version, f"m{number}") for number in range(3)]
    at, metrics = observed(servers[0])
    servers[0].start(servers, arguments=metrics)
    for server in servers[1:]:
        server.start(servers)
    await until_it_takes_part(client, at)
    for server in servers[1:]:
        server.kill()
    assert not await client.takes_part(at, within=3.0)


async def test_who_cannot_be_asked_takes_no_part(client: GrpcEtcdClient) -> None:
    (port,) = free_ports(1)
    at = Endpoint("m0", "127.0.0.1:1", None)
    assert not await client.takes_part(at, within=1.0)
    assert not await client.takes_part(replace(at, metrics_url=f"http://127.0.0.1:{port}"), within=1.0)
