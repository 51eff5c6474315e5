"""Moves an image to the nodes without the layers that they hold already: mostly, only the operator itself changed."""

import hashlib
import io
import json
import tarfile
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

GZIP = b"\x1f\x8b"
IMAGE = "application/vnd.oci.image"


def shrink(saved: Path, into: Path, *, ref: str, present: AbstractSet[str]) -> None:
    """Write the image `ref` in `saved`, which `docker save` wrote, as an OCI archive without the blobs in `present`.

    `present` are digests (`sha256:…`). A container runtime that has them takes the archive like a whole one.
    """
    with tarfile.open(saved) as source, tarfile.open(into, "w") as archive:
        (entry,) = json.loads(_read(source, "manifest.json"))
        config = _read(source, entry["Config"])
        layers = []
        for name in entry["Layers"]:
            layer = _read(source, name)
            kind = "layer.v1.tar+gzip" if layer.startswith(GZIP) else "layer.v1.tar"
            layers.append(_blob(archive, layer, kind, present))
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{IMAGE}.manifest.v1+json",
            "config": _blob(archive, config, "config.v1+json", present),
            "layers": layers,
        }
        described = _blob(archive, json.dumps(manifest).encode(), "manifest.v1+json", frozenset())
        described["annotations"] = {"io.containerd.image.name": full_name(ref)}
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [described]}).encode())
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def full_name(ref: str) -> str:
    """Return `ref` with the registry and folder that Docker adds when they are left out."""
    first, slash, _ = ref.partition("/")
    if not slash:
        return f"docker.io/library/{ref}"
    return ref if first == "localhost" or "." in first or ":" in first else f"docker.io/{ref}"


def _blob(archive: tarfile.TarFile, content: bytes, kind: str, present: AbstractSet[str]) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest not in present:
        _add(archive, f"blobs/{digest.replace(':', '/')}", content)
    return {"mediaType": f"{IMAGE}.{kind}", "digest": digest, "size": len(content)}


def _read(source: tarfile.TarFile, name: str) -> bytes:
    file = source.extractfile(name)
    if file is None:
        raise tarfile.ReadError(f"{name} is not a file")
    return file.read()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
