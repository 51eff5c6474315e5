"""The local cluster does to nodes and network what scenarios rely on; a second one, beside that of the developer."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Literal

import pytest

from e2e.cluster import engine, images, versions
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.local import LocalCluster
from e2e.cluster.settings import Settings
from e2e.cluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSYBOX = f"localhost/busybox:{versions.BUSYBOX}"
SETTINGS = Settings(
    name="local-cluster-test",
    machines=IPv4Network("10.205.0.0/24"),
    pods=IPv4Network("10.206.0.0/16"),
    services=IPv4Network("10.207.0.0/16"),
)


@pytest.fixture(scope="module")
def started() -> Iterator[LocalCluster]:
    cluster = LocalCluster(SETTINGS)
    cluster.start()
    yield cluster
    cluster.stop()
    assert left_behind() == []


@pytest.fixture
def cluster(started: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster as it was started: what the test before cut or powered off is mended."""
    yield started
    for node in started.nodes:
        started.power_on(node)
    started.heal()
    started.wait_ready()


def test_starting_it_again_changes_nothing(cluster: LocalCluster) -> None:
    before = cluster.kubectl("get", "nodes", "-ojsonpath={.items[*].metadata.uid}")
    cluster.start()
    assert cluster.kubectl("get", "nodes", "-ojsonpath={.items[*].metadata.uid}") == before


def test_each_node_is_a_zone_and_the_first_the_control_plane(cluster: LocalCluster) -> None:
    shown = cluster.kubectl("get", "nodes", "-Ltopology.kubernetes.io/zone", "--no-headers").splitlines()
    assert [line.split()[-1] for line in shown] == ["a", "b", "c"]
    assert [("control-plane" in line) for line in shown] == [True, False, False]


def test_logs_exec_volumes_and_names_work_in_a_pod(cluster: LocalCluster) -> None:
    run_pod(cluster, "writer", "echo hello; echo kept > /data/file; exec sleep 3600", zone="b")
    assert cluster.kubectl("logs", "writer") == "hello\n"
    assert cluster.kubectl("exec", "writer", "--", "cat", "/data/file") == "kept\n"
    assert "10.207.0.1" in cluster.kubectl("exec", "writer", "--", "nslookup", "kubernetes.default.svc.cluster.local")


def test_a_pod_is_reached_from_this_machine(cluster: LocalCluster) -> None:
    run_pod(cluster, "server", "echo found > /tmp/page; exec busybox httpd -f -p 8080 -h /tmp", zone="c")
    address = cluster.kubectl("get", "pod", "server", "-ojsonpath={.status.podIP}")
    until(lambda: fetched(address) == "found\n", "the Pod serves its page", seconds=20)


def test_a_node_without_power_is_noticed_and_comes_back_with_its_disk(cluster: LocalCluster) -> None:
    run_pod(cluster, "sleeper", "echo once >> /data/starts; exec sleep 3600", zone="b")
    node = cluster.nodes[1]
    cluster.power_off(node)
    until(lambda: ready(cluster, node) == "Unknown", f"{node} is missed", seconds=60, every=0.5)
    cluster.power_on(node)
    cluster.wait_ready()

    def started_twice() -> bool:
        return cluster.exec_on_node(node, ["sh", "-c", "cat /var/lib/local-path/*sleeper*/starts"]) == "once\nonce\n"

    until(started_twice, "the Pod runs again on its old volume", seconds=60, every=0.5)


def test_a_frozen_node_is_missed_and_runs_on(cluster: LocalCluster) -> None:
    node = cluster.nodes[2]
    uptime = cluster.exec_on_node(node, ["stat", "-c", "%Y", "/proc/1"])
    cluster.freeze(node)
    with pytest.raises(LocalClusterError, match="paused"):
        cluster.exec_on_node(node, ["true"])
    until(lambda: ready(cluster, node) == "Unknown", f"{node} is missed", seconds=60, every=0.5)
    cluster.thaw(node)
    until(lambda: ready(cluster, node) == "True", f"{node} is back", seconds=60, every=0.5)
    assert cluster.exec_on_node(node, ["stat", "-c", "%Y", "/proc/1"]) == uptime


def test_a_cut_stops_what_passes_between_two_nodes_and_nothing_else(cluster: LocalCluster) -> None:
    first, second, third = cluster.nodes
    cluster.cut(second, third)
    assert not reaches(cluster, second, third)
    assert not reaches(cluster, third, second)
    assert reaches(cluster, first, second)
    assert reaches(cluster, third, first)
    cluster.heal()
    assert reaches(cluster, second, third)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("silence", "Client.Timeout|deadline exceeded"),  # as it waited for an answer, or for the connection
        ("refusal", "was refused"),
    ],
)
def test_nobody_reaches_an_apiserver_that_is_cut_off(
    cluster: LocalCluster, answer: Literal["silence", "refusal"], complaint: str
) -> None:
    cluster.cut_apiserver(answer)
    with pytest.raises(LocalClusterError, match=complaint):
        cluster.kubectl("get", "--raw=/readyz", "--request-timeout=2s")
    cluster.heal()
    assert cluster.kubectl("get", "--raw=/readyz") == "ok"


