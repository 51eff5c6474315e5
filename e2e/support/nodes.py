"""What somebody with power over a node can do to a Pod behind Kubernetes' back."""

from e2e.cluster import Cluster
from e2e.support.kube import Json, Kind, Kube


def signal_container(cluster: Cluster, pod: Json, container: str, signal: str) -> None:
    """Send `signal` to the first process of a Pod's container."""
    statuses = pod["status"]["containerStatuses"]
    identifier = next(status["containerID"] for status in statuses if status["name"] == container)
    _signal(cluster, pod, identifier.removeprefix("containerd://"), signal)


def kill_sandbox(cluster: Cluster, pod: Json) -> None:
    """Kill the process that holds a Pod's network: all its containers start anew, the init containers first."""
    selected = f'labels."io.kubernetes.pod.uid"=={pod["metadata"]["uid"]},labels."io.cri-containerd.kind"==sandbox'
    listed = cluster.exec_on_node(
        pod["spec"]["nodeName"], ["ctr", "-n", "k8s.io", "containers", "list", "-q", selected]
    ).split()  # fmt: skip
    for identifier in listed:
        _signal(cluster, pod, identifier, "SIGKILL")


def empty_volume(cluster: Cluster, kube: Kube, claim: Json) -> None:
    """Remove everything in the volume of a bound claim, as if its disk had been replaced; the volume itself stays."""
    volume = kube.get(Kind.VOLUME, None, claim["spec"]["volumeName"])
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (node,) = term["matchExpressions"][0]["values"]
    folder = (volume["spec"].get("hostPath") or volume["spec"]["local"])["path"]
    cluster.exec_on_node(node, ["find", folder, "-mindepth", "1", "-delete"])


def _signal(cluster: Cluster, pod: Json, identifier: str, signal: str) -> None:
    command = ["ctr", "-n", "k8s.io", "tasks", "kill", f"--signal={signal}", identifier]
    cluster.exec_on_node(pod["spec"]["nodeName"], command)
