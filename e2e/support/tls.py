"""Plain TLS handshakes with members, from this machine: who is let in, and which certificate is shown."""

import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

from e2e.support.clusters import EtcdCluster

HANDSHAKE_TIMEOUT = 5.0
"""Seconds."""


def anonymous() -> ssl.SSLContext:
    """Return a client without a certificate, which trusts anyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def application(cluster: EtcdCluster) -> ssl.SSLContext:
    """Return a client with the certificate and the trust that applications find in their Secret."""
    with cluster.etcd() as etcd:
        tls = next(iter(etcd.endpoints.values())).tls
    assert tls is not None, "the cluster speaks plain text"
    context = ssl.create_default_context(cadata=tls.ca.decode())
    if tls.certificate is not None and tls.key is not None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(tls.certificate + tls.key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def answer(address: str, port: int, context: ssl.SSLContext) -> bytes:
    """Return the beginning of what /version answers; raises OSError when either side refuses the other.

    With TLS 1.3 the server's refusal comes only after the client's handshake, in place of the answer.
    """
    with _line(address, port, context) as line:
        line.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = line.recv(4096)
    if not received:
        raise ConnectionResetError("EOF instead of an answer")
    return received


def shown_certificate(address: str, port: int, context: ssl.SSLContext) -> x509.Certificate:
    """Return the certificate that a server shows in a new handshake."""
    with _line(address, port, context) as line:
        certificate = line.getpeercert(binary_form=True)
    assert certificate is not None, "the server showed no certificate"
    return x509.load_der_x509_certificate(certificate)


@contextmanager
def _line(address: str, port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((address, port), timeout=HANDSHAKE_TIMEOUT) as line,
        context.wrap_socket(line, server_hostname="localhost") as secured,
    ):
        yield secured
