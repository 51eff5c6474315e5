"""A real kube-apiserver with its etcd, as two processes on loopback: what a schema or a client means is what it says.

No controller and no scheduler runs: objects stay as they were written, which is what tests of the API want.
"""

from __future__ import annotations

import json
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Self

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from e2e.cluster import binaries
from tests.integration.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 60.0
STOP_SECONDS = 20.0
REQUEST_SECONDS = 30.0
POLL_SECONDS = 0.1


Json = dict[str, Any]


class RefusedError(Exception):
    """The API server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the HTTP status `code` and the sentence that a user of kubectl reads."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class StartError(RuntimeError):
    """One of the two programs did not become ready; the message ends with what it wrote last."""


@dataclass(slots=True)
class ApiServer:
    """A kube-apiserver in `directory`, started and stopped as a context manager.

    Objects outlive `stop` and `start`, and the address stays the same, so a test can take the API server away and
    give it back. Authorization is RBAC; `token` is that of an administrator.
    """

    directory: Path
    apiserver: Path
    etcd: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = 0
    etcd_port: int = 0
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def built(cls, directory: Path) -> Self:
        """Return an API server of the version that the local cluster runs, built if the cache does not hold it."""
        return cls(directory, apiserver=binaries.ensure("kube-apiserver"), etcd=binaries.ensure("etcd"))

    @property
    def url(self) -> str:
        """Where the API server answers."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that signed the API server's, as PEM."""
        return self.directory / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for `token`."""
        return self.directory / "kubeconfig"

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        token: str | None = None,
    ) -> Json:
        """Send `body` to `path`, a query included, as the administrator or as the owner of `token`.

        Returns the answer as JSON. Raises RefusedError when the API server answers with an error.
        """
        request = urllib.request.Request(  # noqa: S310 - the URL is our own
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token or self.token}", "Content-Type": content_type, "Accept": accept},
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS, context=self._trust()) as response:  # noqa: S310
                answer: Json = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            raise RefusedError(error.code, json.loads(text)["message"] if text.startswith("{") else text) from error

    def install(self, definition: Path) -> None:
        """Create or replace the CustomResourceDefinition in the file `definition` and wait until it is served.

        Raises RefusedError when the API server does not take it, StartError when it is not served in time.
        """
        crd = yaml.safe_load(definition.read_text())
        collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        name, group = crd["metadata"]["name"], crd["spec"]["group"]
        self.request(
            "PATCH",
            f"{collection}/{name}?fieldManager=tests&force=true&fieldValidation=Strict",
            crd,
            content_type="application/apply-patch+yaml",
        )
        resource = f"/apis/{group}/{crd['spec']['versions'][0]['name']}/{crd['spec']['names']['plural']}"
        deadline = time.monotonic() + START_SECONDS
        while not self._is_served(resource):
            if time.monotonic() > deadline or self._ended("kube-apiserver"):
                raise StartError(f"{name} is not served; the log ends:\n{self._log_tail('kube-apiserver')}")

    def _is_served(self, path: str) -> bool:
        try:
            self.request("GET", path)
        except RefusedError as error:
            # Not there yet, or just there and still filling its cache ("storage is (re)initializing").
            if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}:
                return False
            raise
        return True

    def __enter__(self) -> Self:
        """Start both programs; raises StartError when one is not ready in `START_SECONDS`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        _write_certificates(self.directory)
        (self.directory / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        self.port, self.etcd_port, etcd_peer_port = free_ports(3)
        self.kubeconfig.write_text(yaml.safe_dump(self._kubeconfig()))
        try:
            self._start_etcd(etcd_peer_port)
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both programs."""
        for name in ("kube-apiserver", "etcd"):
            self._stop(name)

    def start(self) -> None:
        """Start the API server, a first time or after `stop`, and wait until it is ready."""
        self._run(
            "kube-apiserver",
            [
                str(self.apiserver),
                "--bind-address=127.0.0.1",
                f"--secure-port={self.port}",
                f"--tls-cert-file={self.directory}/serving.crt",
                f"--tls-private-key-file={self.directory}/serving.key",
                f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
                f"--token-auth-file={self.directory}/tokens.csv",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-signing-key-file={self.directory}/service-account.key",
                f"--service-account-key-file={self.directory}/service-account.key",
                "--service-cluster-ip-range=10.96.0.0/16",
                # No controller makes the service accounts that this plugin would ask of every Pod.
                "--disable-admission-plugins=ServiceAccount",
            ],
        )
        self._wait_ready("kube-apiserver", f"{self.url}/readyz")

    def stop(self) -> None:
        """Stop the API server and keep its objects; nothing listens at `url` until `start`."""
        self._stop("kube-apiserver")

    def _start_etcd(self, peer_port: int) -> None:
        self._run(
            "etcd",
            [
                str(self.etcd),
                f"--data-dir={self.directory}/data",
                f"--listen-client-urls=http://127.0.0.1:{self.etcd_port}",
                f"--advertise-client-urls=http://127.0.0.1:{self.etcd_port}",
                f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
                "--unsafe-no-fsync",
            ],
        )
        self._wait_ready("etcd", f"http://127.0.0.1:{self.etcd_port}/readyz")

    def _run(self, name: str, command: list[str]) -> None:
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_ready(self, name: str, url: str) -> None:
        trust = self._trust()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, timeout=5, context=trust):  # noqa: S310 - the URL is our own
                    return
            except (urllib.error.URLError, OSError):
                if self._ended(name):
                    break
        raise StartError(f"{name} did not become ready; its log ends:\n{self._log_tail(name)}")

    def _ended(self, name: str) -> bool:
        """Wait a moment for the program's end, which also spaces out the polls."""
        try:
            self._processes[name].wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _log_tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-20:])

    def _kubeconfig(self) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
            "clusters": [{"name": "local", "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
        }


def _write_certificates(directory: Path) -> None:
    """Write ca.crt, the API server's serving.crt and serving.key, and service-account.key."""
    authority, serving = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _sign(
        "test authority",
        public=authority.public_key(),
        issuer="test authority",
        key=authority,
        extension=x509.BasicConstraints(ca=True, path_length=0),
    )
    certificate = _sign(
        "kube-apiserver",
        public=serving.public_key(),
        issuer="test authority",
        key=authority,
        extension=x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]),
    )
    _write_certificate(directory / "ca.crt", ca)
    _write_certificate(directory / "serving.crt", certificate)
    _write_key(directory / "serving.key", serving)
    _write_key(directory / "service-account.key", ec.generate_private_key(ec.SECP256R1()))


def _sign(
    name: str,
    *,
    public: ec.EllipticCurvePublicKey,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(key, hashes.SHA256())
    )


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    # Not PKCS #8: the API server reads the service accounts' public key from a traditional private key only.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
