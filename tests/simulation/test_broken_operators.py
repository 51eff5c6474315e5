"""A simulation is worth something only if it can fail: each of these operators is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etcd_operator.observe import kubernetes as observe_kubernetes
from etcd_operator.plan import bootstrap, credentials, foundations, members, refusals, situation
from etcd_operator.status import document
from tests.simulation import scenarios
from tests.simulation.broken import Fault, broken
from tests.simulation.explore import Explorer
from tests.simulation.invariants import Violated

if TYPE_CHECKING:
    import asyncio

    from tests.simulation.scenario import Scenario


def called(name: str) -> Scenario:
    """The scenario of that name."""
    return next(scenario for scenario in scenarios.ALL if scenario.name == name)


FAULTS = (
    Fault(
        "the permission of a first start is never withdrawn",
        credentials,
        "return listed is not None and not listed.started",
        "return True",
        called("create 3"),
        "clients do not reach",
    ),
    Fault(
        "clients reach a member before its permission is withdrawn",
        members,
        "and secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode()",
        "",
        called("create 3"),
        "which may still start anew",
    ),
    Fault(
        "a claim is made for a member that has data to lose",
        foundations,
        "and permitted(situation, member)",
        "",
        called("a claim and its Pod are deleted by hand"),
        "stands in for lost data",
    ),
    Fault(
        "a Pod with `new` is made after the formation",
        members,
        "if not situation.record.formed:\n        return FirstStart(ClusterState.NEW)",
        "if True:\n        return FirstStart(ClusterState.NEW)",
        called("1 Pods deleted by hand"),
        "I4",
    ),
    Fault(
        "what an earlier cluster of the name left is taken for its own",
        observe_kubernetes,
        "return _uid_label(body) == uid and",
        "return",
        called("created again under the same name, claims Retain"),
        "ends with the plan",
    ),
    Fault(
        "what carries its labels is taken for its own",
        observe_kubernetes,
        "(kind is Kind.CLAIM or parse.meta(body).owner == uid)",
        "True",
        called("a Secret orders-client of somebody else's with all our labels, until it is removed"),
        "touches what is not its own",
    ),
    Fault(
        "a Pod that is not ready is replaced",
        members,
        "if pod.finished:",
        "if pod.finished or (situation.record.formed and not pod.ready):",
        called("all nodes off and on, the operator up"),
        "I3, I7",
    ),
    Fault(
        "the formation is recorded from whatever cluster answers",
        bootstrap,
        "if {url for member in agreed.members for url in member.peer_urls} != named:",
        "if not named:",
        called("3 to 1 with etcd running before the formation"),
        "I3, I7: disrupts a formed cluster",
    ),
    Fault(
        "a claim is deleted before its Pod has ended",
        bootstrap,
        "            yield Delete(Kind.POD, pod.meta, why)\n        return\n",
        "            yield Delete(Kind.POD, pod.meta, why)\n",
        called("3 to 1 with etcd running before the formation"),
        "I6",
    ),
    Fault(
        "names are drawn from nothing fresh",
        situation,
        "_suffix(self.entropy, turn)",
        '_suffix(b"", turn)',
        called("1 to 3 to 1 before the formation"),
        "a name is used again",
    ),
    Fault(
        "a pause is not heeded",
        refusals,
        "if situation.spec.paused:",
        "if not situation.spec:",
        called("paused with claims, then resumed"),
        "paused, but",
    ),
    Fault(
        "the status shows what a Secret holds",
        document,
        '"clientSecret": identity.client_secret,',
        '"clientSecret": str([dict(secret.data) for secret in seen.secrets.values()]),',
        called("create 1"),
        "I11",
    ),
    Fault(
        "the status has a clock in it",
        document,
        'old["since"] if same and "since" in old else timestamp(at)',
        "timestamp(at)",
        called("create 1"),
        "L1",
    ),
    Fault(
        "what was given up is forgotten",
        bootstrap,
        "abandoned=(*record.abandoned, *record.members))",
        "abandoned=())",
        called("3 to 5 with Pods before the formation"),
        "I5: 2 clusters have a leader",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_it_is_noticed_that(loop: asyncio.AbstractEventLoop, fault: Fault) -> None:
    with broken(fault), pytest.raises(Violated, match=fault.noticed):
        Explorer(loop).explore(fault.scenario)
