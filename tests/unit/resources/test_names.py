"""Names, addresses and ports."""

from __future__ import annotations

import pytest

from etcd_operator.api.cluster import TLS, ClientTLS, PeerTLS
from etcd_operator.resources.names import (
    WITHDRAWN,
    client_url,
    cluster_endpoint,
    initial_cluster,
    member_name,
    peer_names,
    peer_url,
    server_names,
)
from etcd_operator.startcheck import members_of
from tests.unit.resources.build import IDENTITY, MEMBER

ENCRYPTED = TLS(client=ClientTLS.MUTUAL, peer=PeerTLS.MUTUAL)
PLAIN = TLS(client=ClientTLS.OFF, peer=PeerTLS.OFF)

_FIXED = (
    IDENTITY.name,
    IDENTITY.client_secret,
    IDENTITY.operator_secret,
    IDENTITY.peer_ca_secret,
    IDENTITY.client_ca_secret,
)


def test_a_member_is_called_after_its_cluster() -> None:
    assert member_name(IDENTITY, "x7k2p") == MEMBER


def test_no_fixed_name_can_be_the_name_of_a_member() -> None:
    suffixes = [name.removeprefix("orders").removeprefix("-") for name in _FIXED]
    assert suffixes == ["", "client", "operator", "peer-ca", "client-ca"]
    assert all(len(suffix) != 5 for suffix in suffixes)


def test_addresses_are_names_of_services_without_the_clusters_domain() -> None:
    assert peer_url(IDENTITY, MEMBER, ENCRYPTED) == "https://orders-x7k2p.shop.svc:2380"
    assert client_url(IDENTITY, MEMBER, ENCRYPTED) == "https://orders-x7k2p.shop.svc:2379"
    assert cluster_endpoint(IDENTITY, ENCRYPTED) == "https://orders.shop.svc:2379"


@pytest.mark.parametrize("mode", list(ClientTLS))
def test_each_port_has_its_own_scheme(mode: ClientTLS) -> None:
    tls = TLS(client=mode, peer=PeerTLS.OFF)
    scheme = "http" if mode is ClientTLS.OFF else "https"
    assert peer_url(IDENTITY, MEMBER, tls).startswith("http://")
    assert client_url(IDENTITY, MEMBER, tls).startswith(f"{scheme}://")
    assert cluster_endpoint(IDENTITY, tls).startswith(f"{scheme}://")


def test_the_server_certificate_has_every_name_by_which_a_client_may_call() -> None:
    assert server_names(IDENTITY, MEMBER) == (
        "orders",
        "orders.shop",
        "orders.shop.svc",
        "orders.shop.svc.cluster.local",
        "orders-x7k2p",
        "orders-x7k2p.shop",
        "orders-x7k2p.shop.svc",
        "orders-x7k2p.shop.svc.cluster.local",
        "localhost",
        "127.0.0.1",
    )


def test_the_peer_certificate_names_its_member_and_nobody_else() -> None:
    assert all(name.partition(".")[0] == MEMBER for name in peer_names(IDENTITY, MEMBER))
    assert "orders-x7k2p.shop.svc" in peer_names(IDENTITY, MEMBER)


def test_the_permission_reads_the_same_whatever_the_order_of_the_members() -> None:
    forwards = initial_cluster(IDENTITY, ["orders-a", "orders-b"], PLAIN)
    assert forwards == "orders-a=http://orders-a.shop.svc:2380,orders-b=http://orders-b.shop.svc:2380"
    assert initial_cluster(IDENTITY, ["orders-b", "orders-a"], PLAIN) == forwards


def test_the_start_check_reads_the_permission_as_it_is_written() -> None:
    assert members_of(initial_cluster(IDENTITY, ["orders-a", MEMBER], ENCRYPTED)) == {"orders-a", MEMBER}


def test_a_withdrawn_permission_is_readable_and_names_no_member() -> None:
    assert members_of(WITHDRAWN) == {"none"}
