"""The local cluster as a thing with verbs: what tests, benchmarks and the demo use."""

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import Any, Literal

from e2e.cluster import bases, binaries, builds, cache, engine, firewall, images, kubectl, nodes, progress, transfer
from e2e.cluster.commands import succeeds
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.node_files import files, kubeconfig
from e2e.cluster.pki import Authority, write_secret
from e2e.cluster.settings import Node, Settings
from e2e.cluster.waiting import until

ADDONS = Path(__file__).parent / "addons"
Dns = Literal["plain", "caching"]


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
            if not self._complete():
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
            if not self._furnished(Made.NOTE):
                self._furnish()
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
        self._rolled_out("kube-system", "coredns", seconds)
        self._rolled_out("local-path-storage", "local-path-provisioner", seconds)
        until(self._names_are_found, "DNS answers on all nodes", seconds=seconds, every=0.2)

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

    def set_dns(self, setting: Dns) -> None:
        """Switch DNS: `plain` answers are at most 1 s old; `caching` repeats each, also "no such name", for 30 s.

        Returns when only the new setting answers.
        """
        patch = f'[{{"op": "replace", "path": "{DNS_CONFIG}", "value": "coredns-{setting}"}}]'
        self.kubectl("--namespace=kube-system", "patch", "deployment", "coredns", "--type=json", f"--patch={patch}")
        self._rolled_out("kube-system", "coredns", 60)

        def only_new_ones() -> bool:
            return len(self.kubectl("-nkube-system", "get", "pods", "-lk8s-app=kube-dns", "-oname").split()) == 1

        until(only_new_ones, "the old DNS server is gone", seconds=60)

    def load_image(self, ref: str) -> None:
        """Give all running nodes the image `ref` of the local Docker engine, under the same name."""
        if not bases.has_image(ref):
            raise LocalClusterError(f"the local Docker engine has no image {ref}")
        targets = self._running_nodes()
        present = set.intersection(*(nodes.blobs_of(node) for node in targets)) if targets else set()
        name = f"{cache.digest(ref, str(os.getpid()))}.tar"
        with nodes.inbox(self.settings, name) as (file, seen), progress.step(f"Loading {ref} into the nodes"):
            with tempfile.NamedTemporaryFile(dir=cache.folder("tmp")) as saved:
                for chunk in engine.client().images.get(ref).save(named=True):
                    saved.write(chunk)
                saved.flush()
                transfer.shrink(Path(saved.name), file, ref=ref, present=present)
            _together(lambda node: nodes.import_archive(node, seen), targets)

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

    def _running_nodes(self) -> list[Node]:
        return [node for node in self.settings.nodes if nodes.container(node).status == "running"]

    def _complete(self) -> bool:
        return self.kubeconfig.exists() and set(nodes.found(self.settings)) == set(self.nodes)

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
        admin = authority.issue("admin", group="system:masters")
        write_secret(self.kubeconfig, kubeconfig(self.settings, authority.certificate, admin))

    def _clear(self) -> None:
        if engine.answers():
            nodes.remove_all(self.settings)
        firewall.close_routes(self.settings)
        shutil.rmtree(self.settings.state, ignore_errors=True)

    def _answers(self) -> bool:
        command: list[str | Path] = [
            binaries.ensure("kubectl"),
            f"--kubeconfig={self.kubeconfig}",
            "get",
            "--raw=/readyz",
        ]
        return succeeds(command, timeout=5)

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

    def _names_are_found(self) -> bool:
        lookup = ["busybox", "nslookup", "kubernetes.default.svc.cluster.local", str(self.settings.dns)]
        return all(nodes.can(node, lookup) for node in self.settings.nodes)

    def _import(self, wanted: Sequence[images.Image]) -> None:
        def import_missing(node: Node) -> None:
            present = nodes.images_of(node)
            for image in wanted:
                if not present.issuperset({image.ref, *image.aliases}):
                    archive = Path("/images", image.archive.parent.name, image.archive.name)
                    nodes.import_archive(node, str(archive), aliases=image.aliases)

        _together(import_missing, self.settings.nodes)

    def _label_control_plane(self) -> None:
        name = self.settings.control_plane.name
        until(lambda: name in self.kubectl("get", "nodes", "-oname"), f"{name} registers itself", seconds=60)
        self.kubectl("label", "--overwrite", "node", name, "node-role.kubernetes.io/control-plane=")

    def _apply_addons(self) -> None:
        values = {
            "busybox": images.busybox().ref,
            "coredns": images.coredns().ref,
            "dns": self._dns_in_use(),
            "dns_address": str(self.settings.dns),
            "local_path": images.local_path().ref,
        }
        for addon in sorted(ADDONS.glob("*.yaml")):
            with nodes.inbox(self.settings, addon.name) as (file, _):
                # Shell variables of the addons' own scripts stay as they are.
                file.write_text(Template(addon.read_text()).safe_substitute(values))
                self.kubectl("apply", f"--filename={file}")

    def _dns_in_use(self) -> str:
        path = "{.spec.template.spec.volumes[0].configMap.name}"
        used = self.kubectl(
            "-nkube-system", "get", "deployment", "coredns", "--ignore-not-found", f"-ojsonpath={path}"
        )  # fmt: skip
        return used.removeprefix("coredns-") or "plain"

    def _rolled_out(self, namespace: str, deployment: str, seconds: float) -> None:
        self.kubectl(
            f"--namespace={namespace}", "rollout", "status", f"deployment/{deployment}", f"--timeout={seconds:.0f}s",
            timeout=seconds + 10,
        )  # fmt: skip


DNS_CONFIG = "/spec/template/spec/volumes/0/configMap/name"


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


def _together(work: Callable[[Node], None], on: Iterable[Node]) -> None:
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(work, on):
            pass
