"""Data volumes in memory, with as much of a file system as the start check and etcd use of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from etcd_operator.resources.flags import DATA_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator

MOUNT = PurePosixPath(DATA_DIR).parent
WAL = PurePosixPath(DATA_DIR, "member/wal/0000000000000000-0000000000000000.wal")

Files = Mapping[PurePosixPath, PurePosixPath | None]
"""Each path of a volume, directories included, with its target if it is a symbolic link."""

EMPTY: Files = MappingProxyType({MOUNT: None})


def initialised(files: Files) -> bool:
    """Whether etcd takes the data directory for one that it has used (wal.Exist)."""
    return WAL in files


def with_wal(files: Files) -> Files:
    """The volume after etcd has written its first log."""
    return {**files, **dict.fromkeys((WAL, *_below_mount(WAL)))}


def _below_mount(path: PurePosixPath) -> list[PurePosixPath]:
    return [parent for parent in path.parents if MOUNT in parent.parents]


@dataclass(slots=True)
class Mounted:
    """A volume in use: what `at` changes is seen in `files`."""

    files: dict[PurePosixPath, PurePosixPath | None] = field(default_factory=dict)

    def at(self, path: PurePosixPath) -> Path:
        """The path as a program sees it that has the volume mounted."""
        return cast("Path", _MountedPath(self, path))


@dataclass(frozen=True, slots=True)
class _MountedPath:
    """The methods of pathlib.Path that the start check calls."""

    volume: Mounted
    path: PurePosixPath

    def __truediv__(self, name: str) -> _MountedPath:
        return _MountedPath(self.volume, self.path / name)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def parent(self) -> _MountedPath:
        return _MountedPath(self.volume, self.path.parent)

    @property
    def name(self) -> str:
        return self.path.name

    def iterdir(self) -> Iterator[_MountedPath]:
        if self.path not in self.volume.files:
            raise FileNotFoundError(str(self.path))
        return iter([_MountedPath(self.volume, path) for path in self.volume.files if path.parent == self.path])

    def mkdir(self, mode: int, *, parents: bool, exist_ok: bool) -> None:
        assert (mode, parents, exist_ok) == (0o700, True, True)
        for path in (self.path, *_below_mount(self.path)):
            self.volume.files.setdefault(path, None)

    def is_symlink(self) -> bool:
        return self.volume.files.get(self.path) is not None

    def readlink(self) -> Path:
        target = self.volume.files[self.path]
        assert target is not None
        return Path(target)

    def unlink(self, *, missing_ok: bool) -> None:
        assert missing_ok
        self.volume.files.pop(self.path, None)

    def symlink_to(self, target: Path) -> None:
        self.volume.files[self.path] = PurePosixPath(target)

    def replace(self, target: _MountedPath) -> None:
        self.volume.files[target.path] = self.volume.files.pop(self.path)
