"""Real etcd servers for tests: containers on the host's network, where members and tests use the same addresses."""

import asyncio
import json
import os
import ssl
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import pytest
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from e2e.cluster import engine, images, versions
from etcd_operator import pki
from etcd_operator.etcd.client import Endpoint, EtcdClient, Tls
from etcd_operator.etcd.errors import EtcdError, RefusedError
from etcd_operator.etcd.versions import Version, flags_of, parse_version
from tests.integration.ports import free_ports

VERSIONS = tuple(parse_version(release) for release in versions.ETCD.values())

_DEADLINE = 30.0
_T = TypeVar("_T")

# The lab removes its containers itself; the reaper would be one more image to fetch.
testcontainers_config.ryuk_disabled = True


def ensure_images() -> None:
    """Return when the engine runs and has the image of every version; builds what the cache does not have."""
    engine.ensure()
    for version in VERSIONS:
        images.load_into_engine(images.etcd(str(version)))


async def until(condition: Callable[[], Awaitable[_T]], *, within: float = _DEADLINE) -> _T:
    """What `condition` returns as soon as it no longer raises; its last exception after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await condition()
        except Exception:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.02)


async def healthy(client: EtcdClient, server: "Server") -> None:
    """Return as soon as `server` reads with the consent of a quorum; what it wrote goes with the failure."""
    try:
        await until(lambda: client.check_health(server.endpoint(), within=3))
    except EtcdError as error:
        error.add_note(f"{server.name} wrote:\n{server.output()}")
        raise


async def failed(call: Awaitable[object]) -> EtcdError:
    """The error with which `call` ends; AssertionError if it ends without."""
    with pytest.raises(EtcdError) as caught:
        await call
    return caught.value


async def refused(call: Awaitable[object]) -> RefusedError:
    """The refusal with which `call` ends; AssertionError if it ends in another way."""
    error = await failed(call)
    assert isinstance(error, RefusedError), repr(error)
    return error


@dataclass(frozen=True, slots=True)
class Authorities:
    """The two authorities of a cluster with TLS, and a certificate of an application."""

    peer: pki.KeyPair
    client: pki.KeyPair
    application: pki.KeyPair

    @classmethod
    def new(cls) -> "Authorities":
        """Make both, as the operator does."""
        now = datetime.now(UTC)
        client = pki.new_ca("client", fresh=pki.fresh(), now=now)
        return cls(
            peer=pki.new_ca("peer", fresh=pki.fresh(), now=now),
            client=client,
            application=pki.issue(client, pki.Profile.CLIENT, common_name="application", fresh=pki.fresh(), now=now),
        )


@dataclass(slots=True)
class Server:
    """One member: its addresses, its directory, and the container that runs it, if any."""

    version: Version
    name: str
    directory: Path
    authorities: Authorities | None
    client_port: int
    peer_port: int
    _container: DockerContainer | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def peer_url(self) -> str:
        """Where its peers reach it."""
        return f"{self._scheme}://127.0.0.1:{self.peer_port}"

    @property
    def host_name(self) -> str:
        """The name in its certificates, by which the client knows it."""
        return f"{self.name}.etcd.test"

    def endpoint(self, *, cluster_id: int | None = None, by: pki.KeyPair | None = None) -> Endpoint:
        """How the client calls it; `by` is the client's certificate if it is not the application's."""
        tls = None
        if self.authorities is not None:
            shown = by or self.authorities.application
            tls = Tls(
                ca=self.authorities.client.certificate,
                certificate=shown.certificate,
                key=shown.key,
                server_name=self.host_name,
            )
        return Endpoint(member=self.name, address=f"127.0.0.1:{self.client_port}", tls=tls, cluster_id=cluster_id)

    def write_certificates(self) -> None:
        """Issue and write both certificates, as a first start and a renewal do."""
        assert self.authorities is not None
        now = datetime.now(UTC)
        names = (self.host_name, "localhost", "127.0.0.1")
        for use, ca, profile in (
            ("peer", self.authorities.peer, pki.Profile.PEER),
            ("client", self.authorities.client, pki.Profile.SERVER),
        ):
            leaf = pki.issue(ca, profile, common_name=self.name, names=names, fresh=pki.fresh(), now=now)
            (self.directory / f"{use}-ca.crt").write_bytes(ca.certificate)
            (self.directory / f"{use}.crt").write_bytes(leaf.certificate)
            (self.directory / f"{use}.key").write_bytes(leaf.key)

    def start(
        self,
        initial_cluster: Iterable["Server"] | str | None,
        *,
        state: str = "new",
        arguments: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it, with the three flags about the initial cluster unless `initial_cluster` is None."""
        if self.authorities is not None and not (self.directory / "peer.crt").exists():
            self.write_certificates()
        self.run(
            (
                f"--name={self.name}",
                f"--data-dir={self.data}",
                f"--listen-peer-urls={self.peer_url}",
                f"--initial-advertise-peer-urls={self.peer_url}",
                f"--listen-client-urls={self._scheme}://127.0.0.1:{self.client_port}",
                f"--advertise-client-urls={self._scheme}://127.0.0.1:{self.client_port}",
                *self._tls_arguments(),
                *flags_of(self.version).corruption_checks,
                *_initial_arguments(initial_cluster, state=state),
                *arguments,
            ),
            environment=environment,
        )

    def run(self, arguments: Iterable[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Start etcd with exactly these arguments, in place of a container that ran before."""
        self.close()
        self._container = DockerContainer(f"localhost/etcd:v{self.version}")
        self._container.with_command(list(arguments))
        self._container.with_envs(**(environment or {}))
        self._container.with_volume_mapping(self.directory, str(self.directory), "rw")
        self._container.with_kwargs(
            entrypoint=["/usr/local/bin/etcd"],
            network_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",
        )
        self._container.start()

    def freeze(self) -> None:
        """Stop its processes where they stand; connections stay open."""
        self._running.pause()

    def thaw(self) -> None:
        """Let it run on."""
        self._running.unpause()

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self._running.kill()

    def exit_code(self) -> int:
        """How it ended; raises AssertionError while it runs."""
        container = self._running
        container.reload()
        assert container.status == "exited", f"{self.name} is {container.status}"
        code: int = container.attrs["State"]["ExitCode"]
        return code

    def output(self) -> str:
        """What it wrote since it was started."""
        log: bytes = self._running.logs()
        return log.decode()

    def gateway(self, path: str, body: Mapping[str, str]) -> None:
        """Make a call that is not the operator's through the JSON gateway of the client port."""
        assert self.authorities is not None
        context = tls_context(self.directory, self.authorities.client.certificate, self.authorities.application)
        url = f"https://127.0.0.1:{self.client_port}/v3/{path}"
        request = urllib.request.Request(url, data=json.dumps(body).encode())
        with urllib.request.urlopen(request, context=context, timeout=_DEADLINE) as reply:  # noqa: S310 - as above
            assert reply.status == HTTPStatus.OK

    def close(self) -> None:
        """End it and forget the container; the data stays."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    @property
    def _running(self) -> Container:
        assert self._container is not None, f"{self.name} was not started"
        return self._container.get_wrapped_container()

    @property
    def _scheme(self) -> str:
        return "http" if self.authorities is None else "https"

    def _tls_arguments(self) -> tuple[str, ...]:
        if self.authorities is None:
            return ()
        return (
            "--client-cert-auth=true",
            f"--trusted-ca-file={self.directory}/client-ca.crt",
            f"--cert-file={self.directory}/client.crt",
            f"--key-file={self.directory}/client.key",
            "--peer-client-cert-auth=true",
            f"--peer-trusted-ca-file={self.directory}/peer-ca.crt",
            f"--peer-cert-file={self.directory}/peer.crt",
            f"--peer-key-file={self.directory}/peer.key",
            flags_of(self.version).skip_peer_client_san,
        )


@dataclass(slots=True)
class Lab:
    """Makes servers, each in its own directory below `directory`, and ends all of them."""

    directory: Path
    servers: list[Server] = field(default_factory=list)

    def server(self, version: Version, name: str, *, authorities: Authorities | None = None) -> Server:
        """A member that is not started yet."""
        directory = self.directory / f"{len(self.servers)}-{name}"
        directory.mkdir(parents=True)
        client_port, peer_port = free_ports(2)
        server = Server(
            version=version,
            name=name,
            directory=directory,
            authorities=authorities,
            client_port=client_port,
            peer_port=peer_port,
        )
        self.servers.append(server)
        return server

    def cluster(self, version: Version, size: int, *, authorities: Authorities | None = None) -> list[Server]:
        """Members that were started at once with the same `--initial-cluster`."""
        servers = [self.server(version, f"m{number}", authorities=authorities) for number in range(size)]
        for server in servers:
            server.start(servers)
        return servers

    def close(self) -> None:
        """End every server."""
        for server in self.servers:
            server.close()


def tls_context(directory: Path, ca: bytes, shown: pki.KeyPair | None) -> ssl.SSLContext:
    """A TLS client that trusts `ca` and shows a certificate, if any; `directory` takes the files that Python wants."""
    context = ssl.create_default_context(cadata=ca.decode())
    if shown is not None:
        for name, pem in (("shown.crt", shown.certificate), ("shown.key", shown.key)):
            (directory / name).write_bytes(pem)
        context.load_cert_chain(directory / "shown.crt", directory / "shown.key")
    return context


def initial_cluster(servers: Iterable[Server]) -> str:
    """The value of `--initial-cluster` that names these members."""
    return ",".join(f"{server.name}={server.peer_url}" for server in servers)


def _initial_arguments(members: Iterable[Server] | str | None, *, state: str) -> tuple[str, ...]:
    if members is None:
        return ()
    value = members if isinstance(members, str) else initial_cluster(members)
    return (f"--initial-cluster={value}", f"--initial-cluster-state={state}", "--initial-cluster-token=test")
