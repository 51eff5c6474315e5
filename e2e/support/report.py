"""What a person needs to see when a scenario fails: the objects as they were at that moment."""

from collections.abc import Callable, Iterator, Sequence

from e2e.support.kube import Kube, KubeError
from e2e.support.operator import Operator

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("EtcdClusters", ("get", "etcdclusters.etcd-operator.dev", "-o", "yaml")),
    ("Pods and claims", ("get", "pods,persistentvolumeclaims,services,secrets", "-o", "wide")),
    ("Events", ("get", "events", "--sort-by=.lastTimestamp")),
)


def sections(kube: Kube, operator: Operator | None, namespaces: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield titles and texts about the operator and these namespaces; what cannot be read is said instead.

    What others left is listed as well: it takes part in what nodes can hold and in who may be evicted.
    """
    yield "Namespaces and Pods of all", _text(lambda: kube.kubectl("get", "namespaces,pods", "-A", "-o", "wide"))
    for namespace in namespaces:
        for title, command in SECTIONS:
            yield f"{title} of {namespace}", _text(lambda: kube.kubectl(f"--namespace={namespace}", *command))  # noqa: B023 - called at once
    if operator is not None:
        yield "the operator's log", _text(operator.log)


def _text(read: Callable[[], str]) -> str:
    try:
        return read()
    except KubeError as error:
        return f"cannot be read: {error}"
