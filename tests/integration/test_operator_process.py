"""The whole operator against a real API server: what kopf, the Lease and the loops do together."""

from __future__ import annotations

import secrets
import signal
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from etcd_operator.lease import HIGHEST
from tests.integration.apiserver import ApiServer, Json, RefusedError
from tests.integration.operator_process import OperatorProcess, eventually, operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

DEFINITION = Path(__file__).parents[2] / "crds" / "etcdcluster.yaml"
COORDINATION = "/apis/coordination.k8s.io/v1"
LEADING, CALLS = "etcd_operator_leading", "etcd_operator_api_calls_total"
AWAY_SECONDS = 65.0
"""Longer than kopf's own patience, and than the Lease by far."""

MOST_ANNOTATIONS = 256 * 1024
"""Bytes that Kubernetes allows for all annotations of an object together, their names included."""

API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
BROKEN: Json = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta1.metrics.k8s.io"},
    "spec": {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "nowhere", "namespace": "default"},
    },
}
"""An API that some other server would answer for, and nobody does: metrics-server while it is down."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of this module's own, which a test may take away and give back."""
    with ApiServer.built(tmp_path_factory.mktemp("apiserver")) as server:
        server.install(DEFINITION)
        yield server


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace of one test, and what is in it."""

    server: ApiServer
    namespace: str
    directory: Path

    def operator(self, **options: Any) -> AbstractContextManager[OperatorProcess]:
        """A replica whose Lease is in this namespace."""
        return operator(self.server, self.directory, lease_namespace=self.namespace, **options)

    def create(self, name: str = "orders", *, namespace: str = "") -> Json:
        """Create the four lines."""
        body = {
            "apiVersion": "etcd-operator.dev/v1alpha1",
            "kind": "EtcdCluster",
            "metadata": {"name": name},
            "spec": {"replicas": 3, "version": "3.6.16"},
        }
        return self.server.request("POST", self.cluster("", namespace=namespace), body)

    def cluster(self, name: str = "orders", *, namespace: str = "") -> str:
        """The path of an EtcdCluster."""
        group = "/apis/etcd-operator.dev/v1alpha1"
        return f"{group}/namespaces/{namespace or self.namespace}/etcdclusters{name and f'/{name}'}"

    def path(self, plural: str, name: str = "", *, api: str = "/api/v1") -> str:
        """The path of objects of any kind, or of one."""
        return f"{api}/namespaces/{self.namespace}/{plural}{name and f'/{name}'}"

    def status(self, name: str = "orders") -> Json:
        """What the operator says of the cluster."""
        found: Json = self.server.request("GET", self.cluster(name)).get("status", {})
        return found

    def names(self, plural: str, *, api: str = "/api/v1") -> set[str]:
        """The names of the objects of clusters."""
        path = f"{self.path(plural, api=api)}?labelSelector=etcd-operator.dev/cluster"
        return {item["metadata"]["name"] for item in self.server.request("GET", path)["items"]}

    def holder(self) -> str:
        """Who holds the Lease, if anybody."""
        leases = self.server.request("GET", self.path("leases", api=COORDINATION))["items"]
        return next((lease["spec"].get("holderIdentity") or "" for lease in leases), "")

    def make_lease(self, annotations: Json) -> None:
        """Make the Lease, which nobody holds, as a leader or somebody else has left it."""
        body = {"apiVersion": COORDINATION.removeprefix("/apis/"), "kind": "Lease"}
        metadata = {"name": "etcd-operator", "annotations": annotations}
        self.server.request("POST", self.path("leases", api=COORDINATION), {**body, "metadata": metadata, "spec": {}})

    def left(self) -> str | None:
        """What the Lease has of revisions for the next leader."""
        lease = self.server.request("GET", self.path("leases", "etcd-operator", api=COORDINATION))
        found: str | None = lease["metadata"].get("annotations", {}).get(HIGHEST)
        return found

    def waits(self) -> bool:
        """Whether all is done that can be where no kubelet runs: three Pods, and nothing left to write."""
        return self.status().get("plan", {}).get("action") == "FormCluster" and len(self.names("pods")) == 3

    def settle(self) -> None:
        """Create the cluster and wait for its Pods."""
        self.create()
        eventually(self.waits, within=15, what="the members' Pods are there")

    def comes_back(self, path: str) -> None:
        """Delete the object at `path` and wait until another one is there, sooner than any poll would notice."""
        uid = self.server.request("GET", path)["metadata"]["uid"]
        self.server.request("DELETE", path)
        eventually(lambda: self._is_another(path, uid), within=3, what=f"{path} is there again")

    def _is_another(self, path: str, uid: str) -> bool:
        try:
            return bool(self.server.request("GET", path)["metadata"]["uid"] != uid)
        except RefusedError:
            return False


@pytest.fixture
def place(server: ApiServer, tmp_path: Path) -> Iterator[Place]:
    """A namespace for one test; its clusters are deleted afterwards, so that no other test's operator serves them."""
    name = f"test-{secrets.token_hex(4)}"
    server.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    place = Place(server, name, tmp_path)
    yield place
    server.request("DELETE", place.cluster(""))


