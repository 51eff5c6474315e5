"""Certificates are renewed while members serve: no container is restarted for one."""

import base64
import datetime as dt

from cryptography import x509

from e2e.support import tls
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Json, Kind, Kube
from e2e.support.waiting import eventually
from etcd_operator import pki
from etcd_operator.resources.names import CLIENT_PORT, Identity, server_names
from etcd_operator.resources.secret import CERTIFICATE, KEY, SERVER_CERTIFICATE, SERVER_KEY


def test_a_certificate_that_nears_its_end_is_renewed_without_a_restart(orders: EtcdCluster, kube: Kube) -> None:
    orders.apply(replicas=1).becomes_healthy()
    (member,) = orders.members()
    pod = orders.pod(member)
    address, client = pod["status"]["podIP"], tls.application(orders)
    first = tls.shown_certificate(address, CLIENT_PORT, client)

    old = _nearly_expired(orders, member)
    data = {SERVER_CERTIFICATE: _encoded(old.certificate), SERVER_KEY: _encoded(old.key)}
    kube.patch(Kind.SECRET, orders.namespace, member, {"data": data})
    assert _serial(old.certificate) != first.serial_number

    def renewed() -> int:
        secret = kube.get(Kind.SECRET, orders.namespace, member)
        serial = _serial(base64.b64decode(secret["data"][SERVER_CERTIFICATE]))
        assert serial not in {first.serial_number, _serial(old.certificate)}, "the operator has not renewed it"
        return serial

    serial = eventually(renewed, within=30)
    # The kubelet looks at a Secret's change when it next looks at the Pod; a change of the Pod makes it look at once.
    kube.patch(Kind.POD, orders.namespace, member, {"metadata": {"annotations": {"example.com/look": "now"}}})

    def shown() -> None:
        assert tls.shown_certificate(address, CLIENT_PORT, client).serial_number == serial, "still an older certificate"

    eventually(shown, within=150, every=1)
    after = orders.pod(member)
    assert _containers(after) == _containers(pod)
    orders.becomes_healthy()


def _nearly_expired(orders: EtcdCluster, member: str) -> pki.KeyPair:
    """A server certificate of the cluster's own authority with a tenth of its lifetime left."""
    authority = orders.kube.get(Kind.SECRET, orders.namespace, "orders-client-ca")["data"]
    identity = Identity("orders", orders.namespace, orders.uid())
    return pki.issue(
        pki.KeyPair(base64.b64decode(authority[CERTIFICATE]), base64.b64decode(authority[KEY])),
        pki.Profile.SERVER,
        common_name=member,
        names=server_names(identity, member),
        fresh=pki.fresh(),
        now=dt.datetime.now(dt.UTC) - pki.LEAF_LIFETIME * 0.9,
    )


def _containers(pod: Json) -> list[tuple[str, int]]:
    return [(status["containerID"], status["restartCount"]) for status in pod["status"]["containerStatuses"]]


def _serial(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()
