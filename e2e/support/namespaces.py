"""A namespace for each scenario, so that none sees what another left; Kubernetes clears it away behind us."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from e2e.support.kube import Kind, Kube

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Makes namespaces with restricted Pod security; `live` are those in use."""

    kube: Kube
    live: list[str] = field(default_factory=list)

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
            self.kube.delete(Kind.NAMESPACE, None, name)
