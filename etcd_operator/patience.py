"""What Kubernetes refused, and when each of it is tried again: a refused step never slows the others down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from etcd_operator.plan.model import Blocked

FIRST_RETRY, LAST_RETRY = 0.5, 30.0
"""Seconds after the first refusal of a step, and at most; doubled in between."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    block: Blocked
    pause: float
    retry_at: float


@dataclass(slots=True)
class Patience:
    """The refusals of one cluster, by what was to be done. All times are seconds of the same monotonic clock."""

    _refusals: dict[tuple[str, str], _Refusal] = field(default_factory=dict)

    def keep(self, planned: Collection[tuple[str, str]]) -> None:
        """Forget what is no longer planned: its cause is gone."""
        self._refusals = {key: refusal for key, refusal in self._refusals.items() if key in planned}

    def due(self, key: tuple[str, str], now: float) -> bool:
        """Whether to try now."""
        refusal = self._refusals.get(key)
        return refusal is None or refusal.retry_at <= now

    def refused(self, key: tuple[str, str], block: Blocked, now: float) -> None:
        """Remember one more refusal."""
        before = self._refusals.get(key)
        pause = FIRST_RETRY if before is None else min(2.0 * before.pause, LAST_RETRY)
        self._refusals[key] = _Refusal(block, pause, now + pause)

    def done(self, key: tuple[str, str]) -> None:
        """Forget the refusals of what has been done."""
        self._refusals.pop(key, None)

    def blocks(self) -> Iterable[Blocked]:
        """What was refused, to be told."""
        return (refusal.block for refusal in self._refusals.values())

    def next_try(self, now: float) -> float | None:
        """Seconds until something is due again; None if nothing was refused."""
        return max(min(refusal.retry_at for refusal in self._refusals.values()) - now, 0.0) if self._refusals else None
