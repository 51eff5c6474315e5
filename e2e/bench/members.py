"""Where the members of a cluster are, of the operator's clusters and of the baseline alike."""

from collections.abc import Collection
from dataclasses import dataclass

from e2e.bench.baseline import APP
from e2e.bench.harness import NAMESPACE
from e2e.bench.secret import tls
from e2e.bench.watch import Watch
from e2e.support.kube import Json, Kind
from etcd_operator.etcd.client import Endpoint
from etcd_operator.resources.names import CLIENT_PORT, METRICS_PORT


@dataclass(frozen=True, slots=True)
class Members:
    """The members of one cluster, as far as a watch that was opened before the cluster has heard."""

    watch: Watch
    name: str

    def pods(self) -> dict[str, Json]:
        """The Pods of members, by name."""
        found = self.watch.present(Kind.POD).items()
        return {member: pod for member, pod in found if pod["metadata"]["labels"].get(APP) == self.name}

    def endpoints(self, *, without: Collection[str] = ()) -> tuple[Endpoint, ...]:
        """The members that have an address, once the applications' certificate is there if there will be one.

        Pods that end do not count, nor those whose UID is in `without`: a Pod may end before the watch has heard of it.
        """
        ours = self.name in self.watch.present(Kind.CLUSTER)
        secret = self.watch.present(Kind.SECRET).get(f"{self.name}-client")
        if ours and secret is None:
            return ()
        return tuple(
            Endpoint(
                member,
                f"{pod['status']['podIP']}:{CLIENT_PORT}",
                tls(secret, f"{member}.{NAMESPACE}.svc") if secret else None,
                metrics_url=f"http://{pod['status']['podIP']}:{METRICS_PORT}" if ours else None,
            )
            for member, pod in self.pods().items()
            if "podIP" in pod["status"]
            and "deletionTimestamp" not in pod["metadata"]
            and pod["metadata"]["uid"] not in without
        )
