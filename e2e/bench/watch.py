"""Sees objects change without asking for them: the moments of an event, and addresses as soon as they are known."""

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from e2e.cluster import binaries
from e2e.support.kube import Json, Kind, Kube, path


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as it was told to us at a moment of the monotonic clock, in seconds; `gone` when it was deleted."""

    at: float
    kind: Kind
    object: Json
    gone: bool = False


class Watch:
    """Everything that happens to objects of some kinds in a namespace while the context is open."""

    def __init__(self, kube: Kube, namespace: str, kinds: Sequence[Kind]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._kinds = tuple(kinds)
        self._sightings: list[Sighting] = []
        self._present: dict[Kind, dict[str, Json]] = {kind: {} for kind in self._kinds}
        self._streams: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for kind in self._kinds:
            stream = self._open(kind)
            reader = threading.Thread(target=self._read, args=(kind, stream), name=f"watch-{kind.value.plural}")
            reader.start()
            self._streams.append(stream)
            self._readers.append(reader)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream in self._streams:
            stream.terminate()
            stream.wait()
        for reader in self._readers:
            reader.join()

    def sightings(self) -> tuple[Sighting, ...]:
        """All that was seen until now, in the order in which it came."""
        return tuple(self._sightings)

    def present(self, kind: Kind) -> dict[str, Json]:
        """Each object of `kind` that was seen and not deleted since, as it was seen last, by name."""
        return dict(self._present[kind])

    def _open(self, kind: Kind) -> "subprocess.Popen[str]":
        collection = path(kind, self._namespace)
        # From a known version on, nothing is missed while kubectl starts.
        version = json.loads(self._kube.raw(f"{collection}?limit=1"))["metadata"]["resourceVersion"]
        url = f"{collection}?watch=true&resourceVersion={version}"
        command = [str(binaries.ensure("kubectl")), f"--kubeconfig={self._kube.kubeconfig}", "get", f"--raw={url}"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def _read(self, kind: Kind, stream: "subprocess.Popen[str]") -> None:
        assert stream.stdout is not None
        with stream.stdout:
            for line in stream.stdout:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    self._see(Sighting(time.monotonic(), kind, event["object"], gone=event["type"] == "DELETED"))

    def _see(self, seen: Sighting) -> None:
        self._sightings.append(seen)
        present, name = self._present[seen.kind], seen.object["metadata"]["name"]
        if seen.gone:
            present.pop(name, None)
        else:
            present[name] = seen.object
