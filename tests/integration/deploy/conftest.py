"""Helm alone, and Helm with an API server of its own: a chart that is installed must find nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.apiserver import ApiServer
from tests.integration.deploy.helm import Programs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Helm, without any Kubernetes."""
    return Programs(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Helm and kubectl with an empty API server."""
    with ApiServer.built(tmp_path_factory.mktemp("apiserver")) as server:
        yield Programs(tmp_path_factory.mktemp("home"), server)
