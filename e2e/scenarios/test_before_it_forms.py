"""Ways to the first healthy moment: other encryption, other DNS, a pause, a change of mind."""

import pytest

from e2e.support.application import application, printed
from e2e.support.clusters import NO_SUCH_VERSION, VERSION, EtcdCluster
from e2e.support.invariants import has_exactly
from e2e.support.kube import Kind, Kube
from e2e.support.waiting import eventually, throughout
from etcd_operator.api.cluster import ClientTLS


@pytest.mark.parametrize("client", [ClientTLS.SERVER, ClientTLS.OFF])
def test_an_application_writes_and_reads_with_less_encryption(
    orders: EtcdCluster, kube: Kube, client: ClientTLS
) -> None:
    peer = "Off" if client is ClientTLS.OFF else "Mutual"
    orders.apply(replicas=1, tls={"client": str(client), "peer": peer}).becomes_healthy()
    scheme = "http" if client is ClientTLS.OFF else "https"
    assert orders.status()["endpoints"] == f"{scheme}://orders.{orders.namespace}.svc:2379"
    pod = application("orders", name="application", version=VERSION, key="greeting", value=client, tls=client)
    kube.create(Kind.POD, orders.namespace, pod)
    assert printed(kube, orders.namespace, "application") == client


@pytest.mark.usefixtures("caching_dns")
def test_three_members_find_each_other_with_caching_dns(orders: EtcdCluster) -> None:
    orders.apply().becomes_healthy()
    with orders.etcd() as etcd:
        assert len({status.cluster_id for status in etcd.statuses().values()}) == 1


def test_a_paused_cluster_is_left_as_it_is_and_says_so_until_it_goes_on(orders: EtcdCluster) -> None:
    orders.apply(replicas=1, paused=True)
    assert "spec.paused is true" in orders.becomes_blocked("Paused")
    assert orders.status()["phase"] == "Paused"

    def nothing_is_made() -> None:
        assert not [kind for kind in (Kind.POD, Kind.CLAIM, Kind.SECRET, Kind.SERVICE) if orders.owned(kind)]

    throughout(nothing_is_made, seconds=8)
    orders.change(paused=False)
    orders.becomes_healthy()


@pytest.mark.parametrize(("first", "then"), [(3, 5), (5, 3)])
def test_the_size_may_change_before_the_cluster_forms(orders: EtcdCluster, first: int, then: int) -> None:
    orders.apply(replicas=first, version=NO_SUCH_VERSION)
    assert NO_SUCH_VERSION in orders.becomes_blocked("ImageUnavailable")
    abandoned = orders.members()
    assert len(abandoned) == first

    orders.apply(replicas=then, version=NO_SUCH_VERSION)

    def started_over() -> None:
        assert len(orders.members()) == then
        assert not set(orders.members()) & set(abandoned)

    eventually(started_over, within=60)
    orders.apply(replicas=then).becomes_healthy()
    has_exactly(orders, then)
