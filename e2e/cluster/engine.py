"""A Docker engine: the one that answers, else one that we start with its data in our cache."""

import functools
import os
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import docker
from docker.errors import DockerException

from e2e.cluster import cache, progress
from e2e.cluster.commands import output, succeeds, tail
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.prerequisites import require
from e2e.cluster.waiting import until

# Apart from the one of an engine that the system may have: what is found here after a crash is ours to remove.
EXEC_ROOT = Path("/run/etcd-operator-docker")
# Chains that dockerd makes once, when it starts, and misses for ever if someone flushes the firewall.
CHAINS = (
    ("nat", "DOCKER"),
    *(("filter", f"DOCKER{part}") for part in ("", "-ISOLATION-STAGE-1", "-ISOLATION-STAGE-2")),
)


def client() -> docker.DockerClient:
    """Return a client of the engine; raises LocalClusterError when none answers."""
    if not answers():
        raise LocalClusterError("no Docker engine answers; `make cluster` starts one")
    return _client()


@functools.cache
def _client() -> docker.DockerClient:
    return docker.from_env(timeout=120)


def answers() -> bool:
    """Return whether a Docker engine answers here within five seconds."""
    if not _listens():
        return False
    try:
        engine = docker.from_env(timeout=5)
        try:
            return bool(engine.ping())
        finally:
            engine.close()
    except DockerException:
        return False


def _listens() -> bool:
    """Return whether anybody listens on the engine's local socket; the docker package never closes one that refuses."""
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if address.scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(address.path)
        except OSError:
            return False
    return True


def ensure() -> None:
    """Return when a Docker engine answers: the one that is there, else one that is started.

    Copes with what an engine that was stopped hard leaves: pid files, sockets, firewall chains.
    Raises LocalClusterError when it does not start, with the end of its log.
    """
    with cache.lock("engine"):
        if not answers():
            _start()
        if ours():
            _mend_firewall()


def stop() -> None:
    """Stop the engine if we started it, and wait until it is gone; its data stays in the cache."""
    pid = _our_engine()
    if pid is None:
        return
    with progress.step("Stopping the Docker engine"):
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _runs(pid, "dockerd"), "the Docker engine ends", seconds=60)
    _pid_file().unlink(missing_ok=True)
    _leave_no_trace()


def ours() -> bool:
    """Return whether the engine that runs here was started by us."""
    return _our_engine() is not None


def _start() -> None:
    if elsewhere := os.environ.get("DOCKER_HOST"):
        raise LocalClusterError(
            f"DOCKER_HOST names {elsewhere}, where no Docker engine answers: correct it or unset it"
        )
    if os.geteuid() != 0:
        raise LocalClusterError("no Docker engine answers and only root can start one: start Docker, then try again")
    require("dockerd", "iptables", "ip")
    _remember_forwarding()
    for stale, program in ((_pid_file(), "dockerd"), (EXEC_ROOT / "containerd/containerd.pid", "containerd")):
        # A number that another process has by now would make dockerd refuse to start, or wait for a stranger.
        if stale.exists() and not _runs(_pid_in(stale), program):
            stale.unlink()
    log = cache.log_file("dockerd")
    with progress.step("Starting a Docker engine", usually=5):
        folders = {"data-root": cache.folder("docker"), "exec-root": EXEC_ROOT, "pidfile": _pid_file()}
        with log.open("w") as printed:
            # The engine outlives this process: nobody here may be its parent.
            subprocess.run(
                ["setsid", "--fork", "dockerd", *(f"--{option}={path}" for option, path in folders.items())],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip
        began = False

        def decided() -> bool:
            nonlocal began
            began = began or _pid_file().exists()
            return answers() or (began and not _pid_file().exists())

        until(decided, "the Docker engine answers", seconds=60)
    if not answers():
        raise LocalClusterError(f"dockerd did not start; its log is {log}, which ends:\n{tail(log)}")


def _mend_firewall() -> None:
    for table, chain in CHAINS:
        if not succeeds(["iptables", "-t", table, "-S", chain]):
            succeeds(["iptables", "-t", table, "-N", chain])


def _remember_forwarding() -> None:
    # dockerd sets the policy to DROP for the whole machine; what it was is restored when the engine is stopped.
    policy = output(["iptables", "-S", "FORWARD"]).split()[2]
    if not _policy_file().exists():
        _policy_file().write_text(policy)


def _leave_no_trace() -> None:
    """Remove what dockerd leaves behind when it ends: its bridge, its mounts, its firewall rules and their chains."""
    succeeds(["ip", "link", "delete", "docker0"])
    for mounted in _mounts_below(EXEC_ROOT, cache.folder("docker")):
        succeeds(["umount", mounted])
    shutil.rmtree(EXEC_ROOT, ignore_errors=True)
    for table in ("filter", "nat"):
        listed = output(["iptables", "-t", table, "-S"]).splitlines()
        for rule in (line for line in listed if line.startswith("-A ") and ("DOCKER" in line or "docker0" in line)):
            succeeds(["iptables", "-t", table, *shlex.split(rule.replace("-A", "-D", 1))])
        for chain in (line.split()[1] for line in listed if line.startswith("-N DOCKER")):
            succeeds(["iptables", "-t", table, "-X", chain])
    if _policy_file().exists():
        succeeds(["iptables", "-P", "FORWARD", _policy_file().read_text()])
        _policy_file().unlink()


def _mounts_below(*folders: Path) -> list[str]:
    """Return what is mounted at or below `folders`, the innermost and latest first."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [path for path in reversed(mounted) if any(Path(path).is_relative_to(folder) for folder in folders)]


def _policy_file() -> Path:
    return cache.folder("run") / "forward-policy"


def _pid_file() -> Path:
    return cache.folder("run") / "dockerd.pid"


def _our_engine() -> int | None:
    if not _pid_file().exists():
        return None
    pid = _pid_in(_pid_file())
    return pid if _runs(pid, "dockerd") else None


def _pid_in(file: Path) -> int:
    text = file.read_text().strip()
    return int(text) if text.isdigit() else 0


def _runs(pid: int, program: str) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except FileNotFoundError:
        return False
    # The command line of a process that ended is empty until its parent notices.
    return Path(command[0]).name == program
