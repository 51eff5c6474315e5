"""What the client makes of servers that are gone, frozen, back again, or of another cluster."""

import asyncio
import time
from dataclasses import replace

from etcd_operator.etcd.client import Endpoint
from etcd_operator.etcd.errors import UnansweredError, UnreachableError, WrongClusterError
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version
from tests.integration.etcd_servers import Lab, Server, failed, healthy, until

WITHIN = 3.0
NOBODY = Endpoint(member="nobody", address="127.0.0.1:1", tls=None)


async def started(client: GrpcEtcdClient, lab: Lab, version: Version) -> Server:
    """A healthy cluster of one."""
    (server,) = lab.cluster(version, 1)
    await healthy(client, server)
    return server


async def test_a_refused_connection_is_unreachable_at_once(client: GrpcEtcdClient) -> None:
    before = time.monotonic()
    error = await failed(client.member_remove(NOBODY, 1, within=WITHIN))
    assert time.monotonic() - before < 0.2
    assert isinstance(error, UnreachableError)
    assert error.detail.endswith("Connection refused")
    assert not error.outcome_unknown


async def test_a_name_that_nobody_has_is_unreachable(client: GrpcEtcdClient) -> None:
    error = await failed(client.status(replace(NOBODY, address="no-such-name.invalid:2379"), within=WITHIN))
    assert isinstance(error, UnreachableError)


async def test_a_frozen_server_costs_no_more_than_the_deadline(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = await started(client, lab, version)
    server.freeze()
    before = time.monotonic()
    read, write = await asyncio.gather(
        failed(client.status(server.endpoint(), within=0.5)),
        failed(client.put(server.endpoint(), b"k", b"v", within=0.5)),
    )
    assert time.monotonic() - before < 1.0
    assert isinstance(read, UnansweredError)
    assert not read.outcome_unknown
    assert isinstance(write, UnansweredError)
    assert write.outcome_unknown
    server.thaw()
    await client.check_health(server.endpoint(), within=WITHIN)


async def test_a_server_frozen_before_the_connection_is_unreachable(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = await started(client, lab, version)
    server.freeze()
    newly = replace(server.endpoint(), member="a new connection")
    error = await failed(client.status(newly, within=0.5))
    assert isinstance(error, UnreachableError)
    server.thaw()


async def test_a_server_that_dies_under_a_change_leaves_its_outcome_unknown(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = await started(client, lab, version)
    server.freeze()
    change = asyncio.create_task(failed(client.put(server.endpoint(), b"k", b"v", within=10)))
    await failed(client.status(server.endpoint(), within=0.2))  # sent after the change, so the change is sent, too
    server.kill()
    error = await change
    assert isinstance(error, UnansweredError)
    assert error.outcome_unknown


async def test_a_restarted_server_answers_on_the_same_channel_within_a_second(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = await started(client, lab, version)
    server.kill()
    await failed(client.status(server.endpoint(), within=WITHIN))
    server.start([server])
    other = GrpcEtcdClient()
    try:
        endpoint = replace(server.endpoint(), member="polled anew")

        async def up() -> None:
            await other.keep(())
            await other.status(endpoint, within=WITHIN)

        await until(up)
        await until(lambda: client.status(server.endpoint(), within=WITHIN), within=1.2)
    finally:
        await other.close()


async def test_a_member_at_a_new_address_is_called_there(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    first, second = await started(client, lab, version), await started(client, lab, version)
    before = await client.status(first.endpoint(), within=WITHIN)
    moved = replace(first.endpoint(), address=second.endpoint().address)
    after = await client.status(moved, within=WITHIN)
    assert before.member_id != after.member_id


async def test_another_clusters_answer_is_an_error_not_data(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    server = await started(client, lab, version)
    cluster_id = (await client.status(server.endpoint(), within=WITHIN)).cluster_id
    wrong = server.endpoint(cluster_id=cluster_id + 1)
    for call in (
        client.status(wrong, within=WITHIN),
        client.check_health(wrong, within=WITHIN),
        client.member_list(wrong, within=WITHIN),
        client.hash_kv(wrong, 1, within=WITHIN),
    ):
        error = await failed(call)
        assert isinstance(error, WrongClusterError)
        assert (error.expected, error.answered) == (cluster_id + 1, cluster_id)


async def test_a_change_never_reaches_another_cluster(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    server = await started(client, lab, version)
    before = await client.member_list(server.endpoint(), within=WITHIN)
    wrong = server.endpoint(cluster_id=before.cluster_id + 1)
    for call in (
        client.put(wrong, b"k", b"v", within=WITHIN),
        client.member_add(wrong, "http://127.0.0.1:1", learner=True, within=WITHIN),
        client.member_remove(wrong, before.answered_by, within=WITHIN),
        client.move_leader(wrong, before.answered_by, within=WITHIN),
    ):
        error = await failed(call)
        assert isinstance(error, WrongClusterError)
        assert not error.outcome_unknown
    assert await client.member_list(server.endpoint(), within=WITHIN) == before
    assert (await client.get(server.endpoint(), b"k", within=WITHIN)).value is None


async def test_a_call_under_which_the_client_closes_fails_and_cancels_nobody(
    client: GrpcEtcdClient, version: Version, lab: Lab
) -> None:
    server = await started(client, lab, version)
    server.freeze()
    call = asyncio.create_task(failed(client.status(server.endpoint(), within=WITHIN)))
    await asyncio.sleep(0)
    await client.close()
    error = await call
    assert isinstance(error, UnansweredError)
    assert not call.cancelled()


async def test_a_cancelled_caller_is_cancelled(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    server = await started(client, lab, version)
    server.freeze()
    call = asyncio.create_task(client.status(server.endpoint(), within=WITHIN))
    await asyncio.sleep(0)
    call.cancel()
    (ended,) = await asyncio.gather(call, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)


async def test_connections_close_with_their_members(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    server = await started(client, lab, version)
    kept, gone = (replace(server.endpoint(), member=name) for name in ("kept", "gone"))
    for endpoint in (kept, gone):
        await client.status(endpoint, within=WITHIN)
    await client.keep(["kept"])
    server.freeze()
    assert isinstance(await failed(client.status(kept, within=0.5)), UnansweredError)
    assert isinstance(await failed(client.status(gone, within=0.5)), UnreachableError)
