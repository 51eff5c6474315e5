"""An application that writes all the time, and to which every promise is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from e2e.support.clusters import EtcdCluster
from e2e.support.service import service
from e2e.support.waiting import eventually
from e2e.support.writer import Writer

LONGEST_GAP = 3.0
"""Seconds between two acknowledged writes that a busy machine may cost; `make bench` measures them on a quiet one."""


@contextmanager
def writing(orders: EtcdCluster) -> Iterator[None]:
    """Write through the Service; afterwards all that was acknowledged is there, and writes go on with no long gap."""
    prefix = f"write-{orders.object()['metadata']['generation']}"
    with Writer(service(orders), prefix=prefix, interval=0.05) as written:
        eventually(lambda: _wrote(written, 20), within=30)
        yield
        sofar = len(written.acknowledged)
        eventually(lambda: _wrote(written, sofar + 10), within=10)
    with orders.etcd() as etcd:
        assert [key for key in written.acknowledged if etcd.get(key) != key] == []
    assert written.longest_gap() < LONGEST_GAP, written.failures


def _wrote(written: Writer, number: int) -> None:
    assert len(written.acknowledged) >= number, f"{len(written.acknowledged)} writes: {written.failures[-1:]}"
