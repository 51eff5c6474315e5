"""Members come and go while an application writes: nothing that was acknowledged is missing, and no name comes back."""

from collections.abc import Callable, Iterator

import pytest

from e2e.support.clusters import EtcdCluster
from e2e.support.invariants import has_exactly
from e2e.support.kube import Kind, Kube
from e2e.support.namespaces import Namespaces
from e2e.support.promises import writing
from e2e.support.waiting import eventually
from etcd_operator.etcd.quorum import quorum

RESIZED_WITHIN = 90.0
"""Seconds; `make bench` measures how long it takes on a quiet machine."""


@pytest.fixture(scope="module")
def orders(kube: Kube, namespaces: Namespaces) -> Iterator[EtcdCluster]:
    """A cluster of three members; each scenario here leaves three."""
    with namespaces.new("resize") as namespace:
        yield EtcdCluster(kube, namespace).apply().becomes_healthy()


def resize(orders: EtcdCluster, size: int) -> set[str]:
    """Ask for `size` members as `kubectl scale` does, and return their names when all is well.

    Meanwhile the disruption budget never keeps fewer than the quorum of etcd's own voters.
    """
    orders.kube.kubectl(f"--namespace={orders.namespace}", "scale", "etcd", orders.name, f"--replicas={size}")

    def resized() -> None:
        _budget_covers_the_voters(orders)
        orders.becomes_healthy(within=0)

    eventually(resized, within=RESIZED_WITHIN)
    return set(orders.members())


def claims(orders: EtcdCluster) -> set[str]:
    return {claim["metadata"]["name"] for claim in orders.claims()}


def test_three_become_five_and_three_again_and_claims_are_kept_or_deleted_as_told(orders: EtcdCluster) -> None:
    first = set(orders.members())
    orders.change(storage={"onScaleIn": "Retain"})
    with writing(orders):
        five = resize(orders, 5)
        assert first < five
        has_exactly(orders, 5)
        three = resize(orders, 3)
        kept = five - three
        assert len(three) == 3
        assert three < five
        eventually(lambda: _nothing_but_claims_is_left(orders, kept), within=60)
        assert claims(orders) == five

        # A claim that was kept says that its member was removed: whoever started on it would never come up.
        again = resize(orders, 5)
        assert three < again
        assert not again & kept
        assert claims(orders) == five | again
        orders.change(storage={"onScaleIn": "Delete"})
        last = resize(orders, 3)
        assert len(last) == 3
        eventually(lambda: _are_the_claims(orders, last | kept), within=60)
    for claim in kept:
        orders.kube.delete(Kind.CLAIM, orders.namespace, claim)
    has_exactly(orders, 3)


def test_three_become_one_and_three_again(orders: EtcdCluster) -> None:
    with writing(orders):
        (last,) = resize(orders, 1)
        has_exactly(orders, 1)
        three = resize(orders, 3)
        assert last in three
        has_exactly(orders, 3)


@pytest.mark.parametrize("moment", ["a newcomer is prepared", "a newcomer learns", "a newcomer votes"])
def test_a_change_of_mind_in_the_middle_ends_where_it_says(orders: EtcdCluster, moment: str) -> None:
    before = set(orders.members())
    reached: dict[str, Callable[[], None]] = {
        "a newcomer is prepared": lambda: _some_newcomer_is(orders, "Preparing"),
        "a newcomer learns": lambda: _some_newcomer_is(orders, "Learning"),
        "a newcomer votes": lambda: _more_vote_than(orders, before),
    }
    with writing(orders):
        orders.change(replicas=5)
        eventually(reached[moment], within=RESIZED_WITHIN, every=0.02)
        resize(orders, 3)
    has_exactly(orders, 3)
    assert len(before & set(orders.members())) >= 2


def _budget_covers_the_voters(orders: EtcdCluster) -> None:
    """Hold when the budget kept a quorum of what etcd listed, both before and after it was read, whichever is less.

    It is raised before a promotion and lowered after a removal, and the list may change while we look.
    """
    with orders.etcd() as etcd:
        before = sum(1 for member in etcd.member_list().members if not member.is_learner)
        budget = orders.kube.get(Kind.BUDGET, orders.namespace, orders.name)["spec"]["minAvailable"]
        after = sum(1 for member in etcd.member_list().members if not member.is_learner)
    if budget < quorum(min(before, after)):
        pytest.fail(f"the budget keeps {budget} while {before}, then {after} members vote")


def _nothing_but_claims_is_left(orders: EtcdCluster, left: set[str]) -> None:
    for kind in (Kind.POD, Kind.SERVICE, Kind.SECRET):
        found = {body["metadata"]["name"] for body in orders.owned(kind)} & left
        assert not found, f"{kind.value.plural} of members that left: {sorted(found)}"


def _are_the_claims(orders: EtcdCluster, wanted: set[str]) -> None:
    found = claims(orders)
    assert found == wanted, f"stray {sorted(found - wanted)}, missing {sorted(wanted - found)}"


def _some_newcomer_is(orders: EtcdCluster, phase: str) -> None:
    phases = {member["name"]: member["phase"] for member in orders.status()["members"]}
    assert phase in phases.values(), f"phases are {phases}"


def _more_vote_than(orders: EtcdCluster, before: set[str]) -> None:
    voting = set(orders.members())
    assert before < voting, f"only {sorted(voting)} vote"
