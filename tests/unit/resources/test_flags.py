"""etcd's command line."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.resources.flags import arguments
from etcd_operator.resources.start import ClusterState, FirstStart, Restart
from tests.unit.resources.build import FIRST_START, IDENTITY, MEMBER, spec


def flags(start: FirstStart | Restart = FIRST_START, **changes: Any) -> dict[str, str]:
    """The arguments by name; fails if one stands there twice."""
    pairs = [
        argument.removeprefix("--").split("=", 1)
        for argument in arguments(IDENTITY, spec(**changes), MEMBER, start=start)
    ]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict((name, value) for name, value in pairs)  # noqa: C402 - the pairs are lists


def test_the_default_command_line_of_a_first_start() -> None:
    assert arguments(IDENTITY, spec(), MEMBER, start=FIRST_START) == (
        "--name=orders-x7k2p",
        "--data-dir=/var/lib/etcd/data",
        "--listen-peer-urls=https://0.0.0.0:2380",
        "--initial-advertise-peer-urls=https://orders-x7k2p.shop.svc:2380",
        "--listen-client-urls=https://0.0.0.0:2379",
        "--advertise-client-urls=https://orders-x7k2p.shop.svc:2379",
        "--listen-metrics-urls=http://0.0.0.0:2381",
        "--initial-cluster-token=0d7c3a52-6a2c-4a3f-9d0e-2f5b8c1e7a90",
        "--initial-cluster-state=new",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=1h",
        "--snapshot-count=10000",
        "--heartbeat-interval=100",
        "--election-timeout=1000",
        "--cert-file=/etc/etcd-operator/member/server.crt",
        "--key-file=/etc/etcd-operator/member/server.key",
        "--trusted-ca-file=/etc/etcd-operator/member/client-ca.crt",
        "--client-cert-auth=true",
        "--peer-cert-file=/etc/etcd-operator/member/peer.crt",
        "--peer-key-file=/etc/etcd-operator/member/peer.key",
        "--peer-trusted-ca-file=/etc/etcd-operator/member/peer-ca.crt",
        "--peer-client-cert-auth=true",
        "--peer-skip-client-san-verification=true",
        "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true",
    )


def test_a_first_start_takes_its_permission_from_elsewhere() -> None:
    for state in ClusterState:
        found = flags(FirstStart(state))
        assert found["initial-cluster-state"] == state
        assert "initial-cluster" not in found


def test_a_later_start_neither_forms_a_cluster_nor_names_a_member() -> None:
    found = flags(Restart())
    assert found["initial-cluster-state"] == "existing"
    assert found["initial-cluster"] == "none=http://none.invalid:2380"


def test_every_incarnation_has_its_own_token() -> None:
    assert flags()["initial-cluster-token"] == flags(Restart())["initial-cluster-token"] == IDENTITY.uid


@pytest.mark.parametrize("mode", ["Mutual", "Server", "Off"])
def test_only_mutual_tls_names_the_clients_authority(mode: str) -> None:
    found = flags(tls={"client": mode})
    assert ("trusted-ca-file" in found) == (mode == "Mutual")
    assert ("client-cert-auth" in found) == (mode == "Mutual")
    assert ("cert-file" in found) == (mode != "Off")
    assert found["listen-client-urls"].partition(":")[0] == ("http" if mode == "Off" else "https")


def test_peers_without_tls_have_no_flag_about_it() -> None:
    found = flags(tls={"peer": "Off"})
    assert not [name for name in found if name.startswith("peer-")]
    assert found["listen-peer-urls"] == "http://0.0.0.0:2380"
    assert found["initial-advertise-peer-urls"] == "http://orders-x7k2p.shop.svc:2380"


def test_metrics_and_probes_are_plain_whatever_is_encrypted() -> None:
    assert (
        flags()["listen-metrics-urls"] == flags(tls={"client": "Off"})["listen-metrics-urls"] == "http://0.0.0.0:2381"
    )


def test_each_minor_is_told_in_its_own_words() -> None:
    old, new = flags(version="3.5.35"), flags(version="3.7.3")
    assert old["experimental-peer-skip-client-san-verification"] == "true"
    assert old["experimental-initial-corrupt-check"] == "true"
    assert not [name for name in new if name.startswith("experimental-")]


def test_the_settings_of_etcd_reach_it() -> None:
    found = flags(
        etcd={
            "quota": "1.5Gi",
            "autoCompaction": {"mode": "Revision", "retention": "10000"},
            "snapshotCount": 5000,
            "heartbeatMs": 200,
            "electionMs": 2000,
        }
    )
    assert found["quota-backend-bytes"] == str(3 * 2**29)
    assert found["auto-compaction-mode"] == "revision"
    assert found["auto-compaction-retention"] == "10000"
    assert found["snapshot-count"] == "5000"
    assert found["heartbeat-interval"] == "200"
    assert found["election-timeout"] == "2000"


def test_the_users_own_arguments_come_last_sorted_and_unchanged_by_kubernetes() -> None:
    extra = {"max-txn-ops": "512", "log-level": "debug", "cors": "$(HOME)$"}
    found = arguments(IDENTITY, spec(etcd={"extraArgs": extra}), MEMBER, start=FIRST_START)
    assert found[-3:] == ("--cors=$$(HOME)$$", "--log-level=debug", "--max-txn-ops=512")
