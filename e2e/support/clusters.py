"""EtcdClusters as scenarios make them, and the waits for what becomes of them."""

from dataclasses import dataclass
from typing import Any, Self

from e2e.support.etcd import Etcd
from e2e.support.kube import Json, Kind, Kube, NotFoundError
from e2e.support.waiting import eventually
from etcd_operator.api import API_VERSION
from etcd_operator.resources.ownership import CLUSTER, KIND

VERSION = "3.6.16"

NO_SUCH_VERSION = "3.6.13"
"""A version that the API takes, and which neither a registry nor a node has."""

SMALL: Json = {"requests": {"cpu": "20m", "memory": "32Mi"}}
"""Resources of members that share two cores with everything else; the four lines of YAML have the defaults."""


def manifest(name: str = "orders", *, replicas: int = 3, version: str = VERSION, **spec: Any) -> Json:
    """Return an EtcdCluster with small Pods, whose claims go with it; `spec` adds fields or replaces these."""
    small = {"resources": SMALL, "storage": {"onDelete": "Delete"}}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "version": version, **small, **spec},
    }


@dataclass(frozen=True, slots=True)
class EtcdCluster:
    """One EtcdCluster, by name: its object, what belongs to it, and etcd itself."""

    kube: Kube
    namespace: str
    name: str = "orders"

    def apply(self, *, replicas: int = 3, version: str = VERSION, **spec: Any) -> Self:
        """Apply `manifest` of these by kubectl; raises KubeError with the API server's words when it is refused."""
        wanted = manifest(self.name, replicas=replicas, version=version, **spec)
        self.kube.apply(wanted, namespace=self.namespace)
        return self

    def change(self, **spec: Any) -> None:
        """Change fields of the spec by a merge patch; raises KubeError when that is refused."""
        self.kube.patch(Kind.CLUSTER, self.namespace, self.name, {"spec": spec})

    def scale(self, replicas: int) -> None:
        """Ask for so many members as a person does, by `kubectl scale`."""
        self.kube.kubectl(f"--namespace={self.namespace}", "scale", "etcd", self.name, f"--replicas={replicas}")

    def delete(self) -> None:
        """Ask for the deletion; `gone` waits for it."""
        self.kube.delete(Kind.CLUSTER, self.namespace, self.name)

    def object(self) -> Json:
        """Return the EtcdCluster."""
        return self.kube.get(Kind.CLUSTER, self.namespace, self.name)

    def uid(self) -> str:
        """Return the EtcdCluster's UID."""
        return str(self.object()["metadata"]["uid"])

    def status(self) -> Json:
        """Return its status; raises LookupError before it has one."""
        status: Json = self.object()["status"]
        return status

    def condition(self, kind: str) -> Json:
        """Return one condition; raises LookupError before there is one."""
        return _condition(self.object(), kind)

    def members(self) -> tuple[str, ...]:
        """Return the names of the members that vote, as recorded; raises LookupError before they are."""
        return tuple(self.status()["membership"]["members"])

    def owned(self, kind: Kind) -> list[Json]:
        """Return the objects of one kind that carry the cluster's name, those of an earlier namesake too."""
        return self.kube.list(kind, self.namespace, labels=f"{CLUSTER}={self.name}")

    def pods(self) -> list[Json]:
        """Return the member Pods."""
        return self.owned(Kind.POD)

    def pod(self, member: str) -> Json:
        """Return the Pod of a member; raises NotFoundError."""
        return self.kube.get(Kind.POD, self.namespace, member)

    def claims(self) -> list[Json]:
        """Return the members' claims."""
        return self.owned(Kind.CLAIM)

    def claim(self, member: str) -> Json:
        """Return the claim of a member; raises NotFoundError."""
        return self.kube.get(Kind.CLAIM, self.namespace, member)

    def identities(self) -> dict[str, tuple[int, str]]:
        """Return what each member is known by for life: its ID in etcd, and the UID of its claim."""
        with self.etcd() as etcd:
            listed = {member.name: member.id for member in etcd.member_list().members}
        return {name: (listed[name], self.claim(name)["metadata"]["uid"]) for name in self.members()}

    def etcd(self) -> Etcd:
        """Return access to the members as they are now, with the Secret of the applications; close it after use."""
        return Etcd.connect(self.kube, self.namespace, self.name)

    def becomes_healthy(self, *, within: float = 120) -> Self:
        """Return when the status speaks of the present spec, says that all is well, and nothing is being changed."""

        def check() -> None:
            found = self.object()
            status, asked = found["status"], found["spec"]["replicas"]
            assert status["observedGeneration"] == found["metadata"]["generation"], "the status is of an older spec"
            for kind, wanted in HEALTHY.items():
                _expect(_condition(found, kind), wanted)
            assert status["ready"] == f"{asked}/{asked}", f"ready is {status['ready']}, not {asked}/{asked}"

        eventually(check, within=within)
        return self

    def becomes(self, kind: str, status: str, *, reason: str | None = None, within: float = 60) -> Json:
        """Return the condition `kind` once it has `status` and, if given, `reason`."""

        def check() -> Json:
            condition = self.condition(kind)
            _expect(condition, status)
            assert reason is None or condition["reason"] == reason, _words(condition)
            return condition

        return eventually(check, within=within)

    def becomes_blocked(self, reason: str, *, within: float = 60) -> str:
        """Return the message of the condition Blocked once it holds for `reason`."""
        return str(self.becomes("Blocked", "True", reason=reason, within=within)["message"])

    def becomes_gone(self, *, within: float = 60) -> None:
        """Return when the object and all that Kubernetes deletes with it are gone, retained claims apart."""

        def check() -> None:
            try:
                self.object()
            except NotFoundError:
                left = [kind.value.kind for kind in OWNED if self.owned(kind)]
            else:
                left = [KIND]
            assert not left, f"still there: {', '.join(left)}"

        eventually(check, within=within)


HEALTHY = {"Available": "True", "Quorate": "True", "Progressing": "False", "Degraded": "False", "Blocked": "False"}
OWNED = (Kind.POD, Kind.SERVICE, Kind.SECRET, Kind.BUDGET)


def _condition(found: Json, kind: str) -> Json:
    for condition in found["status"]["conditions"]:
        if condition["type"] == kind:
            return dict(condition)
    raise LookupError(f"no condition {kind}")


def _expect(condition: Json, status: str) -> None:
    assert condition["status"] == status, _words(condition)


def _words(condition: Json) -> str:
    return f"{condition['type']} is {condition['status']}, {condition['reason']}: {condition['message']}"
