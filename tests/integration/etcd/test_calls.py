"""Every call of the client, answered by real servers over mutual TLS."""

from etcd_operator.etcd.client import Member
from etcd_operator.etcd.errors import Refusal
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Authorities, Lab, Server, healthy, initial_cluster, refused, until

WITHIN = 10.0


async def leader_of(client: GrpcEtcdClient, servers: list[Server]) -> tuple[Server, int]:
    """The server that leads, and the ID of one that does not."""
    by_id = {(await client.status(server.endpoint(), within=WITHIN)).member_id: server for server in servers}
    leader_id = (await client.status(servers[0].endpoint(), within=WITHIN)).leader_id
    return by_id.pop(leader_id), next(iter(by_id))


async def test_every_member_reports_the_same_cluster_and_leader(
    client: GrpcEtcdClient, trio: list[Server], version: Version
) -> None:
    reports = [await client.status(server.endpoint(), within=WITHIN) for server in trio]
    assert len({report.member_id for report in reports}) == 3
    assert len({report.cluster_id for report in reports}) == 1
    assert {report.leader_id for report in reports} < {report.member_id for report in reports}
    for report in reports:
        assert report.version == str(version)
        assert report.errors == ()
        assert not report.is_learner
        assert min(report.raft_term, report.raft_index, report.revision, report.db_size) > 0
        assert report.raft_applied_index <= report.raft_index


async def test_the_member_list_names_every_started_member(client: GrpcEtcdClient, trio: list[Server]) -> None:
    listed = await client.member_list(trio[1].endpoint(), within=WITHIN)
    asked = await client.status(trio[1].endpoint(), within=WITHIN)
    assert (listed.cluster_id, listed.answered_by) == (asked.cluster_id, asked.member_id)
    assert {(member.name, member.peer_urls) for member in listed.members} == {
        (server.name, (server.peer_url,)) for server in trio
    }
    assert all(member.started and not member.is_learner for member in listed.members)


async def test_a_written_key_is_read_back_from_every_member(client: GrpcEtcdClient, trio: list[Server]) -> None:
    revision = await client.put(trio[0].endpoint(), b"colour", b"blue", within=WITHIN)
    for server in trio:
        read = await client.get(server.endpoint(), b"colour", within=WITHIN)
        assert (read.value, read.mod_revision) == (b"blue", revision)
        assert read.revision >= revision


async def test_an_absent_key_is_not_an_empty_one(client: GrpcEtcdClient, trio: list[Server]) -> None:
    await client.put(trio[0].endpoint(), b"empty", b"", within=WITHIN)
    empty = await client.get(trio[0].endpoint(), b"empty", within=WITHIN)
    absent = await client.get(trio[0].endpoint(), b"absent", within=WITHIN)
    assert (empty.value, absent.value, absent.mod_revision) == (b"", None, 0)


async def test_members_with_equal_data_have_equal_hashes(client: GrpcEtcdClient, trio: list[Server]) -> None:
    revision = await client.put(trio[0].endpoint(), b"hashed", b"1", within=WITHIN)
    for server in trio:
        await client.get(server.endpoint(), b"hashed", within=WITHIN)
    hashes = [await client.hash_kv(server.endpoint(), revision, within=WITHIN) for server in trio]
    assert len({(found.hash, found.compact_revision) for found in hashes}) == 1
    assert all(found.revision >= revision for found in hashes)
    await client.put(trio[0].endpoint(), b"hashed", b"2", within=WITHIN)
    later = await client.hash_kv(trio[0].endpoint(), revision + 1, within=WITHIN)
    assert later.hash != hashes[0].hash


async def test_leadership_moves_to_the_voter_that_was_named(client: GrpcEtcdClient, trio: list[Server]) -> None:
    leader, heir = await leader_of(client, trio)
    await client.move_leader(leader.endpoint(), heir, within=WITHIN)
    assert (await client.status(leader.endpoint(), within=WITHIN)).leader_id == heir


async def test_a_learner_is_added_started_promoted_and_removed(
    client: GrpcEtcdClient, trio: list[Server], version: Version, authorities: Authorities, lab: Lab
) -> None:
    leader, _ = await leader_of(client, trio)
    at = leader.endpoint(cluster_id=(await client.status(leader.endpoint(), within=WITHIN)).cluster_id)
    newcomer = lab.server(version, "newcomer", authorities=authorities)

    async def added() -> Member:
        return await client.member_add(at, newcomer.peer_url, learner=True, within=WITHIN)

    learner = await until(added)
    try:
        assert learner.is_learner
        assert not learner.started
        assert learner.peer_urls == (newcomer.peer_url,)
        newcomer.start(initial_cluster([*trio, newcomer]), state="existing")
        report = await until(lambda: client.status(newcomer.endpoint(cluster_id=at.cluster_id), within=WITHIN))
        assert (report.member_id, report.is_learner) == (learner.id, True)
        read = refused(client.get(newcomer.endpoint(), b"colour", within=WITHIN))
        assert (await read).reason is Refusal.NOT_SERVED_BY_LEARNER
        assert await client.get(newcomer.endpoint(), b"absent", serializable=True, within=WITHIN)
        promoted = await until(lambda: client.member_promote(at, learner.id, within=WITHIN))
        assert [member.is_learner for member in promoted.members if member.id == learner.id] == [False]
        await healthy(client, newcomer)
    finally:
        remaining = await until(lambda: client.member_remove(at, learner.id, within=WITHIN))
    assert {member.name for member in remaining.members} == {server.name for server in trio}


async def test_a_user_without_permission_finds_the_member_healthy(
    client: GrpcEtcdClient, version: Version, authorities: Authorities, lab: Lab
) -> None:
    (server,) = lab.cluster(version, 1, authorities=authorities)
    await healthy(client, server)
    server.gateway("auth/user/add", {"name": "root", "password": "secret"})
    server.gateway("auth/user/grant", {"user": "root", "role": "root"})
    server.gateway("auth/user/add", {"name": "application", "password": "secret"})
    server.gateway("auth/enable", {})
    read = await refused(client.get(server.endpoint(), b"health", within=WITHIN))
    assert read.reason is Refusal.PERMISSION_DENIED
    await client.check_health(server.endpoint(), within=WITHIN)
    added = await refused(client.member_add(server.endpoint(), "http://127.0.0.1:1", learner=True, within=WITHIN))
    assert (added.reason, added.outcome_unknown) == (Refusal.PERMISSION_DENIED, False)
