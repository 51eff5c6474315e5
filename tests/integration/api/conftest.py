"""The API server with the project's own definitions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.api.objects import Clusters

if TYPE_CHECKING:
    from tests.integration.apiserver import ApiServer

DEFINITION = Path(__file__).parents[3] / "crds" / "etcdcluster.yaml"


@pytest.fixture(scope="session")
def clusters(apiserver: ApiServer) -> Clusters:
    """EtcdClusters, served from crds/etcdcluster.yaml."""
    apiserver.install(DEFINITION)
    return Clusters(apiserver)
