"""The wiring: which event wakes which cluster, who leads, and how it starts and stops. Nothing is decided here."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import ssl
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import kopf
import structlog

from etcd_operator.api import GROUP, VERSION
from etcd_operator.etcd.grpc_client import GrpcEtcdClient
from etcd_operator.events import Recorder
from etcd_operator.http import serve
from etcd_operator.kube.client import CALL_TIMEOUT, connect
from etcd_operator.kube.errors import KubeError
from etcd_operator.kube.fence import FencedKube
from etcd_operator.lease import Leadership
from etcd_operator.metrics import Metrics
from etcd_operator.reconcile import Reconciler
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.ownership import CLUSTER
from etcd_operator.status.memory import HighestSeen, Memory
from etcd_operator.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.kube.client import KubeClient
    from etcd_operator.resources.pod import StartCheckImage

log = structlog.get_logger()

WATCHED = (
    ("", "pods"),
    ("", "persistentvolumeclaims"),
    ("", "secrets"),
    ("", "services"),
    ("policy", "poddisruptionbudgets"),
)
"""Group and plural of what wakes a cluster. With its group, kopf scans no other API, which might be out of order."""

LOGIN_PAUSE = 2.0
"""Seconds before credentials that the API server refused are read again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. No `namespaces` means all of them."""

    namespaces: tuple[str, ...]
    lease_namespace: str
    lease_name: str
    http_port: int
    gate: StartCheckImage


class _Patience:
    """kopf's pauses between attempts to reach the API server: it may be away for as long as it likes."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1.0, 2.0), itertools.repeat(5.0))


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT: first the steps end, then the Lease is given up, then the watches.

    Raises what ended the watches or the leadership, if that was not a signal: the process must end with it.
    """
    metrics, ever, watching, stop_watching = Metrics(), HighestSeen(), asyncio.Event(), asyncio.Event()
    # kopf would make one from the name of the user, which the operator's image does not have.
    identity: Any = f"{os.environ.get('POD_NAME', os.uname().nodename)}_{secrets.token_hex(4)}"
    async with connect(on_call=metrics.on_call) as kube:
        lease = Leadership(
            kube, namespace=settings.lease_namespace, name=settings.lease_name, identity=identity, handover=ever
        )
        workers = _workers(kube, lease, ever, settings, metrics, identity)
        async with serve(settings.http_port, registry=metrics.registry, ready=watching):
            await _wait_for_definition(kube, settings)
            leading = asyncio.create_task(_lead(lease, workers, metrics), name="leadership")
            stop = asyncio.create_task(_stop(watching), name="stop")
            watches = asyncio.create_task(
                kopf.operator(
                    registry=_registry(workers),
                    settings=_kopf_settings(),
                    standalone=True,
                    identity=identity,
                    clusterwide=not settings.namespaces,
                    namespaces=settings.namespaces,
                    ready_flag=watching,
                    stop_flag=stop_watching,
                ),
                name="watches",
            )
            await asyncio.wait((leading, watches, stop), return_when=asyncio.FIRST_COMPLETED)
            failed = leading.exception() if leading.done() else None
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            await _release(lease)
        # kopf waits for every task that is younger than itself, those of open HTTP connections too: they have ended.
        stop_watching.set()
        stop.cancel()
        await watches
        if failed is not None:
            raise failed


async def _stop(watching: asyncio.Event) -> None:
    """Return on a signal, taken from kopf once it watches: it would let the clusters' loops run on for seconds."""
    await watching.wait()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()


async def _wait_for_definition(kube: KubeClient, settings: Settings) -> None:
    """Wait until the API server knows the EtcdCluster: kopf looks for it only once."""
    while True:
        try:
            await kube.list(Kind.CLUSTER, settings.namespaces[0] if settings.namespaces else None)
        except KubeError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                hint = "EtcdCluster is not defined: apply crds/etcdcluster.yaml, or install the chart with its CRDs"
                log.warning(hint)
            else:
                log.warning("the API server cannot be asked for EtcdClusters", error=error.message)
        else:
            return
        await asyncio.sleep(2)


def _workers(
    kube: KubeClient, lease: Leadership, ever: HighestSeen, settings: Settings, metrics: Metrics, identity: str
) -> Workers:
    fenced = FencedKube(kube, remaining=lease.remaining, deadline=CALL_TIMEOUT)
    recorder = Recorder(fenced, identity)

    def start(namespace: str, name: str) -> Reconciler:
        return Reconciler(
            fenced,
            GrpcEtcdClient(),
            recorder,
            metrics,
            settings.gate,
            namespace,
            name,
            remaining=lease.remaining,
            memory=Memory(ever),
        )

    return Workers(fenced, start=start, namespaces=settings.namespaces, metrics=metrics, keep=ever.keep)


async def _lead(lease: Leadership, workers: Workers, metrics: Metrics) -> None:
    """Serve the clusters whenever this replica holds the Lease, and only then."""
    serving: asyncio.Task[None] | None = None
    try:
        async with aclosing(lease.hold()) as tries:
            async for leads in tries:
                metrics.leading.set(int(leads))
                if serving is not None and serving.done():
                    serving.result()
                if leads and serving is None:
                    log.info("leading")
                    serving = asyncio.create_task(workers.lead(), name="clusters")
                elif not leads and serving is not None:
                    log.warning("no longer leading")
                    serving.cancel()
                    await asyncio.gather(serving, return_exceptions=True)
                    serving = None
    finally:
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def _release(lease: Leadership) -> None:
    try:
        await lease.release()
    except KubeError as error:
        log.warning("the Lease could not be given up; it runs out by itself", error=error.message)


def _registry(workers: Workers) -> kopf.OperatorRegistry:
    registry, logins = kopf.OperatorRegistry(), itertools.count()

    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        await asyncio.sleep(LOGIN_PAUSE if next(logins) else 0)
        found = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        return None if found is None else _session(found)

    async def cluster_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            workers.wake(namespace, name)

    async def object_changed(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        if namespace and CLUSTER in labels:
            workers.wake(namespace, labels[CLUSTER])

    kopf.on.login(registry=registry)(login)
    kopf.on.event(GROUP, VERSION, "etcdclusters", registry=registry)(cluster_changed)
    for group, plural in WATCHED:
        kopf.on.event(group, "v1", plural, registry=registry)(object_changed)
    return registry


def _session(found: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """A session of our own for kopf, for two reasons.

    kopf gives up when the API server refuses credentials equal to those that it refused before, which it also does
    while its own etcd is away; no two sessions are equal. And from 3.13 on, Python refuses servers whose certificate
    lacks an authority key identifier, as older installations have them (kube/client.py does the same).
    """
    context = found.as_ssl_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=context), headers=found.as_http_headers(), proxy=found.proxy_url
    )
    return kopf.AiohttpSession(server=found.server, default_namespace=found.default_namespace, aiohttp_session=session)


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.error_backoffs = _Patience()
    for group, plural in WATCHED:
        settings.watching.label_selectors[group, "v1", plural] = CLUSTER
    return settings
