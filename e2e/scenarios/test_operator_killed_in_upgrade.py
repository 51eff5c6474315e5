"""The operator is killed again and again while it brings etcd to the next minor version: it ends there all the same."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly, has_the_same_data_everywhere
from e2e.support.operator import Operator
from e2e.support.promises import writing
from e2e.support.waiting import eventually
from etcd_operator.resources.ownership import ROLE

OLD, NEW = "3.5.35", "3.6.16"


class Stage(IntEnum):
    """How far one member is on its way to the new version."""

    SERVES_OLD = 0
    DISMISSED = 1
    """Its clients are sent elsewhere."""
    STOPS = 2
    """Its Pod was told to stop, or is gone."""
    MADE_ANEW = 3
    SERVES_NEW = 4
    """Clients are sent to its new Pod."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How far the members are; `former` has the UID of each one's Pod before, `led` is who led then."""

    orders: EtcdCluster
    former: dict[str, str]
    led: str

    def is_accepted(self) -> None:
        """Hold when the new version is recorded, of which Pods are made from now on."""
        assert self.orders.status()["membership"]["version"] == NEW, self.orders.status()["plan"]

    def has(self, members: int, stage: Stage) -> None:
        """Hold when so many members have come to `stage`, or further: a short stage is not missed."""
        stages = self.stages()
        assert sum(reached >= stage for reached in stages.values()) >= members, stages

    def has_moved_leadership(self) -> None:
        """Hold when another member leads than before."""
        with self.orders.etcd() as etcd:
            assert etcd.leader() != self.led

    def stages(self) -> dict[str, Stage]:
        """Return how far each member is."""
        found = dict.fromkeys(self.former, Stage.STOPS)
        for pod in self.orders.pods():
            about = pod["metadata"]
            is_former, serves = about["uid"] == self.former[about["name"]], ROLE in about["labels"]
            match is_former, serves:
                case True, _ if "deletionTimestamp" in about:
                    stage = Stage.STOPS
                case True, _:
                    stage = Stage.SERVES_OLD if serves else Stage.DISMISSED
                case _:
                    stage = Stage.SERVES_NEW if serves else Stage.MADE_ANEW
            found[about["name"]] = stage
        return found


MOMENTS: tuple[Callable[[Upgrade], None], ...] = (
    Upgrade.is_accepted,
    lambda upgrade: upgrade.has(1, Stage.DISMISSED),
    lambda upgrade: upgrade.has(1, Stage.STOPS),
    lambda upgrade: upgrade.has(1, Stage.MADE_ANEW),
    lambda upgrade: upgrade.has(1, Stage.SERVES_NEW),
    lambda upgrade: upgrade.has(2, Stage.STOPS),
    lambda upgrade: upgrade.has(2, Stage.MADE_ANEW),
    Upgrade.has_moved_leadership,
    lambda upgrade: upgrade.has(3, Stage.STOPS),
    lambda upgrade: upgrade.has(3, Stage.MADE_ANEW),
)
"""In the order in which they come; the operator's own doing, so that none comes while nobody leads."""


def test_a_kill_at_ten_moments_of_an_upgrade_does_no_harm(orders: EtcdCluster, operator: Operator) -> None:
    orders.apply(version=OLD).becomes_healthy()
    members = orders.members()
    with orders.etcd() as etcd:
        upgrade = Upgrade(
            orders, {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in orders.pods()}, etcd.leader()
        )
    killed: list[str] = []
    with writing(orders):
        orders.change(version=NEW)
        for moment in MOMENTS:
            eventually(lambda: moment(upgrade), within=60, every=0.02)  # noqa: B023 - called at once
            killed.append(operator.kill_leader())
        eventually(lambda: _runs(orders, NEW), within=120)
    assert len(set(killed)) == len(MOMENTS) == 10
    assert orders.members() == members
    has_exactly(orders, 3)
    has_the_same_data_everywhere(orders)


def _runs(orders: EtcdCluster, version: str) -> None:
    status = orders.status()
    assert {member.get("version") for member in status["members"]} == {version}, status["plan"]
    assert status["version"] == version
    orders.becomes_healthy(within=0)
