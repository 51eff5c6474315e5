"""The real adapter, connected to the API server of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from etcd_operator.kube.client import KubeClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.apiserver import ApiServer


@dataclass
class Connection:
    """A client, and the calls that it told of."""

    kube: KubeClient
    calls: list[tuple[str, str, int]]


@pytest_asyncio.fixture
async def connection(apiserver: ApiServer) -> AsyncIterator[Connection]:
    """A client with the administrator's credentials."""
    configuration, calls = Configuration(), list[tuple[str, str, int]]()
    await config.load_kube_config(config_file=str(apiserver.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as api:
        kube = KubeClient(api, on_call=lambda verb, kind, code: calls.append((verb, kind.value.plural, code)))
        yield Connection(kube, calls)


@pytest.fixture
def kube(connection: Connection) -> KubeClient:
    """The client alone."""
    return connection.kube


@pytest.fixture
def namespace(apiserver: ApiServer) -> str:
    """A namespace of this test's own."""
    name = f"test-{uuid4().hex[:8]}"
    apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name
