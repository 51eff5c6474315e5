"""Builds the programs of the cluster from Go modules: the one registry of programs that is reachable nearly everywhere.

Each folder under modules/ is one Go module whose go.sum pins every line of source that goes into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import cache, progress, versions
from e2e.cluster.commands import logged
from e2e.cluster.prerequisites import require

MODULES = Path(__file__).parent / "modules"
ENVIRONMENT = {
    "CGO_ENABLED": "0",  # static programs: they run in empty images
    "GOFLAGS": "-mod=readonly",  # what go.sum does not name is an error, not a download
    "GOWORK": "off",
}


@dataclass(frozen=True, slots=True)
class GoModule:
    """One folder under modules/ and the programs that come from it."""

    name: str
    folder: str
    version: str
    programs: Mapping[str, str]  # file name: Go package
    usually: int  # seconds, from empty Go caches on two cores
    links: tuple[str, ...] = ()  # further names of the first program, which looks at its name
    variables: Mapping[str, str] = field(default_factory=dict)  # Go variables set by the linker

    @property
    def title(self) -> str:
        """The name and version that a person reads."""
        return f"{self.name} {self.version}"

    def build(self) -> Path:
        """Return the folder of the programs, built if the cache does not hold this version of this recipe.

        Raises LocalClusterError with the build log's path when it fails.
        """
        return cache.keep("programs", f"{self.folder}-{self.version}-{self._digest()}", self._compile)

    def _digest(self) -> str:
        recipe = repr((self.programs, self.links, self.variables, ENVIRONMENT))
        return cache.digest(recipe, files=(MODULES / self.folder).iterdir())

    def _compile(self, into: Path) -> None:
        require("go")
        log = cache.log_file(f"build-{self.folder}-{self.version}")
        log.unlink(missing_ok=True)
        flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.variables.items())])
        with progress.step(f"Building {self.title}", usually=self.usually):
            for program, package in self.programs.items():
                logged(
                    ["go", "build", "-trimpath", "-buildvcs=false", f"-ldflags={flags}", "-o", into / program, package],
                    cwd=MODULES / self.folder, env=ENVIRONMENT, log=log,
                )  # fmt: skip
        for link in self.links:
            (into / link).symlink_to(next(iter(self.programs)))


def _kubernetes() -> GoModule:
    major, minor, _ = versions.KUBERNETES.split(".")
    stamp = {"gitVersion": f"v{versions.KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return GoModule(
        name="Kubernetes",
        folder="kubernetes",
        version=versions.KUBERNETES,
        programs={"kubernetes": "."},
        links=("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"),
        variables={
            f"{package}.{name}": value
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for name, value in stamp.items()
        },
        usually=300,
    )


def etcd(version: str) -> GoModule:
    """The etcd of `version` (`3.6` or `3.6.16`) with its tools; raises ValueError for one that there is not."""
    release = versions.etcd_release(version)
    minor = release.rpartition(".")[0]
    folder = f"etcd-{minor if release == versions.ETCD[minor] else release}"
    packages = {"etcd": "server", "etcdctl": "etcdctl", "etcdutl": "etcdutl"}
    programs = {program: f"go.etcd.io/etcd/{package}/v3" for program, package in packages.items()}
    return GoModule(name="etcd", folder=folder, version=release, programs=programs, usually=40)


KUBERNETES = _kubernetes()
PAUSE = GoModule(name="pause", folder="pause", version=versions.PAUSE, programs={"pause": "."}, usually=2)
COREDNS = GoModule(name="CoreDNS", folder="coredns", version=versions.COREDNS, programs={"coredns": "."}, usually=60)
LOCAL_PATH = GoModule(
    name="local-path-provisioner",
    folder="local-path-provisioner",
    version=versions.LOCAL_PATH,
    programs={"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
    usually=30,
)
HELM = GoModule(
    name="Helm",
    folder="helm",
    version=versions.HELM,
    programs={"helm": "helm.sh/helm/v3/cmd/helm"},
    variables={"helm.sh/helm/v3/internal/version.version": f"v{versions.HELM}"},
    usually=90,
)
# In the order in which they help each other: Kubernetes compiles what CoreDNS and the provisioner need too.
ALL = (PAUSE, KUBERNETES, COREDNS, LOCAL_PATH, *map(etcd, versions.ETCD), HELM)