def test_four_lines_become_names_then_objects_then_pods(place: Place) -> None:
    with place.operator():
        place.settle()
        members = set(place.status()["membership"]["members"])
        assert len(members) == 3
        assert place.names("pods") == place.names("persistentvolumeclaims") == members
        assert place.names("services") == {"orders", *members}
        assert place.names("secrets") == {
            *(f"orders-{what}" for what in ("client", "operator", "peer-ca", "client-ca")),
            *members,
        }
        assert place.names("poddisruptionbudgets", api="/apis/policy/v1") == {"orders"}


def test_a_cluster_that_waits_causes_no_write(place: Place) -> None:
    with place.operator() as replica:
        place.settle()
        before, passes = writes(replica), replica.metric("etcd_operator_passes_total")
        eventually(
            lambda: replica.metric("etcd_operator_passes_total") > passes + 5, within=30, what="a few more passes ran"
        )
        assert writes(replica) == before


def writes(replica: OperatorProcess) -> float:
    """How many calls have changed something, those for the Lease apart."""
    samples = [line for line in replica.get("/metrics")[1].splitlines() if line.startswith(CALLS)]
    return sum(
        float(line.rpartition(" ")[2])
        for line in samples
        if 'resource="leases"' not in line and not any(f'verb="{verb}"' in line for verb in ("get", "list"))
    )


@pytest.mark.parametrize(("api", "plural"), [("/api/v1", "services"), ("/apis/policy/v1", "poddisruptionbudgets")])
def test_what_is_deleted_by_hand_comes_back_because_the_watch_tells(place: Place, api: str, plural: str) -> None:
    with place.operator():
        place.settle()
        place.comes_back(place.path(plural, "orders", api=api))


def test_nothing_is_written_onto_the_users_object_but_its_status(place: Place) -> None:
    with place.operator():
        written = place.create()
        eventually(place.waits, within=15, what="the members' Pods are there")
        found = place.server.request("GET", place.cluster())
        for gone in ("resourceVersion", "managedFields"):
            del found["metadata"][gone], written["metadata"][gone]
        assert found["metadata"] == written["metadata"]
        assert found["spec"] == written["spec"]


def test_sigterm_ends_it_within_seconds_and_gives_the_lease_up(place: Place) -> None:
    with place.operator() as replica, closing(HTTPConnection("127.0.0.1", replica.port)) as scraper:
        place.settle()
        scraper.request("GET", "/metrics")
        scraper.getresponse().read()
        assert place.holder()
        assert replica.terminate() < 5
        assert replica.process.returncode == 0
        assert place.holder() == ""


def test_the_other_replica_takes_over_at_once_when_the_leader_ends(place: Place) -> None:
    with place.operator() as first:
        eventually(place.holder, within=10, what="one leads")
        with place.operator() as second:
            assert second.metric(LEADING) == 0
            first.terminate()
            eventually(lambda: second.metric(LEADING) == 1, within=5, what="the other leads")
            place.settle()


def test_the_other_replica_takes_over_when_the_leader_is_killed(place: Place) -> None:
    with place.operator() as first:
        eventually(lambda: first.metric(LEADING) == 1, within=10, what="the first leads")
        with place.operator() as second:
            first.process.kill()
            eventually(lambda: second.metric(LEADING) == 1, within=15, what="the other leads")


def test_the_highest_revision_of_a_cluster_is_kept_from_leader_to_leader_until_the_cluster_is_gone(
    place: Place,
) -> None:
    entry = f'"{place.create()["metadata"]["uid"]}":[300,"orders-bbbbb",1764331200]'
    place.make_lease({HIGHEST: f'{{{entry},"uid-of-one-that-is-gone":[7,"gone-bbbbb",1764331200]}}'})
    with place.operator() as first:
        eventually(lambda: place.left() == f"{{{entry}}}", within=15, what="only what is there is kept")
        with place.operator() as second:
            first.process.kill()
            eventually(lambda: second.metric(LEADING) == 1, within=15, what="the other leads")
            assert place.left() == f"{{{entry}}}"
            place.server.request("DELETE", place.cluster())
            second.terminate()
        with place.operator():
            eventually(lambda: place.left() == "{}", within=15, what="the cluster is forgotten")


def test_a_lease_that_somebody_edited_is_taken_and_put_right(place: Place) -> None:
    place.make_lease({HIGHEST: "not JSON"})
    with place.operator() as replica:
        eventually(lambda: replica.metric(LEADING) == 1, within=5, what="it leads")
        assert place.left() == "{}"
        assert replica.told("an annotation of the Lease is ignored", annotation=HIGHEST)


