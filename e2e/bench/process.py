"""What the kernel says about the operator's process; read in its container, so that any cluster will do."""

from dataclasses import dataclass
from typing import Self

from deploy.render import NAMESPACE
from e2e.bench.results import NotMeasuredError
from e2e.support.kube import Kube
from e2e.support.operator import CONTAINER

TICKS_PER_SECOND = 100
"""In /proc, whatever the kernel's own clock (man 5 proc, USER_HZ)."""

_USER, _SYSTEM = 11, 12
"""Positions of utime and stime in /proc/<pid>/stat, counted from behind the name of the program."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used since it started."""

    cpu_seconds: float
    peak_rss_mib: float

    @classmethod
    def read(cls, kube: Kube, pod: str) -> Self:
        """Ask the container of an operator's Pod, where the operator is process 1."""
        inside = ("exec", f"--namespace={NAMESPACE}", pod, f"--container={CONTAINER}", "--", "cat")
        stat, status = kube.kubectl(*inside, "/proc/1/stat"), kube.kubectl(*inside, "/proc/1/status")
        return cls(cpu_seconds(stat), peak_rss_mib(status))


def cpu_seconds(stat: str) -> float:
    """User and system time in the content of /proc/<pid>/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / TICKS_PER_SECOND


def peak_rss_mib(status: str) -> float:
    """The most memory that was ever resident, in the content of /proc/<pid>/status."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise NotMeasuredError("no VmHWM in /proc/<pid>/status: the process has ended")
