"""etcd's refusals, provoked on real servers of each minor and told apart by the client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from etcd_operator.etcd.client import Endpoint, Member
from etcd_operator.etcd.errors import Refusal, UnansweredError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Lab, Server, failed, healthy, refused, until

WITHIN = 10.0


@asynccontextmanager
async def pending(client: GrpcEtcdClient, at: Endpoint, peer_url: str, *, learner: bool) -> AsyncIterator[Member]:
    """A member that is in the list but never starts; removed in the end."""
    member = await until(lambda: client.member_add(at, peer_url, learner=learner, within=WITHIN))
    try:
        yield member
    finally:
        await client.member_remove(at, member.id, within=WITHIN)


async def test_a_member_added_right_after_start_is_refused_not_unreachable(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    at = lab.cluster(version, 3)[0].endpoint()
    error = await until(lambda: refused(client.member_add(at, "http://127.0.0.1:1", learner=True, within=WITHIN)))
    assert (error.reason, error.outcome_unknown) == (Refusal.UNHEALTHY_CLUSTER, False)


async def test_a_second_learner_is_refused(client: GrpcEtcdClient, trio: list[Server]) -> None:
    at = trio[0].endpoint()
    async with pending(client, at, "https://127.0.0.1:1", learner=True):
        error = await refused(client.member_add(at, "https://127.0.0.1:2", learner=True, within=WITHIN))
    assert error.reason is Refusal.TOO_MANY_LEARNERS


async def test_a_learner_that_lags_is_not_promoted(client: GrpcEtcdClient, trio: list[Server]) -> None:
    at = trio[0].endpoint()
    async with pending(client, at, "https://127.0.0.1:1", learner=True) as learner:
        error = await refused(client.member_promote(at, learner.id, within=WITHIN))
    assert (error.reason, error.outcome_unknown) == (Refusal.LEARNER_NOT_READY, False)


async def test_voters_are_added_only_while_enough_have_started(client: GrpcEtcdClient, trio: list[Server]) -> None:
    at = trio[0].endpoint()
    async with (
        pending(client, at, "https://127.0.0.1:1", learner=False),
        pending(client, at, "https://127.0.0.1:2", learner=False),
    ):
        error = await refused(client.member_add(at, "https://127.0.0.1:3", learner=False, within=WITHIN))
    assert error.reason is Refusal.NOT_ENOUGH_STARTED_MEMBERS


async def test_impossible_changes_are_refused_with_their_reason(client: GrpcEtcdClient, trio: list[Server]) -> None:
    by_id = {(await client.status(server.endpoint(), within=WITHIN)).member_id: server for server in trio}
    leader_id = (await client.status(trio[0].endpoint(), within=WITHIN)).leader_id
    leader = by_id.pop(leader_id).endpoint()
    voter, follower = next((member_id, server.endpoint()) for member_id, server in by_id.items())
    reasons = {
        Refusal.MEMBER_NOT_FOUND: client.member_remove(leader, 4711, within=WITHIN),
        Refusal.NOT_A_LEARNER: client.member_promote(leader, voter, within=WITHIN),
        Refusal.PEER_URL_EXISTS: client.member_add(leader, trio[2].peer_url, learner=True, within=WITHIN),
        Refusal.BAD_PEER_URL: client.member_add(leader, "nonsense", learner=True, within=WITHIN),
        Refusal.BAD_TRANSFEREE: client.move_leader(leader, 4711, within=WITHIN),
        Refusal.NOT_LEADER: client.move_leader(follower, voter, within=WITHIN),
        Refusal.FUTURE_REVISION: client.hash_kv(leader, 1_000_000, within=WITHIN),
    }
    found = {expected: await refused(call) for expected, call in reasons.items()}
    assert {expected: error.reason for expected, error in found.items()} == {reason: reason for reason in reasons}
    assert not any(error.outcome_unknown for error in found.values())


async def test_a_member_without_quorum_reports_its_status_but_is_not_healthy(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    servers = lab.cluster(version, 3)
    await healthy(client, servers[0])
    for other in servers[1:]:
        other.kill()

    async def leaderless() -> None:
        report = await client.status(servers[0].endpoint(), within=WITHIN)
        assert report.leader_id == 0
        assert report.errors == ("etcdserver: no leader",)

    await until(leaderless)
    for call in (
        client.check_health(servers[0].endpoint(), within=0.5),
        client.member_list(servers[0].endpoint(), within=0.5),
    ):
        error = await failed(call)
        assert isinstance(error, UnansweredError)
        assert not error.outcome_unknown
