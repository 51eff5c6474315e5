"""The cluster's own certificates: two authorities per cluster, one for peers and one for clients, and their leaves."""

from etcd_operator.pki.check import Reissue, ca_problem, reissue_reason, renew_at
from etcd_operator.pki.issue import (
    CA_LIFETIME,
    LEAF_LIFETIME,
    Fresh,
    KeyPair,
    Profile,
    bundle,
    fresh,
    issue,
    new_ca,
)

__all__ = [
    "CA_LIFETIME",
    "LEAF_LIFETIME",
    "Fresh",
    "KeyPair",
    "Profile",
    "Reissue",
    "bundle",
    "ca_problem",
    "fresh",
    "issue",
    "new_ca",
    "reissue_reason",
    "renew_at",
]
