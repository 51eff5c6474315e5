"""Another version of the operator takes over clusters of the one before: it restarts no member, and is in charge."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.render import ROOT
from e2e.support.clusters import VERSION, EtcdCluster
from e2e.support.invariants import has_exactly
from e2e.support.kube import Json, Kube
from e2e.support.operator import FORMER, Operator
from e2e.support.waiting import eventually, throughout

FOUR_LINES = f"""\
apiVersion: etcd-operator.dev/v1alpha1
kind: EtcdCluster
metadata: {{name: orders}}
spec: {{replicas: 3, version: {VERSION}}}
"""
SETTINGS: Json = {
    "etcd": {"snapshotCount": 9000, "extraArgs": {"max-request-bytes": "3145728"}},
    "resources": {"requests": {"cpu": "30m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
    "pod": {"labels": {"team": "shop"}, "annotations": {"example.com/owner": "orders"}},
}


@pytest.fixture
def commit_before(tmp_path: Path) -> Path:
    """The files of the commit before this checkout's."""
    command = ["git", f"--git-dir={ROOT / '.git'}", "archive", "HEAD~1"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("there is no git here, which has the operator of the commit before")
    if done.returncode:
        pytest.skip(f"no operator of the commit before can be had: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(tmp_path, filter="data")
    return tmp_path


def test_another_version_of_the_operator_restarts_no_member_and_is_in_charge(
    kube: Kube, namespace: str, operator: Operator, commit_before: Path
) -> None:
    present = operator.image()
    orders, tuned = EtcdCluster(kube, namespace, "orders"), EtcdCluster(kube, namespace, "tuned")
    with operator.replaced_by(commit_before):
        kube.apply(FOUR_LINES, namespace=namespace)
        tuned.apply(**SETTINGS)
        both = orders.becomes_healthy(), tuned.becomes_healthy()
        before = tuple(map(_lives, both))
        assert _leading_image(operator) == FORMER
    assert _leading_image(operator) == present

    def nothing_happened() -> None:
        assert tuple(map(_lives, both)) == before, operator.log(tail=20)
        for cluster in both:
            cluster.becomes_healthy(within=0)

    throughout(nothing_happened, seconds=15)
    tuned.change(etcd={"snapshotCount": 5000})

    def each_is_new() -> None:
        now, former = _lives(tuned), before[1]
        assert now.keys() == former.keys(), tuned.status()["plan"]
        assert not now.items() & former.items(), tuned.status()["plan"]

    eventually(each_is_new, within=120)
    tuned.becomes_healthy()
    assert _lives(orders) == before[0]
    has_exactly(tuned, 3)


def _lives(cluster: EtcdCluster) -> dict[str, tuple[str, int]]:
    """Each member's Pod by its UID, and how often a container of it was restarted."""
    return {pod["metadata"]["name"]: (pod["metadata"]["uid"], _restarts(pod["status"])) for pod in cluster.pods()}


def _restarts(status: Json) -> int:
    statuses = (*status.get("initContainerStatuses", ()), *status["containerStatuses"])
    return sum(found["restartCount"] for found in statuses)


def _leading_image(operator: Operator) -> str:
    """The image that the operator which leads runs from."""
    (leading,) = (pod for pod in operator.pods() if pod["metadata"]["name"] == operator.leader())
    return str(leading["spec"]["containers"][0]["image"])
