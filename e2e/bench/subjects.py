"""The two clusters that are compared, with one interface: the operator's, and the StatefulSet written by hand."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from e2e.bench.baseline import client_service, stateful_set
from e2e.bench.harness import NAMESPACE, Bench
from e2e.bench.members import Members
from e2e.bench.moments import WATCHED
from e2e.bench.probe import Served, until_all_serve
from e2e.bench.results import Run
from e2e.bench.secret import tls
from e2e.bench.watch import Watch
from e2e.support.clusters import VERSION, EtcdCluster, manifest
from e2e.support.etcd import Etcd
from e2e.support.kube import Json, Kind
from e2e.support.waiting import eventually
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.names import CLIENT_PORT

VOTERS: Final = 3
WITHIN: Final = 180.0
"""Seconds for anything that is measured, else nothing was."""

OLD: Final = 10.0
"""Seconds for which a cluster must have been whole before something happens to it: etcd's rule of 5 s is over."""

REPOSITORY: Final = "gcr.io/etcd-development/etcd"
SIZE: Final = "8Gi"
RESOURCES: Final[Json] = {"requests": {"cpu": "250m", "memory": "512Mi"}}
"""The operator's defaults, for both sides."""

STABLE: Final = "Stable"
"""The plan of a cluster for which nothing is left to do."""


class Subject(Protocol):
    """A cluster that something happens to."""

    @property
    def members(self) -> Members:
        """Where its members are."""

    @property
    def whole_since(self) -> float:
        """When all its members served first, on the monotonic clock."""

    def service(self) -> Endpoint:
        """Where an application reaches it: by a Service, which chooses a member for each connection."""

    def settle(self, voters: int) -> None:
        """Return when `voters` Pods are ready, no other is left, and nobody is about to change anything."""


@dataclass(frozen=True, slots=True)
class Ours:
    """An EtcdCluster."""

    bench: Bench
    members: Members
    whole_since: float

    @property
    def cluster(self) -> EtcdCluster:
        """The same by name."""
        return EtcdCluster(self.bench.kube, NAMESPACE, self.members.name)

    def service(self) -> Endpoint:
        """The client Service, with the Secret of applications."""
        name = self.members.name
        secret = self.bench.kube.get(Kind.SECRET, NAMESPACE, f"{name}-client")
        return Endpoint(name, _address(self.bench, name), tls(secret, f"{name}.{NAMESPACE}.svc"))

    def settle(self, voters: int) -> None:
        """Return when the operator says that all is well and that nothing is left to do."""

        def check() -> None:
            action = self.cluster.status()["plan"]["action"]
            assert action == STABLE, f"the plan is {action}"
            _ready(self.members, voters)

        self.cluster.becomes_healthy(within=WITHIN)
        eventually(check, within=WITHIN)


@dataclass(frozen=True, slots=True)
class HandWritten:
    """The StatefulSet."""

    bench: Bench
    members: Members
    whole_since: float

    def service(self) -> Endpoint:
        """A Service over the ready Pods; nobody asks for a certificate."""
        name = self.members.name
        return Endpoint(name, _address(self.bench, f"{name}-client"), None)

    def settle(self, voters: int) -> None:
        """Return when the Pods are ready."""
        eventually(lambda: _ready(self.members, voters), within=WITHIN)


@contextmanager
def ours(bench: Bench, **spec: Any) -> Iterator[Ours]:
    """Yield a new cluster of the operator, which has settled, and watch it until the context is left."""
    # DNS that caches has heard of no earlier cluster of a new name.
    name, voters = f"ours-{secrets.token_hex(3)}", spec.get("replicas", VOTERS)
    with Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        bench.kube.apply(our_manifest(name, etcd=bench.etcd, **spec), namespace=NAMESPACE)
        members = Members(watch, name)
        served = until_all_serve(members.endpoints, voters=voters, within=WITHIN)
        subject = Ours(bench, members, served.all)
        subject.settle(voters)
        yield subject


@contextmanager
def hand_written(bench: Bench) -> Iterator[HandWritten]:
    """Yield a new StatefulSet, which has settled, and watch it until the context is left."""
    name = f"hand-{secrets.token_hex(3)}"
    with Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        bench.kube.apply([*hand_written_manifests(name, etcd=bench.etcd), client_service(name)], namespace=NAMESPACE)
        members = Members(watch, name)
        served = until_all_serve(members.endpoints, voters=VOTERS, within=WITHIN)
        subject = HandWritten(bench, members, served.all)
        subject.settle(VOTERS)
        yield subject


def our_manifest(name: str, *, etcd: str = VERSION, **spec: Any) -> Json:
    """The EtcdCluster that is measured: everything is the default, but its volumes go with it."""
    usual: Json = {"replicas": VOTERS, "resources": RESOURCES, "storage": {"size": SIZE, "onDelete": "Delete"}}
    return manifest(name, version=etcd, **{**usual, **spec})


def hand_written_manifests(name: str, *, etcd: str = VERSION) -> list[Json]:
    """The StatefulSet that it is held against."""
    return stateful_set(name, image=f"{REPOSITORY}:v{etcd}", replicas=VOTERS, storage=SIZE, resources=RESOURCES)


def create_hand_written(bench: Bench) -> Run:
    """Create the StatefulSet in an empty namespace, and take it away; its `seconds` are S, the unit of others."""
    name = f"hand-{secrets.token_hex(3)}"
    with bench.cleared(), Watch(bench.kube, NAMESPACE, WATCHED) as watch:
        began = time.monotonic()
        bench.kube.apply(hand_written_manifests(name, etcd=bench.etcd), namespace=NAMESPACE)
        return creation(until_all_serve(Members(watch, name).endpoints, voters=VOTERS, within=WITHIN), began)


def creation(served: Served, began: float) -> Run:
    """The raw figures of a creation that began at a moment of the monotonic clock."""
    return {"seconds": round(served.all - began, 2), "first_voter_seconds": round(served.first - began, 2)}


def leader(subject: Subject) -> str:
    """The name of the member that leads, as all members say that can be asked."""

    def ask() -> str:
        with Etcd({at.member: at for at in subject.members.endpoints()}) as etcd:
            return etcd.leader()

    return eventually(ask, within=WITHIN)


def a_follower(subject: Subject) -> str:
    """The first by name of the members that do not lead."""
    led_by = leader(subject)
    return min(member for member in subject.members.pods() if member != led_by)


def _ready(members: Members, voters: int) -> None:
    pods = members.pods()
    ready = [
        name
        for name, pod in pods.items()
        if "deletionTimestamp" not in pod["metadata"]
        and any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
    ]
    assert len(ready) == len(pods) == voters, f"of the Pods {sorted(pods)} are ready: {sorted(ready)}"


def _address(bench: Bench, service: str) -> str:
    return f"{bench.kube.get(Kind.SERVICE, NAMESPACE, service)['spec']['clusterIP']}:{CLIENT_PORT}"
