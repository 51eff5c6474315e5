"""Nodes as containers of the local Docker engine: made, powered off and on, frozen, and cut from each other."""

import datetime as dt
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # nodes outlive the process that made them

from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from e2e.cluster import builds, cache, engine, images
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.node_files import FILES
from e2e.cluster.settings import Node, Settings

LABEL = "etcd-operator.dev/local-cluster"
START = Path(__file__).parent / "node" / "start.sh"
API_VERSION = "1.41"  # of the Docker engine, the oldest that we use
# What `--privileged` gives, without CAP_SYS_RESOURCE: where a machine itself lacks it, `--privileged` cannot start.
RIGHTS: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
    "devices": ["/dev/kmsg:/dev/kmsg"],
}


def make(settings: Settings, node: Node) -> None:
    """Make and start one node; its network must be there. Its disk is a volume, so it survives being powered off."""
    volume = engine.client().volumes.create(node.name, labels={LABEL: settings.name})
    programs = ["/opt/kubernetes", *(["/opt/etcd"] if node.control_plane else [])]
    container = DockerContainer(images.node(), name=node.name).with_command(["/bin/bash", f"{FILES}/start.sh"])
    container.with_envs(
        APISERVER=str(settings.control_plane.address),
        PODS=str(settings.pods),
        PATH=":".join([*programs, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
    )
    container.with_volume_mapping(builds.KUBERNETES.build(), "/opt/kubernetes")
    container.with_volume_mapping(settings.state / "nodes" / node.name, FILES)
    container.with_volume_mapping(settings.state / "inbox", "/inbox")
    container.with_volume_mapping(cache.folder("images"), "/images")
    container.with_volume_mapping(str(volume.name), "/var", "rw")
    if node.control_plane:
        container.with_volume_mapping(builds.etcd("3.6").build(), "/opt/etcd")
    for scratch in ("/run", "/tmp"):  # noqa: S108 - mount points in the node
        container.tmpfs[scratch] = "exec"
    container.with_kwargs(
        hostname=node.name,
        labels={LABEL: settings.name},
        network=settings.name,
        networking_config={settings.name: EndpointConfig(API_VERSION, ipv4_address=str(node.address))},
        **RIGHTS,
    )
    container.start()


def make_network(settings: Settings) -> None:
    """Make the nodes' network; raises LocalClusterError when its addresses are in use."""
    pool = IPAMPool(subnet=str(settings.machines))
    network = Network(
        docker_network_kw={"ipam": IPAMConfig(pool_configs=[pool]), "labels": {LABEL: settings.name}}
    )  # fmt: skip
    network.name = settings.name
    try:
        network.create()
    except APIError as error:
        raise LocalClusterError(
            f"the network {settings.machines} for the nodes cannot be made ({error.explanation}); "
            "set LOCAL_CLUSTER_MACHINES to a free /24"
        ) from error


def unused_bridge(settings: Settings) -> str | None:
    """Return the name of the network's interface on this machine if no container is on the network, else None."""
    network = engine.client().networks.get(settings.name)
    return None if network.attrs["Containers"] else f"br-{network.short_id}"


def found(settings: Settings) -> dict[str, Container]:
    """Return the containers that there are for the cluster, by node name, in whatever state."""
    wanted = {"label": f"{LABEL}={settings.name}"}
    containers = engine.client().containers.list(all=True, filters=wanted)
    return {str(container.name): container for container in containers}


def remove_all(settings: Settings) -> None:
    """Remove the containers, the network and the volumes of the cluster, however much of them there is."""
    client = engine.client()
    for container in found(settings).values():
        container.remove(force=True, v=True)
    wanted = {"label": f"{LABEL}={settings.name}"}
    for network in client.networks.list(filters=wanted):
        network.remove()
    for volume in client.volumes.list(filters=wanted):
        volume.remove()


def container(node: Node) -> Container:
    """Return the container of `node`; raises LocalClusterError when there is none."""
    try:
        return engine.client().containers.get(node.name)
    except NotFound as error:
        raise LocalClusterError(f"there is no node {node.name}: the cluster is not up") from error


def run(node: Node, command: Sequence[str]) -> str:
    """Run `command` on a node and return what it prints; raises LocalClusterError with that when it fails."""
    try:
        code, printed = container(node).exec_run(list(command))
    except APIError as error:
        raise LocalClusterError(f"{node.name} takes no command: {error.explanation}") from error
    text = bytes(printed).decode(errors="replace")
    if code != 0:  # None when the command was cut short
        raise LocalClusterError(f"`{shlex.join(command)}` failed on {node.name}: {text.strip()}")
    return text


def can(node: Node, command: Sequence[str]) -> bool:
    """Return whether `command` ends well on a node."""
    try:
        run(node, command)
    except LocalClusterError:
        return False
    return True


def runs(node: Node) -> bool:
    """Return whether the node has power and is not frozen."""
    return bool(container(node).status == "running")


def powered_on_at(node: Node) -> dt.datetime:
    """Return when the node was last powered on."""
    return dt.datetime.fromisoformat(container(node).attrs["State"]["StartedAt"])


def power_off(node: Node) -> None:
    """Take the power away: every process of the node ends at once, nothing is written any more."""
    machine = container(node)
    match machine.status:
        case "paused":
            machine.unpause()
            machine.kill()
        case "running":
            machine.kill()


def power_on(node: Node) -> None:
    """Start a node that is off, or let a frozen one run; harmless for one that runs."""
    machine = container(node)
    match machine.status:
        case "paused":
            machine.unpause()
        case "running":
            pass
        case _:
            try:
                machine.start()
            except APIError:
                # After a crash of the whole engine a first start fails on the dead container's groups; it removes them.
                machine.start()


def freeze(node: Node) -> None:
    """Stop every process of the node where it stands; its connections stay open and silent."""
    if container(node).status == "running":
        container(node).pause()


def import_archive(node: Node, archive: str, *, aliases: Sequence[str] = ()) -> None:
    """Give the node's container runtime the image in `archive`, a path on the node; its first name gets `aliases`."""
    printed = run(node, ["ctr", "-n", "k8s.io", "images", "import", archive])
    for alias in aliases:
        name = printed.split()[1]
        run(node, ["ctr", "-n", "k8s.io", "images", "tag", "--force", name, alias])


def images_of(node: Node) -> set[str]:
    """Return the names of the images that the node's container runtime holds."""
    return set(run(node, ["ctr", "-n", "k8s.io", "images", "list", "-q"]).split())


def blobs_of(node: Node) -> set[str]:
    """Return the digests of all content that the node's container runtime holds."""
    return set(run(node, ["ctr", "-n", "k8s.io", "content", "list", "-q"]).split())


@contextmanager
def inbox(settings: Settings, name: str) -> Iterator[tuple[Path, str]]:
    """Yield a path to write a file to, and where the nodes see it; the file is removed afterwards."""
    file = settings.state / "inbox" / name
    try:
        yield file, f"/inbox/{name}"
    finally:
        file.unlink(missing_ok=True)
