"""StorageClasses as a scenario needs them, and what a storage driver does to expand a volume."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from e2e.support.kube import Json, Kind, Kube
from etcd_operator.resources.quantity import whole_number

LOOK_EVERY = 0.1
"""Seconds between two looks at the claims, far less than an expansion takes."""

_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"


@contextmanager
def storage_class(kube: Kube, name: str, **changes: Any) -> Iterator[str]:
    """Yield the name of a StorageClass like the default one but for `changes`; it is deleted afterwards.

    Raises LookupError where there is no default one.
    """
    kube.create(Kind.STORAGE_CLASS, None, {**_like_the_default(kube), **changes, "metadata": {"name": name}})
    try:
        yield name
    finally:
        kube.delete(Kind.STORAGE_CLASS, None, name)


def _like_the_default(kube: Kube) -> Json:
    for found in kube.list(Kind.STORAGE_CLASS):
        if found["metadata"].get("annotations", {}).get(_IS_DEFAULT) == "true":
            return {key: value for key, value in found.items() if key not in {"metadata", "kind", "apiVersion"}}
    raise LookupError("this Kubernetes has no default StorageClass")


def asked(claim: Json) -> int:
    """Return the bytes that a claim asks for."""
    return whole_number(claim["spec"]["resources"]["requests"]["storage"])


def held(claim: Json) -> int:
    """Return the bytes that the volume of a bound claim has, as Kubernetes says."""
    return whole_number(claim["status"]["capacity"]["storage"])


def refuse_expansion(kube: Kube, claim: Json, *, words: str) -> None:
    """Complain of a claim as an external-resizer does whose storage refuses to expand the volume: by an event."""
    about = {key: claim["metadata"][key] for key in ("namespace", "name", "uid")}
    event = {
        "metadata": {"generateName": f"{about['name']}-"},
        "involvedObject": {"apiVersion": "v1", "kind": Kind.CLAIM.value.kind, **about},
        "type": "Warning",
        "reason": "VolumeResizeFailed",
        "message": f"resize volume failed: {words}",
        "firstTimestamp": _now(),
        "lastTimestamp": _now(),
    }
    kube.create(Kind.EVENT, about["namespace"], event)


class Resizer:
    """Plays a driver's part in expanding the volumes of a namespace, in a thread, while the context is open.

    It does what Kubernetes sees of an external-resizer (kubernetes-csi/external-resizer, pkg/controller): the claim
    gets the condition Resizing; `lasting` seconds later the PersistentVolume has the new capacity, then the claim. The
    storage itself stays as it is.
    """

    def __init__(self, kube: Kube, namespace: str, *, lasting: float = 2.0) -> None:
        self._kube = kube
        self._namespace = namespace
        self._lasting = lasting
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resizer")
        self._expanded: list[str] = []
        self._at_once = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def expanded(self) -> tuple[str, ...]:
        """The claims that were expanded, in their order."""
        return tuple(self._expanded)

    @property
    def at_once(self) -> int:
        """How many claims at most were seen to ask for more than they had at the same moment."""
        return self._at_once

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            growing = self._growing()
            if growing:
                self._expand(growing[0])

    def _growing(self) -> list[Json]:
        claims = self._kube.list(Kind.CLAIM, self._namespace)
        growing = [claim for claim in claims if "capacity" in claim["status"] and held(claim) < asked(claim)]
        self._at_once = max(self._at_once, len(growing))
        return growing

    def _expand(self, claim: Json) -> None:
        name, capacity = claim["metadata"]["name"], {"storage": claim["spec"]["resources"]["requests"]["storage"]}
        self._tell(name, {"conditions": [{"type": "Resizing", "status": "True", "lastTransitionTime": _now()}]})
        self._stopping.wait(self._lasting)
        # Others may ask for more only while this one still grows.
        self._growing()
        self._kube.patch(Kind.VOLUME, None, claim["spec"]["volumeName"], {"spec": {"capacity": capacity}})
        self._tell(name, {"capacity": capacity, "conditions": None})
        self._expanded.append(name)

    def _tell(self, name: str, status: Json) -> None:
        self._kube.patch(Kind.CLAIM, self._namespace, name, {"status": status}, subresource="status")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
