"""Every guard that `make mutants` takes out."""

from __future__ import annotations

from tests.mutants import etcd_changes, intentions, objects, refusals, rollout, upgrade, volumes

ALL = (*etcd_changes.ALL, *intentions.ALL, *objects.ALL, *refusals.ALL, *rollout.ALL, *upgrade.ALL, *volumes.ALL)
