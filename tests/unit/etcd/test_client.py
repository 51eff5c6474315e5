"""The values that cross the seam."""

import pytest

from etcd_operator.etcd.client import Endpoint, Member, Tls


@pytest.mark.parametrize(
    ("name", "client_urls", "started"),
    [
        ("orders-x7k2p", ("https://10.0.0.7:2379",), True),
        ("", (), False),
        ("orders-x7k2p", (), False),
        ("", ("https://10.0.0.7:2379",), False),
    ],
)
def test_a_member_has_started_when_etcd_knows_its_name_and_its_client_urls(
    name: str, client_urls: tuple[str, ...], *, started: bool
) -> None:
    member = Member(id=1, name=name, peer_urls=("https://p:2380",), client_urls=client_urls, is_learner=False)
    assert member.started is started


def test_a_private_key_is_never_printed() -> None:
    tls = Tls(ca=b"ca", certificate=b"certificate", key=b"the secret")
    assert "secret" not in repr(Endpoint(member="m", address="10.0.0.7:2379", tls=tls))
