"""The table of `versions.py` against the binaries themselves."""

import pytest

from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.etcd.versions import Version, flags_of
from tests.integration.etcd_servers import VERSIONS, Lab, Server, healthy, until


async def test_each_version_starts_with_its_own_spelling(client: GrpcEtcdClient, version: Version, lab: Lab) -> None:
    server = lab.server(version, "m0")
    flags = flags_of(version)
    server.start([server], arguments=[flags.skip_peer_client_san])
    await healthy(client, server)
    said = server.output()
    assert "deprecated" not in said.lower()
    assert all(flag in said for flag in flags.corruption_checks)


@pytest.mark.parametrize(("binary", "spelling"), [(VERSIONS[0], VERSIONS[1]), (VERSIONS[2], VERSIONS[0])], ids=str)
async def test_a_version_does_not_start_with_the_spelling_of_another(
    lab: Lab, binary: Version, spelling: Version
) -> None:
    flags = flags_of(spelling)
    for flag in (flags.skip_peer_client_san, *flags.corruption_checks):
        server = lab.server(binary, "m0")
        server.run([f"--data-dir={server.data}", flag])

        async def ended(server: Server = server) -> int:
            return server.exit_code()

        assert await until(ended) != 0
        assert "flag provided but not defined" in server.output()
