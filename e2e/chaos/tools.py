"""Does faults to a real cluster, undoes them, and leaves no trace of any."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from deploy.render import NAMESPACE
from e2e.chaos.faults import BASE, WIDE, Aim
from e2e.chaos.faults import Kind as Fault
from e2e.cluster import Cluster, LocalClusterError, NotOurClusterError
from e2e.cluster.firewall import CHAIN
from e2e.cluster.waiting import until
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kind
from e2e.support.nodes import signal_container
from e2e.support.operator import Operator
from etcd_operator.resources.pod import ETCD_CONTAINER

APISERVER = ("get", "service", "kubernetes", "--namespace=default", "-ojsonpath={.spec.clusterIP}")
"""Asks for the address by which Pods reach the API server."""


KNOWN_WITHIN = 10.0
"""Seconds within which Kubernetes knows of a container that was just restarted."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The verbs of a fault. They raise KubeError and LocalClusterError when they cannot."""

    cluster: Cluster
    operator: Operator
    target: EtcdCluster

    def do(self, aim: Aim) -> None:
        """Do the fault; returns when it has taken effect."""
        self._doing[aim.fault.kind](aim)

    def undo(self, aim: Aim) -> None:
        """Take the fault away, if it lasts."""
        match aim.fault.kind:
            case Fault.POWER_CUT | Fault.LOSE_NODE:
                self.cluster.power_on(aim.node)
            case Fault.FREEZE:
                self.cluster.thaw(aim.node)
            case Fault.ISOLATE | Fault.SHATTER | Fault.CUT_OPERATOR | Fault.SILENCE:
                self.cluster.heal()
            case Fault.SCALE:
                self.target.change(replicas=BASE)
            case Fault.KILL | Fault.DELETE_POD | Fault.LOSE_VOLUME | Fault.KILL_OPERATOR:
                pass

    def restore(self) -> None:
        """Give all nodes power and network, however far a run came; returns when Kubernetes works."""
        try:
            for node in self.cluster.nodes:
                self.cluster.power_on(node)
            self.cluster.heal()
        except NotOurClusterError:
            # Then none of it was ever taken away.
            return
        self.cluster.wait_ready()

    @property
    def _doing(self) -> Mapping[Fault, Callable[[Aim], None]]:
        return {
            Fault.KILL: self._kill,
            Fault.DELETE_POD: self._delete_pod,
            Fault.LOSE_VOLUME: self._lose_volume,
            Fault.POWER_CUT: lambda aim: self.cluster.power_off(aim.node),
            Fault.LOSE_NODE: lambda aim: self.cluster.power_off(aim.node),
            Fault.FREEZE: lambda aim: self.cluster.freeze(aim.node),
            Fault.ISOLATE: self._isolate,
            Fault.SHATTER: self._shatter,
            Fault.SCALE: lambda _: self.target.change(replicas=WIDE),
            Fault.KILL_OPERATOR: self._kill_operator,
            Fault.CUT_OPERATOR: self._cut_operator,
            Fault.SILENCE: lambda _: self.cluster.cut_apiserver("silence"),
        }

    def _kill(self, aim: Aim) -> None:
        until(lambda: self._killed(aim.pod), f"etcd of {aim.pod} is killed", seconds=KNOWN_WITHIN)

    def _killed(self, member: str) -> bool:
        try:
            signal_container(self.cluster, self.target.pod(member), ETCD_CONTAINER, "SIGKILL")
        except NotOurClusterError:
            raise
        except LocalClusterError:
            # It names the container that ended; the next look names the one that runs.
            return False
        return True

    def _delete_pod(self, aim: Aim) -> None:
        self.target.kube.delete(Kind.POD, self.target.namespace, aim.pod)

    def _lose_volume(self, aim: Aim) -> None:
        # The claim first: it ends with its Pod, and no new Pod gets it.
        self.target.kube.delete(Kind.CLAIM, self.target.namespace, aim.pod)
        self.target.kube.delete(Kind.POD, self.target.namespace, aim.pod)

    def _isolate(self, aim: Aim) -> None:
        for other in self.cluster.nodes:
            if other != aim.node:
                self.cluster.cut(aim.node, other)

    def _shatter(self, _: Aim) -> None:
        for one, other in combinations(self.cluster.nodes, 2):
            self.cluster.cut(one, other)

    def _kill_operator(self, aim: Aim) -> None:
        self.operator.signal(aim.pod, "SIGKILL")
        # Another Pod, since the kubelet lets a container wait that ended often.
        self.operator.kube.delete(Kind.POD, NAMESPACE, aim.pod, grace_seconds=0)

    def _cut_operator(self, aim: Aim) -> None:
        address = self.operator.kube.get(Kind.POD, NAMESPACE, aim.pod)["status"]["podIP"]
        apiserver = self.operator.kube.kubectl(*APISERVER).strip()
        # In the chain that `Cluster.heal` empties.
        script = (
            f"iptables -t raw -N {CHAIN} 2>/dev/null; "
            f"iptables -t raw -C PREROUTING -j {CHAIN} 2>/dev/null || iptables -t raw -A PREROUTING -j {CHAIN}; "
            f"iptables -t raw -A {CHAIN} -s {address} -d {apiserver} -j DROP"
        )
        self.cluster.exec_on_node(aim.node, ["sh", "-c", script])
