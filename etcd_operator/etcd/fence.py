"""No change of etcd starts on behalf of a replica that may no longer lead: kube/fence.py's rule, for etcd's calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.etcd.errors import EtcdError

if TYPE_CHECKING:
    from collections.abc import Callable


class NotLeadingError(EtcdError):
    """The time left on the Lease is shorter than the change may take: it was not started."""


def check_lease(remaining: Callable[[], float], *, within: float, what: str) -> None:
    """Return if `remaining()`, in seconds, exceeds the deadline of a change. Raises NotLeadingError."""
    left = remaining()
    if left <= within:
        raise NotLeadingError(what, f"the Lease has {left:.1f} s left and the change may take {within:.1f} s")
