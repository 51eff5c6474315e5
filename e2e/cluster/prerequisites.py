"""Makes sure that the machine has the programs that the cluster is started with, or says how to get them."""

import os
import shutil

from e2e.cluster import cache, progress
from e2e.cluster.commands import logged, output
from e2e.cluster.errors import LocalClusterError

PACKAGES = {
    "debootstrap": "debootstrap",
    "dockerd": "docker.io",
    "go": "golang-go",
    "ip": "iproute2",
    "iptables": "iptables",
}
ADMIN_FOLDERS = ("/usr/local/go/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
GO_THAT_FETCHES_NEWER_GO = (1, 21)


def require(*tools: str) -> None:
    """Return when all `tools` are there, installed with apt where this is a Debian and we are root.

    Raises LocalClusterError that names what is missing and the command that installs it.
    """
    _widen_path()
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        _install(sorted({PACKAGES[tool] for tool in missing}), missing)
    if "go" in tools:
        _check_go()


def can_install() -> bool:
    """Return whether packages can be installed here without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _widen_path() -> None:
    # A service's or a user's PATH often lacks the folders in which dockerd, iptables and Go are.
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*folders, *(name for name in ADMIN_FOLDERS if name not in folders)])


def _install(packages: list[str], missing: list[str]) -> None:
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if not can_install():
        raise LocalClusterError(f"missing: {', '.join(missing)}. Install it, on Debian with `sudo {command}`")
    log = cache.log_file("apt")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with cache.lock("apt"), progress.step(f"Installing {', '.join(packages)}", usually=30):
        logged(["apt-get", "update", "-qq"], log=log)
        logged(command.split(), log=log, env=quiet)
    still = [tool for tool in missing if shutil.which(tool) is None]
    if still:
        raise LocalClusterError(f"{', '.join(packages)} did not bring {', '.join(still)}; the log is {log}")


def _check_go() -> None:
    found = output(["go", "env", "GOVERSION"]).strip().removeprefix("go")
    major, minor = (int(part) for part in found.split(".")[:2])
    if (major, minor) < GO_THAT_FETCHES_NEWER_GO:
        raise LocalClusterError(f"Go {found} is too old: install 1.26 or later from https://go.dev/dl/")
