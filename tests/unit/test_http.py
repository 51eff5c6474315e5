"""The operator's own port, asked as the kubelet and Prometheus ask."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from etcd_operator.http import serve
from etcd_operator.metrics import Metrics


async def ask(path: str, *, ready: bool = False) -> tuple[int, str, str]:
    """Status, text and content type of one answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    event = asyncio.Event()
    if ready:
        event.set()
    async with (
        serve(port, registry=Metrics().registry, ready=event),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text(), response.headers["Content-Type"]


@pytest.mark.parametrize("ready", [True, False])
async def test_it_lives_as_long_as_it_answers(*, ready: bool) -> None:
    assert (await ask("/livez", ready=ready))[:2] == (200, "ok")


async def test_it_is_ready_once_it_watches() -> None:
    assert (await ask("/readyz"))[0] == 503
    assert (await ask("/readyz", ready=True))[0] == 200


async def test_prometheus_reads_its_metrics() -> None:
    status, text, kind = await ask("/metrics")
    assert status == 200
    assert "etcd_operator_leading 0.0" in text
    assert kind.startswith("text/plain")
