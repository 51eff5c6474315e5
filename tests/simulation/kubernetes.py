"""The simulated API server: what Kubernetes promises about objects, without time or network.

Objects are values: a change stores a new one and never alters an old one, so that a snapshot of the server is a copy of
one dictionary, and what a reader was given stays as it was read.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from etcd_operator.kube.errors import AlreadyExists, Conflict, NotFound, Refused
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.quantity import whole_number
from etcd_operator.status.moment import timestamp
from tests.simulation import storage

if TYPE_CHECKING:
    from datetime import datetime

    from etcd_operator.kube.port import Json, Precondition

Key = tuple[Kind, str, str]
"""Kind, namespace and name."""

PVC_PROTECTION = "kubernetes.io/pvc-protection"

_VERSIONS = itertools.count(100)
"""One counter for all servers: a resourceVersion names one content, also among copies of a server that went apart."""

_WITH_STATUS = frozenset({Kind.CLUSTER, Kind.POD, Kind.CLAIM, Kind.SERVICE, Kind.BUDGET})


def merged(base: Any, patch: Any) -> Any:
    """`base` with a merge patch laid over it (RFC 7396); neither is altered."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@dataclass(slots=True)
class ApiServer:
    """The objects of a Kubernetes cluster, with its rules about versions, identity, deletion, ownership and quota.

    `limits` is the quota: how many objects of a kind may exist. `forbidden` are the kinds that the operator may not
    read. `told` are the events that it has written. What has no namespace is in the one without a name.
    """

    now: datetime
    objects: dict[Key, Json] = field(default_factory=dict)
    limits: dict[Kind, int] = field(default_factory=dict)
    forbidden: frozenset[Kind] = frozenset()
    told: tuple[Json, ...] = ()
    _births: dict[Key, int] = field(default_factory=dict)

    def copy(self) -> ApiServer:
        """The same server, whose later changes are its own."""
        return replace(self, objects=dict(self.objects), limits=dict(self.limits), _births=dict(self._births))

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """The object; raises NotFound."""
        try:
            return self.objects[kind, namespace, name]
        except KeyError:
            raise NotFound(f'{kind.value.plural} "{name}" not found', code=404, reason="NotFound") from None

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """The object, or None."""
        return self.objects.get((kind, namespace, name))

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Json]:
        """Every object that both selectors, made of `key=value` and commas, select; the oldest first."""
        wanted, exact = _pairs(labels), _pairs(fields)
        return [
            body
            for (other, place, _), body in self.objects.items()
            if other is kind
            and namespace in (None, place)
            and all(body["metadata"].get("labels", {}).get(key) == value for key, value in wanted)
            and all(_at(body, path) == value for path, value in exact)
        ]

    def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Store a new object; raises AlreadyExists, and Refused over quota."""
        if kind is Kind.EVENT:
            self.told = (*self.told, body)
            return body
        name = body["metadata"]["name"]
        key = (kind, namespace, name)
        if key in self.objects:
            raise AlreadyExists(f'{kind.value.plural} "{name}" already exists', code=409, reason="AlreadyExists")
        self._require_room(kind, namespace, name)
        self._births[key] = self._births.get(key, 0) + 1
        about = {
            **body["metadata"],
            "namespace": namespace,
            "uid": f"{kind.value.kind.lower()}-{name}-{self._births[key]}",
            "creationTimestamp": timestamp(self.now),
        }
        new = {**body, "metadata": about}
        return self._store(key, _admitted(kind, storage.with_class(self, new) if kind is Kind.CLAIM else new))

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Json,
        *,
        precondition: Precondition | None = None,
        status: bool = False,
    ) -> Json:
        """Merge into the object, or into its status; a patch that changes nothing writes nothing.

        Raises NotFound, Conflict, and Refused for what the definition of the EtcdCluster forbids, and for a size that a
        claim cannot have.
        """
        old = self.get(kind, namespace, name)
        _require(old, precondition)
        part = {"status": patch.get("status", {})} if status else patch
        if not status and kind in _WITH_STATUS:
            part = {key: value for key, value in patch.items() if key != "status"}
        new = merged(old, part)
        if new == old:
            return old
        if kind is Kind.CLAIM:
            storage.require_resizable(self, old, new)
        if kind is Kind.CLUSTER:
            _require_allowed(old, new)
            if new["spec"] != old["spec"]:
                new["metadata"] = new["metadata"] | {"generation": old["metadata"]["generation"] + 1}
        stored = self._store((kind, namespace, name), new)
        self._end_if_released((kind, namespace, name))
        return stored

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        precondition: Precondition | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Ask for the end of an object: at once, unless a finalizer or the kubelet of a running Pod holds it."""
        old = self.get(kind, namespace, name)
        _require(old, precondition)
        key = (kind, namespace, name)
        waits_for_kubelet = kind is Kind.POD and "nodeName" in old["spec"] and grace_seconds != 0
        if not old["metadata"].get("finalizers") and not waits_for_kubelet:
            del self.objects[key]
        elif "deletionTimestamp" not in old["metadata"]:
            mark = {"deletionTimestamp": timestamp(self.now)}
            self._store(key, {**old, "metadata": {**old["metadata"], **mark}})

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """The kubelet's word that the processes of a Pod have ended."""
        del self.objects[kind, namespace, name]

    def _store(self, key: Key, body: Json) -> Json:
        stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(next(_VERSIONS))}}
        self.objects[key] = stored
        return stored

    def _end_if_released(self, key: Key) -> None:
        about = self.objects[key]["metadata"]
        if "deletionTimestamp" in about and not about.get("finalizers") and key[0] is not Kind.POD:
            del self.objects[key]

    def _require_room(self, kind: Kind, namespace: str, name: str) -> None:
        used, limit = len(self.list(kind, namespace)), self.limits.get(kind)
        if limit is not None and used >= limit:
            plural = kind.value.plural
            raise Refused(
                f'{plural} "{name}" is forbidden: exceeded quota: {namespace}, requested: count/{plural}=1, '
                f"used: count/{plural}={used}, limited: count/{plural}={limit}",
                code=403,
                reason="Forbidden",
            )


