"""The local cluster as a thing with verbs: what tests, benchmarks and the demo use."""

import datetime as dt
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from e2e.cluster import addons, builds, cache, engine, firewall, images, kubectl, loading, nodes, progress
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.node_files import files, kubeconfig
from e2e.cluster.pki import Authority, write_secret
from e2e.cluster.settings import Node, Settings
from e2e.cluster.waiting import until

RECIPE = tuple(Path(__file__).parent / name for name in ("node/start.sh", "node_files.py", "nodes.py", "settings.py"))


class LocalCluster:
    """A Kubernetes of three nodes on this machine; several processes may hold one at a time.

    All verbs block until they have taken effect and raise LocalClusterError when they cannot.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it is there once the cluster was started."""
        return self.settings.kubeconfig

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes; the first is the control plane."""
        return tuple(node.name for node in self.settings.nodes)

    def start(self) -> None:
        """Return when all nodes are Ready and DNS and volumes work; cheap when they do already.

        Builds what the cache lacks, starts a Docker engine where none answers, powers on nodes that are off, undoes
        cuts, and clears away what an interrupted start left.
        """
        engine.ensure()
        prepare()
        with cache.lock(f"cluster-{self.settings.name}"):
            if self._complete():
                self._compare_recipe()
            else:
                self._clear()
                with progress.step("Starting three nodes", usually=5):
                    self._make()
            firewall.remove_dead_links(self.settings)
            for node in self.settings.nodes:
                nodes.power_on(node)
                firewall.heal(node)
            firewall.open_routes(self.settings)
            with progress.step("Waiting until Kubernetes answers", usually=8):
                until(self._answers, "the apiserver is ready; its log is in the node's /var/log/node", seconds=120)
            with progress.step("Installing DNS, volumes and etcd images", usually=10):
                addons.install(self.settings)
            with progress.step("Waiting until nodes, DNS and volumes are ready", usually=5):
                self.wait_ready()

    def stop(self) -> None:
        """Remove the cluster and all its data; nothing of it stays on this machine but the cache."""
        with cache.lock(f"cluster-{self.settings.name}"):
            self._clear()

    def running(self) -> bool:
        """Return whether all nodes run and the apiserver answers."""
        return engine.answers() and self._complete() and self._answers()

    def wait_ready(self, *, seconds: float = 120) -> None:
        """Return when every node is Ready, DNS answers on each and volumes can be made, within `seconds`.

        What Kubernetes still says of a node that lost its power meanwhile does not count.
        """
        until(self._ready, "all nodes are Ready", seconds=seconds, every=0.2)
        addons.wait(self.settings, seconds=seconds)

    def power_off(self, node: str) -> None:
        """Take a node's power away: all its processes end at once. Its disk keeps what was written."""
        nodes.power_off(self._node(node))

    def power_on(self, node: str) -> None:
        """Give a node its power back, or let a frozen one run on; returns when its programs are being started."""
        nodes.power_on(self._node(node))

    def freeze(self, node: str) -> None:
        """Let a node stand still: its processes keep memory and connections, and do nothing."""
        nodes.freeze(self._node(node))

    def thaw(self, node: str) -> None:
        """Let a frozen node run on."""
        nodes.power_on(self._node(node))

    def cut(self, one: str, other: str) -> None:
        """Drop all traffic between two nodes and their Pods, until `heal` or until one of them is powered off.

        Whoever is cut from the first node is cut from the apiserver and from DNS, too.
        """
        firewall.cut(self._node(one), self._node(other))

    def cut_apiserver(self, answer: firewall.Answer = "silence") -> None:
        """Make the apiserver unreachable for all: calls hang (`silence`) or fail (`refusal`), until `heal`."""
        firewall.cut_apiserver(self.settings.control_plane, answer)

    def heal(self) -> None:
        """Undo all cuts, on every node that runs."""
        for node in self.settings.nodes:
            firewall.heal(node)

    def set_dns(self, setting: addons.Dns) -> None:
        """Switch DNS: `plain` answers are at most 1 s old; `caching` repeats each, also "no such name", for 30 s.

        Returns when only the new setting answers.
        """
        addons.set_dns(self.settings, setting)

    def load_image(self, ref: str) -> None:
        """Give all running nodes the image `ref` of the local Docker engine, under the same name."""
        with progress.step(f"Loading {ref} into the nodes"):
            loading.load(self.settings, ref)

    def have_etcd(self, version: str) -> None:
        """Give all nodes the image of this etcd, built first; every minor's newest release they have from the start."""
        loading.import_missing(self.settings, [images.etcd(version)])

    def exec_on_node(self, node: str, command: Sequence[str]) -> str:
        """Run `command` on a node and return what it prints; raises LocalClusterError with that when it fails."""
        return nodes.run(self._node(node), command)

    def kubectl(self, *arguments: str, timeout: float = 60) -> str:
        """Return what kubectl prints; raises LocalClusterError with its complaint, or after `timeout` seconds."""
        return kubectl.run(self.kubeconfig, *arguments, timeout=timeout)

    def apply(self, *objects: dict[str, Any], timeout: float = 60) -> None:
        """Apply `objects` in their order; raises LocalClusterError with kubectl's complaint."""
        kubectl.apply(self.kubeconfig, *objects, timeout=timeout)

    def _node(self, name: str) -> Node:
        for node in self.settings.nodes:
            if node.name == name:
                return node
        raise LocalClusterError(f"no node {name} here: say one of {', '.join(self.nodes)}")

    def _complete(self) -> bool:
        return self.kubeconfig.exists() and set(nodes.found(self.settings)) == set(self.nodes)

    def _compare_recipe(self) -> None:
        if (self.settings.state / "recipe").read_text() != _recipe():
            progress.note("this cluster was made by another version of e2e/cluster: `make clean` first for a new one")

    def _make(self) -> None:
        firewall.check_free(self.settings)
        firewall.see_bridged_packets()
        self._write_files()
        nodes.make_network(self.settings)
        for node in self.settings.nodes:
            nodes.make(self.settings, node)

    def _write_files(self) -> None:
        state = self.settings.state
        authority = Authority(self.settings.name, now=dt.datetime.now(dt.UTC))
        for node in self.settings.nodes:
            folder = state / "nodes" / node.name
            folder.mkdir(parents=True)
            for name, content in files(self.settings, node, authority).items():
                write_secret(folder / name, content)
            shutil.copy(nodes.START, folder / "start.sh")
        (state / "inbox").mkdir()
        (state / "recipe").write_text(_recipe())
        admin = authority.issue("admin", group="system:masters")
        write_secret(self.kubeconfig, kubeconfig(self.settings, authority.certificate, admin))

    def _clear(self) -> None:
        if engine.answers():
            nodes.remove_all(self.settings)
        firewall.close_routes(self.settings)
        shutil.rmtree(self.settings.state, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            self.kubectl("get", "--raw=/readyz", timeout=5)
        except LocalClusterError:
            return False
        return True

    def _ready(self) -> bool:
        path = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
        if self.kubectl("get", "nodes", f"-ojsonpath={path}").split() != ["True"] * len(self.nodes):
            return False
        # A condition outlives its node by seconds; the sign of life that a kubelet gives when it starts does not.
        signs = self.kubectl(
            "-nkube-node-lease", "get", "leases", "-ojsonpath={range .items[*]}{.metadata.name} {.spec.renewTime} {end}"
        )
        renewed = signs.split()
        seen = {name: dt.datetime.fromisoformat(at) for name, at in zip(renewed[::2], renewed[1::2], strict=True)}
        return all(node.name in seen and seen[node.name] > nodes.powered_on_at(node) for node in self.settings.nodes)


def _recipe() -> str:
    return cache.digest(images.node(), str(builds.KUBERNETES.build()), files=RECIPE)


def prepare() -> None:
    """Make sure that the cache has every program and image; downloads and compilers work at the same time."""

    def build_programs() -> None:
        for module in builds.ALL:
            module.build()

    with ThreadPoolExecutor(2) as pool:
        programs, node_image = pool.submit(build_programs), pool.submit(images.node)
        programs.result()
        node_image.result()
    for image in (*images.for_addons(), *images.for_etcd()):
        image.archive  # noqa: B018 - written when it is first asked for
