"""What makes a bare Kubernetes a usable one: names and volumes."""

from pathlib import Path
from string import Template
from typing import Literal

from e2e.cluster import cache, images, kubectl, loading, nodes
from e2e.cluster.settings import Settings
from e2e.cluster.waiting import until

MANIFESTS = sorted((Path(__file__).parent / "manifests").glob("*.yaml"))
DNS_CONFIG = "/spec/template/spec/volumes/0/configMap/name"
Dns = Literal["plain", "caching"]


def install(settings: Settings) -> None:
    """Install DNS and the volume provisioner, and give the nodes every etcd; does nothing where that was done."""
    installed = settings.state / "installed"
    wanted = _everything()
    if installed.exists() and installed.read_text() == wanted:
        return
    loading.import_missing(settings, images.for_addons())
    _label_control_plane(settings)
    for manifest in MANIFESTS:
        _apply(settings, manifest)
    loading.import_missing(settings, images.for_etcd())
    installed.write_text(wanted)


def wait(settings: Settings, *, seconds: float) -> None:
    """Return when DNS answers on every node and volumes can be made, within `seconds`."""
    _rolled_out(settings, "kube-system", "coredns", seconds)
    _rolled_out(settings, "local-path-storage", "local-path-provisioner", seconds)
    lookup = ["busybox", "nslookup", "kubernetes.default.svc.cluster.local", str(settings.dns)]

    def names_are_found() -> bool:
        return all(nodes.can(node, lookup) for node in settings.nodes)

    until(names_are_found, "DNS answers on all nodes", seconds=seconds, every=0.2)


def set_dns(settings: Settings, setting: Dns) -> None:
    """Switch DNS to `setting`, and return when nothing else answers any more."""
    patch = f'[{{"op": "replace", "path": "{DNS_CONFIG}", "value": "coredns-{setting}"}}]'
    _kubectl(settings, "-nkube-system", "patch", "deployment", "coredns", "--type=json", f"--patch={patch}")
    _rolled_out(settings, "kube-system", "coredns", 60)

    def one_is_left() -> bool:
        return len(_kubectl(settings, "-nkube-system", "get", "pods", "-lk8s-app=kube-dns", "-oname").split()) == 1

    until(one_is_left, "the old DNS server is gone", seconds=60)


def _everything() -> str:
    archives = (image.archive.parent.name for image in (*images.for_addons(), *images.for_etcd()))
    return cache.digest(*archives, files=MANIFESTS)


def _label_control_plane(settings: Settings) -> None:
    name = settings.control_plane.name
    until(lambda: name in _kubectl(settings, "get", "nodes", "-oname"), f"{name} registers itself", seconds=60)
    _kubectl(settings, "label", "--overwrite", "node", name, "node-role.kubernetes.io/control-plane=")


def _apply(settings: Settings, manifest: Path) -> None:
    values = {
        "busybox": images.busybox().ref,
        "coredns": images.coredns().ref,
        "dns": _dns_in_use(settings),
        "dns_address": str(settings.dns),
        "local_path": images.local_path().ref,
    }
    # Shell variables of the manifests' own scripts stay as they are.
    filled = Template(manifest.read_text()).safe_substitute(values)
    kubectl.run(settings.kubeconfig, "apply", "--filename=-", timeout=60, stdin=filled)


def _dns_in_use(settings: Settings) -> str:
    path = "{.spec.template.spec.volumes[0].configMap.name}"
    used = _kubectl(settings, "-nkube-system", "get", "deploy", "coredns", "--ignore-not-found", f"-ojsonpath={path}")
    return used.removeprefix("coredns-") or "plain"


def _rolled_out(settings: Settings, namespace: str, deployment: str, seconds: float) -> None:
    status = (f"-n{namespace}", "rollout", "status", f"deployment/{deployment}", f"--timeout={seconds:.0f}s")
    kubectl.run(settings.kubeconfig, *status, timeout=seconds + 10)


def _kubectl(settings: Settings, *arguments: str) -> str:
    return kubectl.run(settings.kubeconfig, *arguments, timeout=60)
