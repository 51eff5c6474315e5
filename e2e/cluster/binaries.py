"""Where the programs are, built on demand: all that a test needs which starts etcd or an apiserver as a process."""

from pathlib import Path

from e2e.cluster import builds

_KUBERNETES = builds.KUBERNETES.links
_ETCD = ("etcd", "etcdctl", "etcdutl")
_OTHERS = {"helm": builds.HELM, "coredns": builds.COREDNS, "local-path-provisioner": builds.LOCAL_PATH}


def ensure(program: str, *, version: str | None = None) -> Path:
    """Return the path of an executable `program`, built first if the cache does not have it.

    `program` is kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet, kubectl, etcd, etcdctl,
    etcdutl, helm, coredns or local-path-provisioner. `version` is for the three of etcd only: a minor (`3.6`, the
    default) or a full release (`3.6.16`). Call the file by the path returned: Kubernetes' programs look at their name.

    Raises ValueError for a program or version that there is not, and LocalClusterError when a build fails.
    """
    if program in _ETCD:
        return builds.etcd(version or "3.6").build() / program
    if version is not None:
        raise ValueError(f"{program} has one version only; leave `version` out")
    if program in _KUBERNETES:
        return builds.KUBERNETES.build() / program
    if program in _OTHERS:
        return _OTHERS[program].build() / program
    raise ValueError(f"no program {program!r} here: say one of {', '.join([*_KUBERNETES, *_ETCD, *_OTHERS])}")
