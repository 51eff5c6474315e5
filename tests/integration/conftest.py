"""What the integration tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A kube-apiserver for the whole session; tests use names or namespaces of their own."""
    with ApiServer.built(tmp_path_factory.mktemp("apiserver")) as server:
        yield server
