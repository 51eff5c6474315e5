"""What `kubectl apply` refuses, with a sentence that says what to write instead: a few rows, on the real thing.

Every rule of the definition has its row in tests/integration/api.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kube, KubeError
from e2e.support.namespaces import Namespaces


@pytest.fixture(scope="module")
def formed(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of one member that has formed."""
    with namespaces.new("refused-changes") as namespace:
        yield EtcdCluster(kube, namespace).apply(replicas=1).becomes_healthy()


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"replicas": 2}, "write 1, 3, 5 or 7"),
        ({"version": "3.6"}, "write etcd's version in full and without v, such as 3.6.16"),
        ({"version": "3.4.30"}, "this operator runs etcd 3.5, 3.6 and 3.7"),
        ({"storage": {"onScaleIn": "Keep"}}, 'Unsupported value: "Keep"'),
        ({"sotrage": {"size": "1Gi"}}, 'unknown field "spec.sotrage"'),
        ({"etcd": {"extraArgs": {"data-dir": "/data"}}}, "data-dir: the operator gives each member its name"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_kubectl_refuses_to_create(kube: Kube, namespace: str, wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(KubeError) as refusal:
        EtcdCluster(kube, namespace).apply(**wanted)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"replicas": 2}, "keep their volumes: an even number adds risk and no tolerance"),
        ({"recovery": {"replaceAfter": "soon"}}, "write hours, minutes and seconds, such as 5m or 1h30m"),
        ({"version": "3.8.0"}, "this operator runs etcd 3.5, 3.6 and 3.7"),
        ({"tls": {"client": "Off"}}, "the encryption of a cluster cannot be changed; write the former values"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_kubectl_refuses_to_change_a_formed_cluster(formed: EtcdCluster, wanted: dict[str, Any], sentence: str) -> None:
    before = formed.object()["metadata"]["generation"]
    with pytest.raises(KubeError) as refusal:
        formed.apply(**{"replicas": 1, **wanted})
    assert sentence in str(refusal.value)
    assert formed.object()["metadata"]["generation"] == before