def test_a_lease_that_is_full_of_what_somebody_wrote_there_is_held_without(place: Place) -> None:
    key = "somebody.example/notes"
    place.make_lease({key: "x" * (MOST_ANNOTATIONS - len(key))})
    with place.operator() as replica:
        eventually(lambda: replica.metric(LEADING) == 1, within=5, what="it leads")
        assert place.left() is None
        assert replica.told("the Lease is written without its annotation", annotation=HIGHEST)
        place.settle()


def test_a_leader_that_was_frozen_past_its_lease_writes_nothing_when_it_wakes(place: Place) -> None:
    with place.operator() as leader:
        place.settle()
        with place.operator() as other:
            before = writes(leader)
            leader.process.send_signal(signal.SIGSTOP)
            eventually(lambda: other.metric(LEADING) == 1, within=15, what="the other leads")
            leader.process.send_signal(signal.SIGCONT)
            eventually(lambda: leader.metric(LEADING) == 0, within=10, what="the frozen one knows")
            assert writes(leader) == before


def test_an_api_server_that_is_away_for_a_minute_is_waited_for(place: Place) -> None:
    with place.operator() as replica:
        place.settle()
        place.server.stop()
        gone = time.monotonic()
        eventually(
            lambda: time.monotonic() - gone > AWAY_SECONDS or not replica.running,
            within=AWAY_SECONDS + 10,
            what="the time is over",
        )
        assert replica.running
        assert replica.get("/livez") == (200, "ok")
        place.server.start()
        eventually(lambda: place.holder() and replica.metric(LEADING), within=15, what="it leads again")
        place.create("users")
        eventually(lambda: place.status("users").get("membership"), within=10, what="a new cluster is served")
        place.comes_back(place.path("services", "orders"))


def test_credentials_that_are_refused_for_a_while_are_tried_again(place: Place) -> None:
    with place.operator() as replica:
        place.settle()
        with refusing(place.server):
            eventually(lambda: replica.metric(f'{CALLS}{{code="401"') > 5, within=60, what="it is refused")
            assert replica.running
        eventually(lambda: place.holder() and replica.metric(LEADING), within=20, what="it leads again")
        place.comes_back(place.path("services", "orders"))


def test_an_api_of_somebody_else_that_is_out_of_order_does_not_keep_it_from_watching(place: Place) -> None:
    place.server.request("POST", API_SERVICES, BROKEN)
    try:
        eventually(lambda: answer_of(place.server) == 503, within=15, what="the API is out of order")
        with place.operator():
            eventually(place.holder, within=10, what="it leads")
            place.create()
            eventually(lambda: place.status().get("membership"), within=3, what="the creation woke it")
    finally:
        place.server.request("DELETE", f"{API_SERVICES}/{BROKEN['metadata']['name']}")


@contextmanager
def refusing(server: ApiServer) -> Iterator[None]:
    """Let the API server know nobody's token but a new one for a while, as when its own etcd is away."""
    known = server.token
    replace_token(server, secrets.token_hex(16))
    try:
        yield
    finally:
        replace_token(server, known)


def replace_token(server: ApiServer, token: str) -> None:
    """Restart the API server with another token for its administrator."""
    server.stop()
    tokens = server.directory / "tokens.csv"
    tokens.write_text(tokens.read_text().replace(server.token, token))
    server.token = token
    server.start()


def answer_of(server: ApiServer) -> int:
    """The status code with which the broken API answers."""
    try:
        server.request("GET", "/apis/metrics.k8s.io/v1beta1")
    except RefusedError as error:
        return error.code
    return 200


def test_only_the_given_namespaces_are_served(place: Place) -> None:
    with place.operator(namespaces=(place.namespace,)):
        eventually(place.holder, within=10, what="it leads")
        elsewhere = place.create("users", namespace="default")
        place.settle()
        found = place.server.request("GET", place.cluster("users", namespace="default"))
        place.server.request("DELETE", place.cluster("users", namespace="default"))
        assert found == elsewhere


def test_a_cluster_that_is_deleted_is_forgotten(place: Place) -> None:
    with place.operator() as replica:
        place.settle()
        place.server.request("DELETE", place.cluster())
        eventually(
            lambda: replica.told("the cluster is gone", namespace=place.namespace), within=5, what="its loop ends"
        )
        assert f'namespace="{place.namespace}"' not in replica.get("/metrics")[1]


def test_before_its_definition_is_there_it_waits_and_says_what_to_do(tmp_path: Path) -> None:
    with ApiServer.built(tmp_path / "apiserver") as server:
        replica = OperatorProcess.started(server, tmp_path, lease_namespace="default", namespaces=())
        try:
            eventually(
                lambda: any("crds/etcdcluster.yaml" in line["event"] for line in replica.lines()),
                within=20,
                what="it says what is missing",
            )
            assert replica.get("/readyz")[0] == 503
            server.install(DEFINITION)
            eventually(replica.ready, within=15, what="it is ready")
        finally:
            replica.process.kill()
            replica.process.wait()
