"""What the local cluster is made of, pinned in one place; each Go module under modules/ requires the same."""

from types import MappingProxyType
from typing import Final

KUBERNETES: Final = "1.35.4"
"""The last minor that the containerd 1.6 of Debian 12 still serves."""

ETCD: Final = MappingProxyType({"3.5": "3.5.35", "3.6": "3.6.16", "3.7": "3.7.3"})
"""Patch release by minor: every minor that the operator supports."""

EARLIER_ETCD: Final = MappingProxyType({"3.6": "3.6.15"})
"""A release before that one, for what happens between two of a minor; built when it is first asked for."""

COREDNS: Final = "1.14.7"
LOCAL_PATH: Final = "0.0.30"
HELM: Final = "3.22.0"
PAUSE: Final = "1"
BUSYBOX: Final = "1"

NODE_DEBIAN: Final = "bookworm"
OPERATOR_DEBIAN: Final = "trixie"
OPERATOR_PYTHON: Final = "3.13"


def etcd_release(version: str) -> str:
    """Return the patch release for `version`, which is a minor (`3.6`) or a release we have (`3.6.16`).

    Raises ValueError, with what there is, for any other.
    """
    releases = (*ETCD.values(), *EARLIER_ETCD.values())
    if version in releases:
        return version
    if version in ETCD:
        return ETCD[version]
    raise ValueError(f"no etcd {version} here: say one of {', '.join([*ETCD, *releases])}")
