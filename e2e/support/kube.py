"""Kubernetes as an administrator sees it: decoded JSON by REST, and the real kubectl where a person would use it."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
import yaml
from kubernetes import config

from e2e.cluster import binaries

Json = dict[str, Any]
"""A Kubernetes object, or a part of one, as decoded JSON."""

CALL_TIMEOUT = 10.0
"""Seconds for one call."""


@dataclass(frozen=True, slots=True)
class Resource:
    """How the API server names one kind of object."""

    api_version: str
    kind: str
    plural: str


class Kind(Enum):
    """The kinds that scenarios deal with."""

    CLUSTER = Resource("etcd-operator.dev/v1alpha1", "EtcdCluster", "etcdclusters")
    POD = Resource("v1", "Pod", "pods")
    CLAIM = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
    VOLUME = Resource("v1", "PersistentVolume", "persistentvolumes")
    SERVICE = Resource("v1", "Service", "services")
    SLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
    SECRET = Resource("v1", "Secret", "secrets")
    BUDGET = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
    EVENT = Resource("v1", "Event", "events")
    LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases")
    DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments")
    STATEFUL_SET = Resource("apps/v1", "StatefulSet", "statefulsets")
    CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps")
    NAMESPACE = Resource("v1", "Namespace", "namespaces")
    NODE = Resource("v1", "Node", "nodes")
    QUOTA = Resource("v1", "ResourceQuota", "resourcequotas")
    STORAGE_CLASS = Resource("storage.k8s.io/v1", "StorageClass", "storageclasses")


class KubeError(Exception):
    """The API server refused a call, or did not answer."""


class NotFoundError(KubeError):
    """There is no such object."""


class Kube:
    """One Kubernetes. Calls raise NotFoundError and KubeError; it may be used from several threads."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._api = config.new_client_from_config(config_file=str(kubeconfig), persist_config=False)

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """Return one object."""
        return self._call("GET", path(kind, namespace, name))

    def find(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Return one object, or None if there is no such one."""
        try:
            return self.get(kind, namespace, name)
        except NotFoundError:
            return None

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a namespace, or of all, that match both selectors."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        answer = self._call("GET", f"{path(kind, namespace)}?{urlencode(query)}")
        items: list[Json] = answer["items"]
        return items

    def create(self, kind: Kind, namespace: str | None, body: Json) -> Json:
        """Create an object; `apiVersion` and `kind` are filled in."""
        about = {"apiVersion": kind.value.api_version, "kind": kind.value.kind}
        return self._call("POST", path(kind, namespace), body={**about, **body})

    def patch(self, kind: Kind, namespace: str | None, name: str, patch: Json, *, subresource: str = "") -> Json:
        """Change an object by a merge patch; return it."""
        where = path(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        return self._call("PATCH", where, body=patch, content="application/merge-patch+json")

    def delete(self, kind: Kind, namespace: str | None, name: str, *, grace_seconds: int | None = None) -> None:
        """Delete an object in the background; one that is gone already is as good."""
        body: Json = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            self._call("DELETE", path(kind, namespace, name), body=body)
        except NotFoundError:
            return

    def log(self, namespace: str, pod: str, *, tail: int = 100, previous: bool = False) -> str:
        """Return the last `tail` lines of the log of a Pod's only container, or of the one that ran before it."""
        query = urlencode({"tailLines": tail, "previous": str(previous).lower()})
        return self._text("GET", f"{path(Kind.POD, namespace, pod)}/log?{query}")

    def raw(self, where: str) -> str:
        """Return what the API server answers to a GET of this URL path."""
        return self._text("GET", where)

    def kubectl(self, *arguments: str, stdin: str = "", timeout: float = 60) -> str:
        """Return what kubectl prints; raises KubeError with what it complains of."""
        command = [str(binaries.ensure("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise KubeError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, manifest: Json | Sequence[Json] | str, *, namespace: str) -> str:
        """Apply one manifest, several, or YAML as a person writes it; return what kubectl prints."""
        manifests = [manifest] if isinstance(manifest, dict) else manifest
        text = manifests if isinstance(manifests, str) else yaml.safe_dump_all(manifests, sort_keys=False)
        return self.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=text)

    def _call(self, method: str, where: str, *, body: Json | None = None, content: str = "application/json") -> Json:
        decoded: Json = json.loads(self._text(method, where, body=body, content=content))
        return decoded

    def _text(self, method: str, where: str, *, body: Json | None = None, content: str = "application/json") -> str:
        headers = {"Accept": "*/*", "Content-Type": content}
        _, url, headers, _, _ = self._api.param_serialize(
            method, where, header_params=headers, auth_settings=["BearerToken"]
        )
        try:
            answer = self._api.call_api(method, url, headers, body=body, _request_timeout=CALL_TIMEOUT)
            text: str = answer.read().decode(errors="replace")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KubeError(f"the API server did not answer: {error}") from error
        match answer.status:
            case status if status < 400:
                return text
            case 404:
                raise NotFoundError(_message(text))
            case _:
                raise KubeError(_message(text))


def path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    """Return the URL path of a collection, or of an object."""
    group = kind.value.api_version
    parts = ["/apis" if "/" in group else "/api", group]
    if namespace is not None:
        parts += ["namespaces", quote(namespace)]
    parts.append(kind.value.plural)
    if name is not None:
        parts.append(quote(name))
    return "/".join(parts)


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()
