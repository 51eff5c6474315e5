"""A formed cluster that lost the data of its majority: what is gone stays visibly gone, and nobody makes it up.

A member that started over would vote again for what it forgot (etcd-rules.md §7): two of three would form a majority
without the acknowledged writes, and three a new, empty cluster with the very same IDs. (One alone is replaced:
test_heal.py.)
"""

from dataclasses import dataclass
from enum import Enum

import pytest

from e2e.cluster import Cluster
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Json, Kind, Kube
from e2e.support.nodes import empty_volume, kill_sandbox, signal_container
from e2e.support.waiting import eventually, throughout
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.resources.pod import ETCD_CONTAINER, START_CHECK_CONTAINER
from etcd_operator.startcheck import ExitCode

WATCHED = 8.0
"""Seconds for which emptied members must stay out after each way to start them again."""

KEYS = [f"order/{number}" for number in range(50)]


class Way(Enum):
    """How a member's processes are started again."""

    IN_PLACE = "container restarted in place"
    SANDBOX = "Pod started over on its node"
    REPLACED = "Pod deleted and made anew"


EVERY_WAY = (Way.IN_PLACE, Way.SANDBOX, Way.REPLACED)


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens to `victims`: their volumes are emptied once, then they are started again in several ways."""

    cluster: Cluster
    kube: Kube
    orders: EtcdCluster
    victims: tuple[str, ...]

    def empty(self) -> None:
        """Empty the volumes; the processes stand still, so that none writes what it still has in memory."""
        for victim in self.victims:
            signal_container(self.cluster, self.orders.pod(victim), ETCD_CONTAINER, "SIGSTOP")
        for victim in self.victims:
            empty_volume(self.cluster, self.kube, self.orders.claim(victim))

    def start_again(self, way: Way) -> None:
        """Start the victims again; return when the attempt has failed for each."""
        before = [self.orders.pod(victim) for victim in self.victims]
        for pod in before:
            match way:
                case Way.IN_PLACE:
                    signal_container(self.cluster, pod, ETCD_CONTAINER, "SIGKILL")
                case Way.SANDBOX:
                    kill_sandbox(self.cluster, pod)
                case Way.REPLACED:
                    self.kube.delete(Kind.POD, self.orders.namespace, pod["metadata"]["name"], grace_seconds=1)

        def all_failed() -> None:
            for pod in before:
                self._failed(pod, way)

        eventually(all_failed, within=90)

    def _failed(self, before: Json, way: Way) -> None:
        """Hold when the member of the Pod `before` was tried and did not start."""
        pod = self.orders.pod(before["metadata"]["name"])
        replaced = pod["metadata"]["uid"] != before["metadata"]["uid"]
        # One that is refused in place makes way for a Pod that looks at the volume, unless it had been looked at.
        assert replaced or way is not Way.REPLACED, "the Pod is still the same"
        assert not replaced or way is not Way.SANDBOX, "the Pod is another"
        check = _container(pod, "initContainerStatuses", START_CHECK_CONTAINER)
        ended = check["state"].get("terminated") or check["lastState"]["terminated"]
        assert ended["exitCode"] == ExitCode.DATA_LOST, f"the start check ended otherwise: {ended}"


@pytest.mark.repeated(
    ("lost", "ways"),
    [(lost, ways) for ways in (EVERY_WAY, *((way,) for way in Way)) for lost in (2, 3)],
    few=[(lost, EVERY_WAY) for lost in (2, 3)],
)
def test_emptied_members_stay_out_however_they_are_started_again_and_the_status_says_why(
    orders: EtcdCluster, cluster: Cluster, kube: Kube, lost: int, ways: tuple[Way, ...]
) -> None:
    orders.apply().becomes_healthy()
    latched = orders.status()["clusterID"]
    with orders.etcd() as etcd:
        for key in KEYS:
            etcd.put(key, key)
        leader = etcd.leader()
    # The leader first: its loss is the worst.
    by_weight = sorted(orders.members(), key=lambda member: (member != leader, member))
    victims, survivors = tuple(by_weight[:lost]), by_weight[lost:]

    def the_status_says_why() -> None:
        blocked = orders.status()["plan"]["blocked"]
        of_data = [block for block in blocked if block["reason"] == "DataLost"]
        told = {block["action"].removeprefix("start ") for block in of_data}
        assert told == set(victims), f"lost is {victims}, told is {blocked}"
        assert all("forget what it acknowledged" in block["message"] for block in of_data), blocked

    def they_stay_out() -> None:
        with orders.etcd() as etcd:
            for victim in set(victims) & set(etcd.members()):
                with pytest.raises(EtcdError):
                    etcd.status(victim)
            for survivor in survivors:
                assert [etcd.get(key, member=survivor, serializable=True) for key in KEYS] == KEYS
        assert orders.status()["clusterID"] == latched
        assert sorted(orders.members()) == sorted(by_weight)
        assert len(orders.claims()) == 3

    loss = Loss(cluster, kube, orders, victims)
    loss.empty()
    for way in ways:
        loss.start_again(way)
        eventually(the_status_says_why, within=60)
        assert "no data is touched" in orders.becomes_blocked("NoQuorum")
        throughout(they_stay_out, seconds=WATCHED, every=1)
    takes_no_write_and_says_so(orders, survivors)


def takes_no_write_and_says_so(orders: EtcdCluster, survivors: list[str]) -> None:
    """Whoever survived keeps its data and decides nothing alone."""
    orders.becomes("Quorate", "False", reason="QuorumLost")
    orders.becomes("Available", "False", reason="QuorumLost")
    with orders.etcd() as etcd:
        for survivor in survivors:
            with pytest.raises(EtcdError):
                etcd.put("after", "the loss", member=survivor)


def _container(pod: Json, group: str, name: str) -> Json:
    found: Json = next(status for status in pod["status"][group] if status["name"] == name)
    return found
