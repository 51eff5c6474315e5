"""What was refused, and when each of it is tried again: a refused step never slows the others down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from etcd_operator.plan.model import Blocked

FIRST_RETRY, LAST_RETRY = 0.5, 30.0
"""Seconds after Kubernetes' first refusal of a step, and at most; doubled in between."""

ETCD_RETRY, ETCD_LAST_RETRY = 0.25, 2.0
"""The same for etcd, which refuses changes for a few seconds after each one (etcd-rules.md §1)."""

ETCD_QUIET = 15.0
"""Seconds for which a refusal of etcd's is part of the work, and nobody is told: three times its own rule."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    block: Blocked
    pause: float
    retry_at: float
    told_from: float


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

    def refused(self, key: tuple[str, str], block: Blocked, now: float, *, by_etcd: bool = False) -> None:
        """Remember one more refusal: Kubernetes' is told at once, etcd's when it lasts."""
        first, last = (ETCD_RETRY, ETCD_LAST_RETRY) if by_etcd else (FIRST_RETRY, LAST_RETRY)
        before = self._refusals.get(key)
        told_from = now + (ETCD_QUIET if by_etcd else 0.0) if before is None else before.told_from
        longer = before is not None and (not by_etcd or now >= told_from)
        pause = min(2.0 * before.pause, last) if before is not None and longer else first
        self._refusals[key] = _Refusal(block, pause, now + pause, told_from)

    def done(self, key: tuple[str, str]) -> None:
        """Forget the refusals of what has been done."""
        self._refusals.pop(key, None)

    def blocks(self, now: float) -> Iterable[Blocked]:
        """What was refused, to be told."""
        return (refusal.block for refusal in self._refusals.values() if now >= refusal.told_from)

    def next_try(self, now: float) -> float | None:
        """Seconds until something is due again; None if nothing was refused."""
        return max(min(refusal.retry_at for refusal in self._refusals.values()) - now, 0.0) if self._refusals else None
