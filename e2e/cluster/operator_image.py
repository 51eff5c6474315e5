"""The operator's image: wheels are made here, for the image's Python, and the Dockerfile only installs them."""

import platform
import shutil
import sys
import tempfile
from pathlib import Path

from docker.errors import BuildError

from e2e.cluster import bases, cache, engine, progress, versions
from e2e.cluster.commands import logged
from e2e.cluster.errors import LocalClusterError

REF = "localhost/etcd-operator:dev"
CHECKOUT = Path(__file__).resolve().parents[2]
CONSTRAINTS = Path("constraints", "runtime.txt")
BASE = f"python:{versions.OPERATOR_PYTHON}-slim"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
PIP = (sys.executable, "-m", "pip")
# Debian 13 has the C library 2.41; a wheel for any older one runs on it.
C_LIBRARIES = range(17, 42)


def build(ref: str = REF, *, checkout: Path = CHECKOUT) -> str:
    """Build the operator's image from a checkout under the name `ref`, in the local Docker engine; return `ref`.

    Takes seconds when only the operator changed. Raises LocalClusterError with the end of the build's output.
    """
    base = _base()
    dependencies = _dependencies(checkout / CONSTRAINTS)
    with tempfile.TemporaryDirectory(dir=cache.folder("tmp")) as folder:
        context = Path(folder)
        shutil.copy(checkout / "Dockerfile", context)
        shutil.copytree(dependencies, context / "wheels" / "dependencies")
        _project(checkout, context / "wheels" / "project")
        with progress.step(f"Building {ref}", usually=3):
            _build(context, base, ref)
    return ref


def _build(context: Path, base: str, ref: str) -> None:
    try:
        engine.client().images.build(path=str(context), tag=ref, buildargs={"BASE": base}, rm=True, forcerm=True)
    except BuildError as error:
        lines = [str(entry["stream"]).rstrip() for entry in error.build_log if entry.get("stream", "").strip()]
        shown = "\n".join(f"    {line}" for line in lines[-15:])
        raise LocalClusterError(f"{ref} cannot be built: {error.msg}\n{shown}") from error


def _base() -> str:
    if bases.pulled(BASE):
        return BASE
    ref = f"localhost/etcd-operator-base:{cache.digest(versions.OPERATOR_DEBIAN, *BASE_PACKAGES)}"
    with cache.lock("operator-base"):
        if not bases.has_image(ref):
            bases.bootstrap(ref, release=versions.OPERATOR_DEBIAN, packages=BASE_PACKAGES, usually=45)
    return ref


def _dependencies(constraints: Path) -> Path:
    """Return a folder of the wheels that `constraints` pins, for the image's Python and not for ours."""
    machine = platform.machine()
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in C_LIBRARIES]

    choice = (
        "--no-deps", "--require-hashes", "--requirement", constraints, "--only-binary=:all:", "--implementation=cp",
        f"--python-version={versions.OPERATOR_PYTHON}", f"--platform=linux_{machine}",
    )  # fmt: skip

    def download(into: Path) -> None:
        log = cache.log_file("wheels")
        log.unlink(missing_ok=True)
        with progress.step("Downloading the operator's dependencies", usually=15):
            logged([*PIP, "download", "--dest", into, *choice, *platforms], log=log)

    key = cache.digest(versions.OPERATOR_PYTHON, machine, repr(C_LIBRARIES), files=[constraints])
    return cache.keep("wheels", key, download)


def _project(checkout: Path, into: Path) -> None:
    into.mkdir(parents=True)
    log = cache.log_file("wheel")
    log.unlink(missing_ok=True)
    with progress.step("Building the operator's wheel", usually=2):
        logged([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", into, checkout], log=log)
