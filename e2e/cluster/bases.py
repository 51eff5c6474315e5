"""Debian images to build on: pulled where a registry answers, else made from Debian packages with debootstrap."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import docker
import requests
from docker.errors import APIError, ImageNotFound

from e2e.cluster import cache, engine, progress
from e2e.cluster.commands import logged, output
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.prerequisites import require

# What no program needs at run time.
DEAD_WEIGHT = (
    "var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/info", "usr/share/locale",
    "usr/share/man", "etc/machine-id",
)  # fmt: skip


def has_image(ref: str) -> bool:
    """Return whether the engine holds the image `ref`."""
    try:
        engine.client().images.get(ref)
    except ImageNotFound:
        return False
    return True


def pulled(ref: str) -> bool:
    """Return whether the engine holds `ref`, pulled now from its registry if need be and possible.

    Decides within seconds where no registry can be reached.
    """
    if has_image(ref):
        return True
    if not _offered(ref):
        progress.note(f"no registry offers {ref} here: making it from Debian packages")
        return False
    with progress.step(f"Pulling {ref}", usually=20):
        engine.client().images.pull(ref)
    return True


def _offered(ref: str) -> bool:
    """Return whether the registry of `ref` answers the engine's question for it within ten seconds."""
    asking = docker.from_env(timeout=10)
    try:
        asking.api.inspect_distribution(ref)
    except (APIError, requests.RequestException):
        return False
    finally:
        asking.close()
    return True


def bootstrap(ref: str, *, release: str, packages: Sequence[str], usually: float) -> None:
    """Make the image `ref` of a minimal Debian `release` with `packages`; `usually` is in seconds.

    Raises LocalClusterError where this is not root on a Debian, which debootstrap needs.
    """
    if os.geteuid() != 0:
        raise LocalClusterError(f"{ref} cannot be pulled, and only root can make it with debootstrap: run this as root")
    require("debootstrap")
    log = cache.log_file(f"debootstrap-{release}")
    log.unlink(missing_ok=True)
    # debootstrap makes device files: its folder may not be on a file system that forbids them, as /tmp often is.
    root = Path(tempfile.mkdtemp(prefix=f"{release}-", dir=cache.folder("tmp")))
    try:
        with progress.step(f"Making an image of Debian {release}", usually=usually):
            include = f"--include={','.join(packages)}"
            logged(["debootstrap", "--variant=minbase", include, release, root, *_mirror()], log=log)
            for weight in DEAD_WEIGHT:
                _empty(root / weight)
            _import(root, ref)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _mirror() -> list[str]:
    """The mirror that this machine's apt uses; none, where there is no apt, means debootstrap's own default."""
    if shutil.which("apt-get") is None:
        return []
    used = output(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    return [uri for uri in used if uri.rstrip("/").endswith("/debian")][:1]


def _empty(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        path.mkdir()
    elif path.exists():
        path.write_text("")


def _import(root: Path, ref: str) -> None:
    repository, _, tag = ref.rpartition(":")
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        engine.client().api.import_image(src=tar.stdout, stream_src=True, repository=repository, tag=tag)
    if tar.returncode:
        raise LocalClusterError(f"tar could not read {root}")
