"""Writes container images without a container engine: a layer of static programs, byte for byte the same each time."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


def write(
    archive: Path, ref: str, *, entrypoint: Sequence[str], files: Mapping[str, Path], links: Mapping[str, str]
) -> None:
    """Write a docker-archive tar that `docker load` and `ctr images import` take.

    `files` maps a path in the image to the file that is put there, executable; `links` maps a path to its target.
    """
    layer = _layer(files, links)
    config = json.dumps(
        {
            "architecture": ARCHITECTURE[platform.machine()],
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [ref], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for name, content in ((config_name, config), ("layer.tar", layer), ("manifest.json", manifest)):
            _add(tar, name, content)


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        scratch = tarfile.TarInfo("tmp")
        scratch.type, scratch.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(scratch)
        for name, file in files.items():
            _add(tar, name.lstrip("/"), file.read_bytes(), mode=0o755)
        for name, target in links.items():
            link = tarfile.TarInfo(name.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return content.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
