"""The operator's own HTTP port: probes for the kubelet, metrics for Prometheus."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from prometheus_client import CollectorRegistry


@asynccontextmanager
async def serve(port: int, *, registry: CollectorRegistry, ready: asyncio.Event) -> AsyncIterator[None]:
    """Serve `/livez`, `/readyz` and `/metrics` on `port`.

    `/livez` answers as long as the event loop turns, whatever the API server and etcd do: a restart would not mend
    those. `/readyz` answers 200 once `ready` is set; a replica that waits for the Lease is ready, too.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok") if ready.is_set() else web.Response(status=503, text="not watching yet")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
