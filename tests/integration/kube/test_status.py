"""The status as the operator writes it and the real definition keeps it: nothing is dropped, nothing is left over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etcd_operator.resources.kinds import Kind
from etcd_operator.status import document
from tests.builders import MEMBERS, Stage, a_pod, an_observation, having, silent, with_status, without
from tests.integration.kube.objects import a_cluster, as_seen
from tests.unit.status.write import status_of

if TYPE_CHECKING:
    from etcd_operator.kube.client import KubeClient
    from etcd_operator.kube.port import Json
    from etcd_operator.observation import Observation
    from tests.integration.apiserver import ApiServer

DEFINITION = Path(__file__).parents[3] / "crds" / "etcdcluster.yaml"
STABLE = an_observation(Stage.STABLE)

MOMENTS: dict[str, Observation] = {
    **{stage.name: an_observation(stage) for stage in Stage},
    "one silent": silent(STABLE, MEMBERS[2]),
    "all silent": silent(STABLE),
    "claim gone": without(STABLE, Kind.CLAIM, MEMBERS[1]),
    "pod gone": having(without(STABLE, Kind.POD, MEMBERS[1]), a_pod(MEMBERS[0], running=False)),
}


async def written(kube: KubeClient, body: Json, status: Json) -> Json:
    """Write `status` as a pass does; returns the cluster as stored."""
    changes = document.patch(body.get("status", {}), status)
    return await kube.patch(
        Kind.CLUSTER,
        body["metadata"]["namespace"],
        body["metadata"]["name"],
        {"status": changes},
        precondition=as_seen(body),
        status=True,
    )


@pytest.mark.parametrize("seen", MOMENTS.values(), ids=MOMENTS)
async def test_what_is_written_is_what_is_read_back(
    kube: KubeClient, namespace: str, apiserver: ApiServer, seen: Observation
) -> None:
    apiserver.install(DEFINITION)
    body = await kube.create(Kind.CLUSTER, namespace, a_cluster())
    wanted = status_of(seen)
    stored = (await written(kube, body, wanted))["status"]
    assert stored == wanted
    assert document.patch(stored, status_of(with_status(seen, stored))) == {}


async def test_a_status_that_follows_another_leaves_nothing_of_it(
    kube: KubeClient, namespace: str, apiserver: ApiServer
) -> None:
    apiserver.install(DEFINITION)
    body = await kube.create(Kind.CLUSTER, namespace, a_cluster())
    for seen in (STABLE, silent(STABLE), without(STABLE, Kind.CLAIM, MEMBERS[1]), STABLE):
        wanted = status_of(with_status(seen, body.get("status", {})))
        body = await written(kube, body, wanted)
        assert body["status"] == wanted


async def test_the_cluster_id_cannot_be_taken_back(kube: KubeClient, namespace: str, apiserver: ApiServer) -> None:
    apiserver.install(DEFINITION)
    body = await written(kube, await kube.create(Kind.CLUSTER, namespace, a_cluster()), status_of(STABLE))
    unformed = replace(STABLE, cluster=replace(STABLE.cluster, record=replace(STABLE.cluster.record, cluster_id=None)))
    with pytest.raises(Exception, match="clusterID is written once"):
        await written(kube, body, status_of(silent(without(unformed, Kind.SECRET), *MEMBERS[:3])))
