"""etcdctl in a member's Pod, as docs/runbooks/README.md tells a person to run it."""

from e2e.support.clusters import EtcdCluster

_FILES = "/etc/etcd-operator/member"
_COMMAND = (
    "etcdctl", "--endpoints=https://localhost:2379", f"--cacert={_FILES}/client-ca.crt",
    f"--cert={_FILES}/server.crt", f"--key={_FILES}/server.key",
)  # fmt: skip


def etcdctl(cluster: EtcdCluster, *arguments: str, member: str) -> str:
    """Return what etcdctl prints in the Pod of `member`; raises KubeError with what it complains of."""
    return cluster.kube.kubectl(
        f"--namespace={cluster.namespace}", "exec", member, "--container=etcd", "--", *_COMMAND, *arguments
    )
