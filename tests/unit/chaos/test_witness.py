"""What is asked for a comparison: of Kubernetes, and of a member that is quick, slow or silent."""

import asyncio
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from typing import cast

import pytest

from e2e.chaos.contradictions import Answer
from e2e.chaos.witness import AT_ONCE, SILENT_AFTER, Witness, answer, ask_kubernetes
from e2e.support.kube import Json, Kind, Kube, KubeError
from etcd_operator.etcd.client import Endpoint, EtcdClient, MemberList, Status
from etcd_operator.etcd.errors import UnansweredError
from etcd_operator.observe.etcd import DEADLINE
from etcd_operator.resources.ownership import MEMBER, ROLE, VOTER
from tests.builders import MEMBERS, a_member, a_member_list, a_status
from tests.unit import virtual_time

ONE = a_member(MEMBERS[0])
AT = Endpoint(ONE.name, "10.0.0.1:2379", None)


@dataclass
class Slow:
    """A member that answers each question after so many seconds."""

    seconds: float

    async def _think(self, within: float) -> None:
        await asyncio.sleep(min(self.seconds, within))
        if self.seconds > within:
            raise UnansweredError(ONE.name, "no answer before the deadline")

    async def status(self, _: Endpoint, *, within: float) -> Status:
        """Tell of itself."""
        await self._think(within)
        return a_status(ONE, leader=ONE)

    async def member_list(self, _: Endpoint, *, within: float) -> MemberList:
        """Tell who is a member."""
        await self._think(within)
        return a_member_list(ONE)

    async def check_health(self, _: Endpoint, *, within: float) -> None:
        """Read."""
        await self._think(within)


def asked(seconds: float) -> tuple[Answer, float]:
    """The answer of a member, and how long it took."""

    async def ask() -> tuple[Answer, float]:
        return await answer(cast("EtcdClient", Slow(seconds)), AT, admitted=True), virtual_time.now()

    return virtual_time.run(ask())


def test_a_member_that_answers_at_once_proves_all_that_it_says() -> None:
    assert asked(0.5) == (Answer(a_status(ONE, leader=ONE), (ONE,), reads=True, admitted=True), 0.5)


def test_a_member_that_answers_late_proves_nothing() -> None:
    assert asked(DEADLINE + 0.1)[0] == Answer(None, None, reads=None, admitted=True)


def test_a_member_is_silent_only_when_the_operator_would_have_given_it_up() -> None:
    found, took = asked(60.0)
    assert found == Answer(None, None, reads=False, admitted=True)
    assert took == SILENT_AFTER > DEADLINE > AT_ONCE


def pod(name: str, *, role: str = VOTER, ready: str = "True", ends: bool = False) -> Json:
    about: Json = {"name": name, "labels": {MEMBER: name, ROLE: role}}
    if ends:
        about["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    return {
        "metadata": about,
        "status": {"conditions": [{"type": "Ready", "status": ready}], "podIP": "10.0.0.1"},
    }


@dataclass
class Objects:
    """A Kubernetes that has one EtcdCluster, or fails; `asked` is set once it was asked for it."""

    status: Json | None = None
    lease: Json | None = None
    pods: list[Json] = field(default_factory=list)
    fails: Exception | None = None
    asked: threading.Event = field(default_factory=threading.Event)

    def get(self, kind: Kind, _: str, name: str) -> Json:
        """The EtcdCluster, or the Secret of the applications."""
        if kind is Kind.CLUSTER:
            self.asked.set()
            if self.fails is not None:
                raise self.fails
            assert name == "orders"
            return {} if self.status is None else {"status": self.status}
        assert (kind, name) == (Kind.SECRET, "orders-client")
        return {"data": {"endpoints": b64encode(b"http://orders.shop.svc:2379").decode()}}

    def find(self, kind: Kind, _: str, __: str) -> Json | None:
        """The Lease of the operators."""
        assert kind is Kind.LEASE
        return None if self.lease is None else {"spec": self.lease}

    def list(self, kind: Kind, _: str, *, labels: str) -> list[Json]:
        """The Pods with every one of the labels."""
        assert kind is Kind.POD
        wanted = dict(each.split("=") for each in labels.split(",") if not each.endswith("/cluster=orders"))
        return [each for each in self.pods if wanted.items() <= each["metadata"]["labels"].items()]


def test_clients_are_sent_to_ready_voters_that_stay() -> None:
    pods = [pod("a"), pod("b", ready="False"), pod("c", role="learner"), pod("d", ends=True)]
    told = ask_kubernetes(cast("Kube", Objects(status={"clusterID": "1f"}, pods=pods)), "shop", "orders")
    assert told.admitted == {"a"}
    assert list(told.members) == ["a", "b", "c", "d"]
    assert {at.cluster_id for at in told.members.values()} == {0x1F}


@pytest.mark.parametrize("lease", [None, {}, {"holderIdentity": None, "renewTime": None}, {"holderIdentity": ""}])
def test_nobody_leads_without_a_lease_or_a_holder(lease: Json | None) -> None:
    told = ask_kubernetes(cast("Kube", Objects(lease=lease)), "shop", "orders")
    assert (told.leader, told.renewal, told.status) == ("", "", {})


def test_each_renewal_of_the_lease_is_told_apart() -> None:
    lease = {"holderIdentity": "operator-1_a", "renewTime": "2026-11-22T12:00:00.000000Z"}
    told = ask_kubernetes(cast("Kube", Objects(lease=lease)), "shop", "orders")
    assert (told.leader, told.renewal) == ("operator-1_a", "2026-11-22T12:00:00.000000Z")


def watched(kube: Objects) -> Witness:
    """A witness that has seen this Kubernetes."""
    with Witness(cast("Kube", kube), "shop", "orders") as witness:
        assert kube.asked.wait(10)
    return witness


def test_what_is_said_of_a_cluster_without_pods_is_held_against_it() -> None:
    status = {"conditions": [{"type": "Quorate", "status": "True"}]}
    lease = {"holderIdentity": "operator-1_a", "renewTime": "2026-11-22T12:00:00.000000Z"}
    first = watched(Objects(status=status, lease=lease)).comparisons()[0]
    assert first.contradictions == {"Quorate is True, and no member gets the consent of a quorum"}
    assert (first.leader, first.renewal) == ("operator-1_a", "2026-11-22T12:00:00.000000Z")
    assert first.began <= first.found


def test_while_the_api_server_does_not_answer_nobody_is_known_to_lead() -> None:
    first = watched(Objects(fails=KubeError("silence"))).comparisons()[0]
    assert (first.leader, first.contradictions) == ("", frozenset())


def test_what_ended_the_watch_is_raised_when_its_findings_are_asked_for() -> None:
    witness = watched(Objects(fails=ValueError("no JSON")))
    with pytest.raises(ExceptionGroup) as ended:
        witness.comparisons()
    assert ended.group_contains(ValueError, match="no JSON")
