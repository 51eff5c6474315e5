"""What a run sees of the cluster at a moment: by etcd's own answers, and never by what the status says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MemberPod:
    """One member's Pod: its node ("" before it has one), how often etcd was restarted in it, whether it is ending."""

    node: str
    restarts: int = 0
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """The cluster as it was when the asking began, at `at` of the monotonic clock.

    `asked` is how many members the spec wants, `pods` are the member Pods by name, `voters` those by etcd's list,
    `others` how many learners and members without a name are in it, `healthy` the members through which a linearizable
    read succeeded. `holder` is the process of the operator that leads, "" for none, `operators` are the nodes of its
    Pods that are ready.
    """

    at: float
    asked: int
    pods: Mapping[str, MemberPod]
    voters: frozenset[str]
    others: int
    healthy: frozenset[str]
    holder: str = ""
    operators: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether there are exactly the members that are asked for, all of them healthy voters."""
        return (
            len(self.voters) == self.asked
            and not self.others
            and self.healthy >= self.voters
            and self.pods.keys() == self.voters
            and not any(pod.ending for pod in self.pods.values())
        )

    @property
    def leader(self) -> str:
        """The operator's Pod that leads, "" while none is known to run."""
        name = self.holder.rpartition("_")[0]
        return name if name in self.operators else ""

    def on(self, node: str) -> frozenset[str]:
        """The voters on a node."""
        return frozenset(member for member in self.voters if member in self.pods and self.pods[member].node == node)

    def endures(self, affected: frozenset[str]) -> bool:
        """Whether the healthy voters without the `affected` ones are a quorum."""
        return len((self.healthy & self.voters) - affected) > len(self.voters) // 2
