"""No write starts unless the Lease outlasts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.kube.client import CALL_TIMEOUT
from etcd_operator.kube.errors import KubeError
from etcd_operator.kube.fence import FencedKube, NotLeading
from etcd_operator.kube.port import Precondition
from etcd_operator.lease import DURATION, RENEW_EVERY
from etcd_operator.resources.kinds import Kind
from tests.builders import cluster_json
from tests.unit.fakes import FakeKube

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEADLINE = 4.0
UID = cluster_json()["metadata"]["uid"]
VERSION = "7"
SEEN = Precondition(UID, VERSION)

WRITES: dict[str, Callable[[FencedKube], Awaitable[object]]] = {
    "create": lambda kube: kube.create(Kind.SECRET, "shop", {"metadata": {"name": "orders-client"}}),
    "patch": lambda kube: kube.patch(Kind.CLUSTER, "shop", "orders", {}, precondition=SEEN),
    "patch of a status": lambda kube: kube.patch(Kind.CLUSTER, "shop", "orders", {}, precondition=SEEN, status=True),
    "delete": lambda kube: kube.delete(Kind.CLUSTER, "shop", "orders", precondition=Precondition(UID)),
}


def fenced(remaining: float) -> tuple[FakeKube, FencedKube]:
    """A Kubernetes, and the way to it with so many seconds left on the Lease."""
    kube = FakeKube()
    kube.put(Kind.CLUSTER, cluster_json())["metadata"]["resourceVersion"] = VERSION
    return kube, FencedKube(kube, remaining=lambda: remaining, deadline=DEADLINE)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("remaining", [DEADLINE, DEADLINE - 0.1, 0.0, -60.0])
async def test_no_write_starts_without_time_for_it(
    write: Callable[[FencedKube], Awaitable[object]], remaining: float
) -> None:
    kube, fence = fenced(remaining)
    with pytest.raises(NotLeading):
        await write(fence)
    assert kube.calls == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_starts_while_the_lease_outlasts_it(write: Callable[[FencedKube], Awaitable[object]]) -> None:
    kube, fence = fenced(DEADLINE + 0.1)
    await write(fence)
    assert len(kube.writes) == 1


async def test_reading_is_always_allowed() -> None:
    _, fence = fenced(-60)
    assert (await fence.get(Kind.CLUSTER, "shop", "orders"))["metadata"]["uid"] == UID
    assert len(await fence.list(Kind.CLUSTER, "shop")) == 1


def test_not_leading_ends_a_pass_like_any_other_failure() -> None:
    assert issubclass(NotLeading, KubeError)


def test_a_leader_that_renews_in_time_can_always_start_a_call() -> None:
    assert DURATION - RENEW_EVERY - CALL_TIMEOUT > 0
