"""The real Kubernetes: the `kubernetes` package's asyncio client, used for its connection, authentication and TLS only.

Objects stay decoded JSON: the package's models would cost memory and CPU on every pass, and drop what they do not know.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from etcd_operator.kube import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from etcd_operator.kube.port import Json, Precondition
    from etcd_operator.resources.kinds import Kind

CALL_TIMEOUT = 4.0
"""Seconds for one call, reading the answer included; well below the Lease, so that a leader may always start one."""

PAGE_SIZE = 500

_MERGE_PATCH = "application/merge-patch+json"


def path(kind: Kind, namespace: str | None, name: str | None = None, *, status: bool = False) -> str:
    """The URL path of a collection or an object."""
    resource = kind.value
    group = f"/apis/{resource.api_version}" if "/" in resource.api_version else f"/api/{resource.api_version}"
    parts = [group]
    if namespace is not None:
        parts += ["namespaces", quote(namespace)]
    parts.append(resource.plural)
    if name is not None:
        parts.append(quote(name))
    if status:
        parts.append("status")
    return "/".join(parts)


class KubeClient:
    """The `Kube` port over HTTPS. `on_call(verb, kind, code)` is told of every answer; code 0 stands for none."""

    def __init__(
        self, api: ApiClient, *, on_call: Callable[[str, Kind, int], None], timeout: float = CALL_TIMEOUT
    ) -> None:
        self._api = api
        self._on_call = on_call
        self._timeout = timeout

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """See `Kube.get`."""
        return await self._call("get", kind, path(kind, namespace, name))

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Json]:
        """See `Kube.list`. Without a resourceVersion the API server answers with its newest state."""
        query = {"limit": str(PAGE_SIZE)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        items: list[Json] = []
        while True:
            page = await self._call("list", kind, f"{path(kind, namespace)}?{urlencode(query)}")
            items += page["items"]
            more = page["metadata"].get("continue")
            if not more:
                return items
            query["continue"] = more

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """See `Kube.create`."""
        return await self._call("create", kind, path(kind, namespace), method="POST", body=body)

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, precondition: Precondition, status: bool = False
    ) -> Json:
        """See `Kube.patch`. The server checks the resourceVersion that stands in the patch's own metadata.

        A UID alone it does not hold: the status of a namesake would be written (tried on Kubernetes 1.35).
        """
        if precondition.resource_version is None:
            raise ValueError(f"a patch of {kind.value.kind} {name} needs the resourceVersion that was observed")
        held = {"uid": precondition.uid, "resourceVersion": precondition.resource_version}
        body = {**patch, "metadata": {**patch.get("metadata", {}), **held}}
        return await self._call(
            "patch", kind, path(kind, namespace, name, status=status), method="PATCH", body=body, content=_MERGE_PATCH
        )

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, precondition: Precondition, grace_seconds: int | None = None
    ) -> None:
        """See `Kube.delete`."""
        held = {"uid": precondition.uid}
        if precondition.resource_version is not None:
            held["resourceVersion"] = precondition.resource_version
        body: Json = {"preconditions": held, "propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        await self._call("delete", kind, path(kind, namespace, name), method="DELETE", body=body)

    async def _call(
        self,
        verb: str,
        kind: Kind,
        resource_path: str,
        *,
        method: str = "GET",
        body: Json | None = None,
        content: str = "application/json",
    ) -> Json:
        headers = {"Accept": "application/json", "Content-Type": content}
        code, answer = 0, b""
        retry_after: str | None = None
        try:
            async with asyncio.timeout(self._timeout):
                _, url, headers, _, _ = await self._api.param_serialize(
                    method, resource_path, header_params=headers, auth_settings=["BearerToken"]
                )
                response = await self._api.call_api(
                    method, url, headers, body=body, _request_timeout=aiohttp.ClientTimeout(total=self._timeout)
                )
                answer = await response.read()
                code, retry_after = response.status, response.getheader("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = str(error) or type(error).__name__
            raise errors.Unreachable(f"the API server did not answer: {cause}") from error
        finally:
            self._on_call(verb, kind, code)
        decoded = _decode(answer)
        if code >= 400:  # noqa: PLR2004 - HTTP's own border
            said = {"message": answer.decode(errors="replace").strip()} if decoded is None else decoded
            raise errors.from_response(code, said, retry_after=_seconds(retry_after))
        if decoded is None:
            raise errors.Unreachable(f"what answered with {code} is not an API server")
        return decoded


def _decode(answer: bytes) -> Json | None:
    """The JSON object in `answer`; None if there is none, as in the page of a proxy."""
    try:
        decoded: Any = json.loads(answer)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else None


@asynccontextmanager
async def connect(*, on_call: Callable[[str, Kind, int], None]) -> AsyncIterator[KubeClient]:
    """A client with the Pod's own service account, or else with the kubeconfig that KUBECONFIG names."""
    configuration = Configuration()
    # One pass of every cluster may read several kinds at once; a small pool would make clusters wait for each other.
    configuration.connection_pool_maxsize = 64
    # From 3.13 on, Python refuses API servers whose certificate lacks an authority key identifier; older ones do.
    configuration.disable_strict_ssl_verification = True
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(client_configuration=configuration)
    async with ApiClient(configuration) as api:
        yield KubeClient(api, on_call=on_call)
