"""A namespace for each scenario, so that none sees what another left; Kubernetes clears it away behind us."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from e2e.support.kube import Kind, Kube
from e2e.support.waiting import eventually

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


GONE_WITHIN = 120.0
"""Seconds for the last namespaces to go."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Makes namespaces with restricted Pod security; `live` are those in use, `left` those whose deletion was begun."""

    kube: Kube
    live: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def new(self, word: str) -> Iterator[str]:
        """Yield the name of a new namespace, which has `word` in it; its deletion is begun afterwards, not awaited."""
        prefix = re.sub(r"[^a-z0-9]+", "-", f"e2e-{word}".lower())[:40].strip("-")
        body = {"metadata": {"generateName": f"{prefix}-", "labels": RESTRICTED}}
        name = str(self.kube.create(Kind.NAMESPACE, None, body)["metadata"]["name"])
        self.live.append(name)
        try:
            yield name
        finally:
            self.live.remove(name)
            self.left.append(name)
            self.kube.delete(Kind.NAMESPACE, None, name)

    def remaining(self) -> list[str]:
        """Return which of the namespaces that are not in use any more are still there after a while."""

        def check() -> None:
            there = {found["metadata"]["name"] for found in self.kube.list(Kind.NAMESPACE)}
            self.left[:] = [name for name in self.left if name in there]
            assert not self.left

        with suppress(AssertionError):
            eventually(check, within=GONE_WITHIN, every=1)
        return self.left
