"""The parts of the local cluster that need no cluster: what is pinned, what is kept, what is written."""

from __future__ import annotations

import contextlib
import io
import json
import re
import ssl
import tarfile
import threading
from datetime import UTC, datetime
from ipaddress import IPv4Address
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import pytest

from e2e.cluster import archives, binaries, builds, cache, current, node_files, prerequisites, transfer, versions
from e2e.cluster.errors import LocalClusterError, NotOurClusterError
from e2e.cluster.existing import ExistingCluster
from e2e.cluster.local import LocalCluster
from e2e.cluster.pki import Authority
from e2e.cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "etcd-operator"


REQUIRED = {
    "kubernetes": ("k8s.io/kubernetes", versions.KUBERNETES),
    "coredns": ("github.com/coredns/coredns", versions.COREDNS),
    "local-path-provisioner": ("github.com/rancher/local-path-provisioner", versions.LOCAL_PATH),
    "helm": ("helm.sh/helm/v3", versions.HELM),
} | {
    builds.etcd(release).folder: ("go.etcd.io/etcd/server/v3", release)
    for release in (*versions.ETCD.values(), *versions.EARLIER_ETCD.values())
}


@pytest.mark.parametrize("folder", REQUIRED)
def test_each_go_module_requires_the_version_that_is_pinned_for_it(folder: str) -> None:
    module, version = REQUIRED[folder]
    text = (builds.MODULES / folder / "go.mod").read_text()
    assert re.findall(rf"^(?:require)?\s*{module} v(\S+)", text, re.MULTILINE) == [version]


def test_an_etcd_version_is_a_minor_or_a_release_that_is_here() -> None:
    assert versions.etcd_release("3.6") == versions.etcd_release(versions.ETCD["3.6"])
    with pytest.raises(ValueError, match=r"no etcd 3\.6\.1 here: say one of 3\.5, 3\.6, 3\.7"):
        versions.etcd_release("3.6.1")


