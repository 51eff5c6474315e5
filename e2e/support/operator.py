"""The operator as users install it, by the Helm chart, and as the world treats it: killed, frozen, switched off."""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from deploy.render import CHART, NAMESPACE, ROOT
from e2e.cluster import Cluster, NotOurClusterError, binaries, engine, operator_image
from e2e.support.kube import Json, Kind, Kube, path
from e2e.support.nodes import signal_container
from e2e.support.waiting import eventually

RELEASE = LEASE = "etcd-operator"
SELECTOR = f"app.kubernetes.io/instance={RELEASE}"
REPLICAS = 2
CONTAINER = "operator"
FORMER = "localhost/etcd-operator:former"
"""The image of an operator that takes the place of the present one for a while."""

IDLE = 3.0
"""Seconds without a write after which a leader is at rest: longer than any pause between two steps of one plan."""

IMAGE_ID = "image-id"
"""Annotation of the operator's Pods: a new image of the same name must restart them."""

_WRITING = frozenset({"create", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Operator:
    """The installed operator, in the namespace NAMESPACE."""

    cluster: Cluster
    kube: Kube

    @classmethod
    def install(cls, cluster: Cluster, kube: Kube) -> Self:
        """Build the image, give it to the nodes, install or upgrade the chart; cheap when nothing changed.

        On a cluster that was not made here, its nodes must have the image, or be able to pull it: $OPERATOR_IMAGE.
        """
        operator = cls(cluster, kube)
        operator._run(CHART, *_image(cluster, loaded=operator._image_id()))
        return operator

    def uninstall(self) -> None:
        """Take the operator away; the definition of EtcdCluster and the clusters stay."""
        self._helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait", "--ignore-not-found")

    @contextmanager
    def replaced_by(self, checkout: Path) -> Iterator[None]:
        """The operator of another checkout runs inside, by its own chart; afterwards the one from before, in any case.

        The definition of EtcdCluster changes with them, as for a user who upgrades the chart; every cluster stays.
        Raises NotOurClusterError where nodes cannot be given its image.
        """
        chart = checkout / CHART.relative_to(ROOT)
        operator_image.build(FORMER, checkout=checkout)
        self.cluster.load_image(FORMER)
        present = self.image(), self._image_id()
        try:
            self._run(chart, FORMER, _id(FORMER))
            yield
        finally:
            self._run(CHART, *present)

    def pods(self) -> list[Json]:
        """Return the operator's Pods."""
        return self.kube.list(Kind.POD, NAMESPACE, labels=SELECTOR)

    def image(self) -> str:
        """Return the name of the image that it is asked to run."""
        (container,) = self.kube.get(Kind.DEPLOYMENT, NAMESPACE, RELEASE)["spec"]["template"]["spec"]["containers"]
        return str(container["image"])

    def leader(self) -> str:
        """Return the name of the Pod that holds the Lease; raises LookupError when nobody does."""
        return _pod(self.holder())

    def holder(self) -> str:
        """Return the identity of the process that holds the Lease, different for each start; "" when nobody does."""
        return str(self.kube.get(Kind.LEASE, NAMESPACE, LEASE)["spec"].get("holderIdentity", ""))

    def signal(self, pod: str, signal: str) -> None:
        """Send `signal` (`SIGKILL`, `SIGSTOP`, `SIGCONT`) to the operator's process in the Pod, from its node."""
        signal_container(self.cluster, self.kube.get(Kind.POD, NAMESPACE, pod), CONTAINER, signal)

    def kill_leader(self) -> str:
        """Kill the process that leads, and return its identity once another one leads.

        Its Pod is replaced, and with it its count of restarts, for which the kubelet would make the next one wait.
        """
        killed = self.holder()
        self.signal(_pod(killed), "SIGKILL")
        self.kube.delete(Kind.POD, NAMESPACE, _pod(killed))

        def another_leads() -> None:
            assert self.holder() not in {"", killed}, f"{killed} was killed, and no other takes its Lease"

        eventually(another_leads, within=30, every=0.1)
        return killed

    def renew(self, pod: str) -> None:
        """Replace one Pod, and with it its count of restarts, for which the kubelet would make the next one wait."""
        self.kube.delete(Kind.POD, NAMESPACE, pod)
        self._settled(REPLICAS)

    def scale(self, replicas: int) -> None:
        """Run so many operators; returns when they are ready and the others are gone."""
        self.kube.patch(Kind.DEPLOYMENT, NAMESPACE, RELEASE, {"spec": {"replicas": replicas}})
        self._settled(replicas)

    @contextmanager
    def down(self) -> Iterator[None]:
        """No operator runs inside."""
        self.scale(0)
        try:
            yield
        finally:
            self.scale(REPLICAS)

    def restarts(self) -> dict[str, int]:
        """Return how often the container of each Pod was restarted."""
        return {
            pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            for pod in self.pods()
        }

    def writes(self, pod: str) -> float:
        """Return how many calls that write this process made since it started, those to its Lease apart.

        Calls that the API server refused are counted, too.
        """
        samples = (sample for family in self._metrics(pod) for sample in family.samples)
        return sum(
            sample.value
            for sample in samples
            if sample.name == "etcd_operator_api_calls_total"
            and sample.labels["verb"] in _WRITING
            and sample.labels["resource"] != "leases"
        )

    def becomes_idle(self, *, within: float = 60) -> None:
        """Return when the leader has had nothing to write for `IDLE` seconds: no call is on its way."""
        deadline = time.monotonic() + within
        seen = (self.holder(), self.writes(self.leader()))
        since = time.monotonic()
        while time.monotonic() - since < IDLE:
            assert time.monotonic() < deadline, f"the operator does not come to rest:\n{self.log(tail=5)}"
            now = (self.holder(), self.writes(self.leader()))
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.2)

    def log(self, *, tail: int = 60) -> str:
        """Return the ends of the logs of all operators."""
        return "\n".join(
            f"--- {name} ---\n{self.kube.log(NAMESPACE, name, tail=tail)}"
            for name in (pod["metadata"]["name"] for pod in self.pods())
        )

    def _metrics(self, pod: str) -> Iterable[Metric]:
        text = self.kube.raw(f"{path(Kind.POD, NAMESPACE, pod)}:8080/proxy/metrics")
        return text_string_to_metric_families(text)

    def _helm(self, *arguments: str) -> None:
        command = [str(binaries.ensure("helm")), f"--kubeconfig={self.kube.kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, f"helm failed: {done.stderr.strip()}\n{self.log()}"

    def _run(self, chart: Path, reference: str, image_id: str) -> None:
        """Install or upgrade `chart` with this image, and return when it leads."""
        repository, _, tag = reference.rpartition(":")
        self._helm(
            "upgrade", RELEASE, str(chart), "--install", "--create-namespace", f"--namespace={NAMESPACE}",
            f"--set=image.repository={repository}", f"--set=image.tag={tag}", f"--set=replicas={REPLICAS}",
            f"--set-string=podAnnotations.{IMAGE_ID}={image_id}", "--wait", "--timeout=90s",
        )  # fmt: skip
        self._settled(REPLICAS)

    def _image_id(self) -> str:
        found = self.kube.find(Kind.DEPLOYMENT, NAMESPACE, RELEASE)
        if found is None:
            return ""
        return str(found["spec"]["template"]["metadata"].get("annotations", {}).get(IMAGE_ID, ""))

    def _settled(self, replicas: int) -> None:
        def check() -> None:
            pods = self.pods()
            assert len(pods) == replicas, f"{len(pods)} operators run, {replicas} are wanted"
            for pod in pods:
                ready = [item["status"] for item in pod["status"]["conditions"] if item["type"] == "Ready"]
                assert ready == ["True"], f"operator {pod['metadata']['name']} is not ready"
            assert not replicas or self.leader() in {pod["metadata"]["name"] for pod in pods}, "nobody leads"

        eventually(check, within=120)


def _pod(holder: str) -> str:
    if not holder:
        raise LookupError("nobody holds the Lease")
    return holder.rpartition("_")[0]


def _image(cluster: Cluster, *, loaded: str) -> tuple[str, str]:
    """Return the image's name and ID, after giving it to nodes that have another one."""
    given = os.environ.get("OPERATOR_IMAGE")
    if given:
        return given, given
    reference = operator_image.build()
    image_id = _id(reference)
    if image_id != loaded:
        try:
            cluster.load_image(reference)
        except NotOurClusterError as error:
            raise NotOurClusterError(f"{error}; then set OPERATOR_IMAGE to its name") from error
    return reference, image_id


def _id(reference: str) -> str:
    return str(engine.client().images.get(reference).id)
