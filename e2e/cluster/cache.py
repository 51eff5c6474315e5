"""Everything that takes long is made once, outside the checkout, and found again by what it was made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """Return the folder of everything that is kept: `$XDG_CACHE_HOME/etcd-operator`, by default in `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "etcd-operator"


def folder(*parts: str) -> Path:
    """Return a folder of the cache, made if it is not there."""
    path = root().joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def log_file(name: str) -> Path:
    """Return where the log of `name` is kept; the newest run replaces the one before."""
    return folder("logs") / f"{name}.log"


def digest(*facts: str, files: Iterable[Path] = ()) -> str:
    """Return twelve hex digits that change when a fact, a file's name or a file's content changes."""
    total = hashlib.sha256()
    for fact in facts:
        total.update(fact.encode() + b"\0")
    for file in sorted(files):
        total.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time do `name`; the kernel releases it when a holder dies, however it dies."""
    with (folder("locks") / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def keep(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `kind/key`, filled by `make` if no earlier run has done so.

    `make` fills a folder that takes its final name only when `make` returns, so a build that was interrupted is never
    taken for a finished one. A second process that wants the same waits for the first.
    """
    wanted = folder(kind) / key
    if wanted.is_dir():
        return wanted
    with lock(f"{kind}-{key}"):
        if not wanted.is_dir():
            _fill(wanted, make)
    return wanted


def _fill(wanted: Path, make: Callable[[Path], None]) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f".{wanted.name}-", dir=wanted.parent))
    try:
        make(unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(wanted)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
