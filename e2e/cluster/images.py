"""The images of the cluster: that of the nodes, and those that run on them."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import archives, bases, builds, cache, engine, progress, versions
from e2e.cluster.errors import LocalClusterError

NODE_BASE = f"debian:{versions.NODE_DEBIAN}-slim"
NODE_PACKAGES = (
    "busybox-static", "ca-certificates", "conntrack", "containerd", "containernetworking-plugins", "ethtool",
    "iproute2", "iptables", "kmod", "procps", "runc",
)  # fmt: skip
BUSYBOX_COMMANDS = (
    "cat", "chmod", "chown", "cp", "date", "dd", "df", "du", "echo", "env", "false", "find", "grep", "head", "id", "ls",
    "mkdir", "mv", "nc", "nslookup", "ps", "rm", "sed", "sh", "sleep", "stat", "sync", "tail", "test", "touch", "true",
    "wget",
)  # fmt: skip
PUBLIC_ETCD = "gcr.io/etcd-development/etcd"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is written as an archive, of programs that were built here."""

    ref: str
    entrypoint: tuple[str, ...]
    files: Mapping[str, Path]
    links: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()  # further names that it has on the nodes

    @property
    def archive(self) -> Path:
        """The docker-archive file, written if the cache does not have it."""
        # Programs lie in folders named by what they were built from, so their paths say all about their content.
        facts = repr((self.ref, self.entrypoint, sorted(self.files.items()), sorted(self.links.items())))
        source = Path(archives.__file__)
        name = self.ref.rpartition("/")[2].replace(":", "-")
        return cache.keep("images", f"{name}-{cache.digest(facts, files=[source])}", self._write) / "image.tar"

    def _write(self, into: Path) -> None:
        archives.write(
            into / "image.tar", self.ref, entrypoint=self.entrypoint, files=self.files, links=self.links
        )  # fmt: skip


def pause() -> Image:
    """The image of every Pod's first process."""
    return Image("localhost/pause:1", ("/pause",), {"/pause": builds.PAUSE.build() / "pause"})


def coredns() -> Image:
    """The image of the cluster's DNS."""
    program = builds.COREDNS.build() / "coredns"
    return Image(f"localhost/coredns:v{versions.COREDNS}", ("/coredns",), {"/coredns": program})


def local_path() -> Image:
    """The image of what makes volumes."""
    name = "local-path-provisioner"
    program = builds.LOCAL_PATH.build() / name
    return Image(f"localhost/{name}:v{versions.LOCAL_PATH}", (f"/{name}",), {f"/{name}": program})


def busybox() -> Image:
    """The image with a shell, for the provisioner's helper and for tests that look around in a Pod."""
    links = {f"/bin/{command}": "busybox" for command in BUSYBOX_COMMANDS}
    return Image(f"localhost/busybox:{versions.BUSYBOX}", ("/bin/sh",), {"/bin/busybox": _busybox()}, links)


def etcd(version: str) -> Image:
    """The image of etcd `version` (`3.6` or `3.6.16`): no shell in it, and named as the public one too."""
    module = builds.etcd(version)
    folder = module.build()
    files = {f"/usr/local/bin/{program}": folder / program for program in ("etcd", "etcdctl", "etcdutl")}
    names = (f"localhost/etcd:v{module.version}", f"{PUBLIC_ETCD}:v{module.version}")
    return Image(names[0], ("/usr/local/bin/etcd",), files, aliases=names[1:])


def for_addons() -> tuple[Image, ...]:
    """What the nodes need before DNS and volumes can be started."""
    return (pause(), busybox(), coredns(), local_path())


def for_etcd() -> tuple[Image, ...]:
    """Every etcd that the nodes hold from the start."""
    return tuple(etcd(minor) for minor in versions.ETCD)


def load_into_engine(image: Image) -> None:
    """Give the local Docker engine the image, for tests that start etcd as a container there."""
    if not bases.has_image(image.ref):
        with image.archive.open("rb") as archive:
            engine.client().images.load(archive)


def node() -> str:
    """Return the ref of the nodes' image in the local Docker engine, made if it is not there."""
    facts = repr((versions.NODE_DEBIAN, NODE_PACKAGES))
    ref = f"localhost/etcd-operator-node:{cache.digest(facts)}"
    with cache.lock("node-image"):
        if bases.has_image(ref):
            return ref
        if bases.pulled(NODE_BASE):
            _build_node(ref)
        else:
            bases.bootstrap(ref, release=versions.NODE_DEBIAN, packages=NODE_PACKAGES, usually=45)
    return ref


def _build_node(ref: str) -> None:
    install = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(NODE_PACKAGES)}"
    recipe = f"FROM {NODE_BASE}\nRUN {install} && rm -rf /var/lib/apt/lists/* /var/cache/apt\n"
    with progress.step("Building the nodes' image", usually=45):
        engine.client().images.build(fileobj=io.BytesIO(recipe.encode()), tag=ref, rm=True)


def _busybox() -> Path:
    ref = node()

    def extract(into: Path) -> None:
        container = engine.client().containers.create(ref, command="true")
        try:
            chunks, _ = container.get_archive("/bin/busybox")
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
                found = tar.extractfile("busybox")
                if found is None:
                    raise LocalClusterError(f"{ref} has no file /bin/busybox")
                (into / "busybox").write_bytes(found.read())
        finally:
            container.remove()

    return cache.keep("programs", f"busybox-{ref.rpartition(':')[2]}", extract) / "busybox"