@pytest.mark.parametrize("program", ["kube-apiserver", "etcd", "kube-controller"])
def test_a_program_of_the_control_plane_that_dies_is_started_again(cluster: LocalCluster, program: str) -> None:
    control = cluster.nodes[0]
    before = cluster.exec_on_node(control, ["pgrep", "-x", program])
    cluster.exec_on_node(control, ["pkill", "-KILL", "-x", program])

    def another_runs() -> bool:
        found = cluster.exec_on_node(control, ["sh", "-c", f"pgrep -x {program} || true"])
        return bool(found) and found != before

    until(another_runs, f"{program} runs again", seconds=30)
    until(cluster.running, "the apiserver answers", seconds=60)


def test_the_whole_cluster_survives_a_power_cut(cluster: LocalCluster) -> None:
    cluster.kubectl("create", "configmap", "proof", "--from-literal=kept=yes")
    for node in cluster.nodes:
        cluster.power_off(node)
    assert not cluster.running()
    for node in cluster.nodes:
        cluster.power_on(node)
    until(cluster.running, "the apiserver answers", seconds=60)
    cluster.wait_ready()
    assert cluster.kubectl("get", "configmap", "proof", "-ojsonpath={.data.kept}") == "yes"


def test_caching_dns_repeats_an_answer_that_is_no_longer_true(cluster: LocalCluster) -> None:
    run_pod(cluster, "asker", "exec sleep 3600", zone="a")
    cluster.set_dns("caching")
    assert "NXDOMAIN" in asked(cluster, "late-1")
    cluster.kubectl("create", "service", "clusterip", "late-1", "--tcp=80")
    assert "NXDOMAIN" in asked(cluster, "late-1")
    cluster.set_dns("plain")
    assert "NXDOMAIN" in asked(cluster, "late-2")
    cluster.kubectl("create", "service", "clusterip", "late-2", "--tcp=80")
    until(lambda: "NXDOMAIN" not in asked(cluster, "late-2"), "the new name is found", seconds=5)


def test_an_image_is_loaded_under_its_own_name(cluster: LocalCluster) -> None:
    etcd = images.etcd("3.7")
    images.load_into_engine(etcd)
    engine.client().images.get(etcd.ref).tag("localhost/somebody/etcd", "mine")
    cluster.load_image("localhost/somebody/etcd:mine")
    for node in cluster.nodes:
        assert "localhost/somebody/etcd:mine" in cluster.exec_on_node(
            node, ["ctr", "-n", "k8s.io", "images", "ls", "-q"]
        )
    with pytest.raises(LocalClusterError, match="has no image localhost/nobody:1"):
        cluster.load_image("localhost/nobody:1")


def test_a_node_that_there_is_not_is_refused_by_name(cluster: LocalCluster) -> None:
    with pytest.raises(LocalClusterError, match="no node node-9 here: say one of local-cluster-test-1"):
        cluster.power_off("node-9")


def run_pod(cluster: LocalCluster, name: str, script: str, *, zone: str) -> None:
    """Start a Pod with a volume at /data, and return when it runs."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "nodeSelector": {"topology.kubernetes.io/zone": zone},
            "containers": [
                {
                    "name": "main",
                    "image": BUSYBOX,
                    "command": ["sh", "-c", script],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        },
    }
    cluster.apply(claim, pod)
    cluster.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s", timeout=70)


def ready(cluster: LocalCluster, node: str) -> str:
    return cluster.kubectl("get", "node", node, '-ojsonpath={.status.conditions[?(@.type=="Ready")].status}')


def reaches(cluster: LocalCluster, one: str, other: str) -> bool:
    address = cluster.kubectl("get", "node", other, '-ojsonpath={.status.addresses[?(@.type=="InternalIP")].address}')
    try:
        cluster.exec_on_node(one, ["busybox", "ping", "-c", "1", "-W", "1", address])
    except LocalClusterError:
        return False
    return True


def asked(cluster: LocalCluster, service: str) -> str:
    lookup = f"nslookup {service}.default.svc.cluster.local || true"
    return cluster.kubectl("exec", "asker", "--", "sh", "-c", lookup)


def fetched(address: str) -> str:
    done = subprocess.run(
        ["curl", "--silent", "--max-time", "2", f"http://{address}:8080/page"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def left_behind() -> list[str]:
    """Return what of the cluster is still on this machine."""
    client = engine.client()
    wanted = {"label": f"etcd-operator.dev/local-cluster={SETTINGS.name}"}
    found = [
        *(str(container.name) for container in client.containers.list(all=True, filters=wanted)),
        *(str(network.name) for network in client.networks.list(filters=wanted)),
        *(str(volume.name) for volume in client.volumes.list(filters=wanted)),
    ]
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    found += [line for line in routes.splitlines() if line.startswith(("10.205.", "10.206.", "10.207."))]
    return found