def _admitted(kind: Kind, body: Json) -> Json:
    """What the server itself adds to a new object."""
    match kind:
        case Kind.CLAIM:
            body["metadata"]["finalizers"] = [PVC_PROTECTION]
            body["status"] = {"phase": "Pending"}
        case Kind.POD:
            body["status"] = {"phase": "Pending", "qosClass": "Burstable"}
        case Kind.CLUSTER:
            body["metadata"]["generation"] = 1
        case _:
            pass
    return body


def _require(body: Json, precondition: Precondition | None) -> None:
    if precondition is None:
        return
    about = body["metadata"]
    if about["uid"] != precondition.uid:
        raise Conflict(f"the UID in the precondition ({precondition.uid}) is not {about['uid']}", code=409)
    if precondition.resource_version not in (None, about["resourceVersion"]):
        raise Conflict("the object has been modified", code=409, reason="Conflict")


def _require_allowed(old: Json, new: Json) -> None:
    """The transition rules of crds/etcdcluster.yaml that a cluster is held to by what was written to its status."""
    said = old.get("status", {})
    if "clusterID" in said and new.get("status", {}).get("clusterID") != said["clusterID"]:
        raise Refused("status.clusterID is written once, when the cluster forms", code=422, reason="Invalid")
    if "storage" in said and _size(new) < min(_size(old), whole_number(said["storage"])):
        raise Refused("a volume cannot shrink: write the former size or a larger one", code=422, reason="Invalid")


def _size(cluster: Json) -> int:
    return whole_number(cluster["spec"]["storage"]["size"])


def _pairs(selector: str) -> list[tuple[str, str]]:
    items = (item.partition("=") for item in selector.split(",") if item)
    return [(key, value) for key, _, value in items]


def _at(body: Json, path: str) -> Any:
    found: Any = body
    for part in path.split("."):
        found = found.get(part, {})
    return found


def secret_data(server: ApiServer, namespace: str, name: str) -> dict[str, bytes]:
    """The decoded data of a Secret; nothing if there is none."""
    body = server.find(Kind.SECRET, namespace, name)
    return {} if body is None else {key: _decoded(value) for key, value in body.get("data", {}).items()}


@lru_cache(maxsize=4096)
def _decoded(text: str) -> bytes:
    return base64.b64decode(text)
