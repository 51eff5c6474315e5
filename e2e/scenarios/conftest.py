"""One Kubernetes and one installed operator for all scenarios; a namespace of its own for each."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from enum import Enum

import pytest

from e2e.cluster import Cluster, NotOurClusterError, current
from e2e.support import report
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kube
from e2e.support.namespaces import Namespaces
from e2e.support.operator import Operator

REMAINING = pytest.StashKey[list[tuple[str, str]]]()

ORDER = (
    "test_four_lines",
    "test_refused_changes",
    "test_before_it_forms",
    "test_blocked",
    "test_bad_input",
    "test_resize",
    "test_rollout",
    "test_upgrade",
    "test_hibernation",
    "test_volumes_grow",
    "test_earlier_clusters",
    "test_deletion",
    "test_certificates",
    "test_operator_upgrade",
    "test_operator_fails",
    "test_operator_killed_in_upgrade",
    "test_apiserver_away",
    "test_drains",
    "test_heal",
    "test_chaos",
    "test_volumes_come_back_empty",
    "test_power_cut",
)
"""Cheap ones first; those that disturb the whole Kubernetes last."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--soak`."""
    parser.addoption("--soak", action="store_true", help="all repetitions, for hours rather than minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that `--soak` reads."""
    config.addinivalue_line("markers", "repeated(argument, all, few): for a few values, or with --soak for all of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a scenario marked `repeated` for `few` of its values, or with --soak for all of them."""
    for marker in metafunc.definition.iter_markers("repeated"):
        argument, values = marker.args
        chosen = values if metafunc.config.getoption("soak") else marker.kwargs["few"]
        metafunc.parametrize(argument, chosen, ids=_identifier)


def _identifier(value: object) -> str:
    match value:
        case tuple():
            return "+".join(map(_identifier, value))
        case Enum():
            return value.name.lower()
        case _:
            return str(value)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules in `ORDER`, which must name each of them."""
    items.sort(key=lambda item: ORDER.index(item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what was there at that moment."""
    found = yield
    fixtures = getattr(item, "funcargs", {})
    if found.failed and "namespaces" in fixtures:
        found.sections.extend(report.sections(fixtures["kube"], fixtures["operator"], fixtures["namespaces"].live))
    return found


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Skip a scenario that needs power over nodes where we have none, with the reason."""
    with _skipped_where_not_ours():
        return (yield)


@contextmanager
def _skipped_where_not_ours() -> Iterator[None]:
    try:
        yield
    except NotOurClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The Kubernetes that $KUBECONFIG names, else the local one, started."""
    cluster = current()
    cluster.start()
    return cluster


@pytest.fixture(scope="session")
def kube(cluster: Cluster) -> Kube:
    """The same, as an administrator reads and writes it."""
    return Kube(cluster.kubeconfig)


@pytest.fixture(scope="session", autouse=True)
def operator(cluster: Cluster, kube: Kube) -> Operator:
    """The operator of this checkout, installed."""
    return Operator.install(cluster, kube)


@pytest.fixture(scope="session", autouse=True)
def namespaces(kube: Kube, operator: Operator, pytestconfig: pytest.Config) -> Iterator[Namespaces]:
    """Where scenarios get their namespaces from; those that do not go away are told of in the summary."""
    namespaces = Namespaces(kube)
    yield namespaces
    if remaining := namespaces.remaining():
        pytestconfig.stash[REMAINING] = list(report.sections(kube, operator, remaining))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show which namespaces did not go away, and what is in them."""
    for title, text in terminalreporter.config.stash.get(REMAINING, ()):
        terminalreporter.section(f"not gone: {title}")
        terminalreporter.write_line(text)


@pytest.fixture
def namespace(namespaces: Namespaces, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for this scenario only."""
    with namespaces.new(request.node.name.removeprefix("test_")) as name:
        yield name


@pytest.fixture
def orders(kube: Kube, namespace: str) -> EtcdCluster:
    """The EtcdCluster "orders" of this scenario, not made yet."""
    return EtcdCluster(kube, namespace)


@pytest.fixture
def caching_dns(cluster: Cluster) -> Iterator[None]:
    """DNS that repeats each answer for half a minute, also "no such name", as real clusters have it."""
    with _skipped_where_not_ours():
        cluster.set_dns("caching")
    yield
    cluster.set_dns("plain")
