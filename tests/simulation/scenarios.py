"""Every scenario."""

from __future__ import annotations

from tests.simulation import accidents, creations, hibernations, membership, rollouts, volume_changes

ALL = (
    *creations.CREATED,
    *creations.ENCRYPTED,
    *creations.RESIZED,
    *creations.CORRECTED,
    *creations.LATE,
    *creations.DELETED,
    *creations.FOREIGN,
    *creations.PAUSED,
    *accidents.EMPTIED,
    accidents.BEHIND,
    *accidents.INTACT,
    *accidents.FULL,
    *accidents.RECORD,
    *accidents.AUTHORITY,
    *accidents.AGAIN,
    *accidents.RENEWED,
    *accidents.POLICIES,
    *membership.ALL,
    *hibernations.ALL,
    *rollouts.ALL,
    *volume_changes.ALL,
)