@pytest.mark.parametrize(
    ("program", "version", "complaint"),
    [("etcd", "2.3", "no etcd 2.3 here"), ("kubectl", "1.30", "leave `version` out"), ("kubeadm", None, "no program")],
)
def test_a_program_that_there_is_not_is_refused_by_name(program: str, version: str | None, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        binaries.ensure(program, version=version)


def test_what_was_made_once_is_found_again(empty_cache: Path) -> None:
    kept = cache.keep("things", "a-1", lambda into: (into / "file").touch())
    assert kept == empty_cache / "things" / "a-1"
    assert cache.keep("things", "a-1", _never) == kept


@pytest.mark.usefixtures("empty_cache")
def test_a_build_that_was_interrupted_is_made_again() -> None:
    def break_off(into: Path) -> None:
        (into / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.keep("things", "a-1", break_off)
    kept = cache.keep("things", "a-1", lambda into: (into / "whole").touch())
    assert [file.name for file in kept.iterdir()] == ["whole"]
    assert [folder.name for folder in kept.parent.iterdir()] == ["a-1"]


@pytest.mark.usefixtures("empty_cache")
def test_of_two_that_want_the_same_one_builds_and_the_other_waits() -> None:
    both_asked, builders = threading.Barrier(2), []

    def build(into: Path) -> None:
        builders.append(into)

    def want() -> None:
        both_asked.wait(timeout=10)
        cache.keep("things", "a-1", build)

    askers = [threading.Thread(target=want) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(timeout=10)
    assert len(builders) == 1


def test_a_changed_file_or_fact_changes_the_key(tmp_path: Path) -> None:
    file = tmp_path / "go.sum"
    file.write_text("one")
    before = cache.digest("1.0", files=[file])
    assert cache.digest("1.1", files=[file]) != before
    file.write_text("two")
    assert cache.digest("1.0", files=[file]) != before


def test_an_image_is_the_same_to_the_byte_each_time_it_is_written(tmp_path: Path) -> None:
    program = tmp_path / "etcd"
    program.write_bytes(b"program")
    for name in ("one", "two"):
        files = {"/usr/local/bin/etcd": program}
        archives.write(tmp_path / name, "localhost/etcd:v1", entrypoint=["/etcd"], files=files, links={"/e": "etcd"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_layers_that_the_nodes_hold_are_not_sent_again(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x" * 5000)
    saved, whole, rest = tmp_path / "saved", tmp_path / "whole", tmp_path / "rest"
    archives.write(saved, "localhost/a:1", entrypoint=["/program"], files={"/program": program}, links={})
    transfer.shrink(saved, whole, ref="localhost/a:1", present=set())
    layer = _manifest(whole)["layers"][0]["digest"]
    transfer.shrink(saved, rest, ref="localhost/a:1", present={layer})
    assert _manifest(rest) == _manifest(whole)
    assert _names(whole) - _names(rest) == {f"blobs/{layer.replace(':', '/')}"}


@pytest.mark.parametrize(
    ("ref", "full"),
    [
        ("busybox:1", "docker.io/library/busybox:1"),
        ("rancher/a:1", "docker.io/rancher/a:1"),
        ("localhost/etcd:v3.6.16", "localhost/etcd:v3.6.16"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
    ],
)
def test_an_image_keeps_its_full_name_on_the_nodes(ref: str, full: str) -> None:
    assert transfer.full_name(ref) == full


def test_nodes_lie_in_three_zones_with_addresses_of_their_own() -> None:
    nodes = Settings.from_environment().nodes
    assert [node.zone for node in nodes] == ["a", "b", "c"]
    assert [node.control_plane for node in nodes] == [True, False, False]
    assert len({node.address for node in nodes} | {node.pods for node in nodes}) == 6


def test_only_the_control_plane_holds_the_keys_of_the_control_plane() -> None:
    settings = Settings.from_environment()
    authority = Authority("test", now=NOON)
    control, worker, _ = (node_files.files(settings, node, authority) for node in settings.nodes)
    assert set(control) - set(worker) == {
        "apiserver.crt", "apiserver.key", "controller-manager.kubeconfig", "kubelet-client.crt", "kubelet-client.key",
        "scheduler.kubeconfig", "tokens.key", "tokens.pub",
    }  # fmt: skip
    assert "kube-apiserver" not in worker["services"]


def test_a_client_that_checks_strictly_trusts_the_apiserver() -> None:
    authority = Authority("test", now=datetime.now(UTC))
    serving = authority.issue("kube-apiserver", addresses=[IPv4Address("127.0.0.1")])
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(serving.certificate + serving.key)
        pem.flush()
        server_side.load_cert_chain(pem.name)
    client_side = ssl.create_default_context(cadata=authority.certificate)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.version() == "TLSv1.3"


def test_a_missing_tool_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(LocalClusterError, match=r"missing: debootstrap.*sudo apt-get install .* debootstrap"):
        prerequisites.require("debootstrap")


def test_a_kubeconfig_of_somebody_elses_cluster_is_used_and_its_nodes_are_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    theirs = current()
    assert isinstance(theirs, ExistingCluster)
    with pytest.raises(NotOurClusterError, match="may power node-1 off; unset KUBECONFIG"):
        theirs.power_off("node-1")


def test_our_own_kubeconfig_names_our_own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(LocalCluster().kubeconfig))
    assert isinstance(current(), LocalCluster)


def _never(_: Path) -> None:
    pytest.fail("it is in the cache already")


def _names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return set(tar.getnames())


def _manifest(archive: Path) -> dict[str, list[dict[str, str]]]:
    with tarfile.open(archive) as tar:
        index = json.load(tar.extractfile("index.json") or io.BytesIO())
        digest = index["manifests"][0]["digest"]
        manifest: dict[str, list[dict[str, str]]] = json.load(
            tar.extractfile(f"blobs/{digest.replace(':', '/')}") or io.BytesIO()
        )
        return manifest
