"""Gives the nodes images: the cluster's own from the cache, those of scenarios from the local Docker engine."""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2e.cluster import bases, cache, engine, nodes, transfer
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.images import Image
from e2e.cluster.settings import Node, Settings


def import_missing(settings: Settings, wanted: Sequence[Image]) -> None:
    """Import those of `wanted` that a node does not hold, on all nodes at the same time."""

    def on_one(node: Node) -> None:
        present = nodes.images_of(node)
        for image in wanted:
            if not present.issuperset({image.ref, *image.aliases}):
                archive = Path("/images", image.archive.parent.name, image.archive.name)
                nodes.import_archive(node, str(archive), aliases=image.aliases)

    _together(on_one, settings.nodes)


def load(settings: Settings, ref: str) -> None:
    """Give all running nodes the image `ref` of the local Docker engine, under the same name.

    Raises LocalClusterError when the engine has no such image.
    """
    if not bases.has_image(ref):
        raise LocalClusterError(f"the local Docker engine has no image {ref}")
    targets = [node for node in settings.nodes if nodes.runs(node)]
    if not targets:
        raise LocalClusterError(f"no node of {settings.name} runs: start the cluster with `make cluster`")
    present = set.intersection(*(nodes.blobs_of(node) for node in targets))
    name = f"{cache.digest(ref, str(os.getpid()))}.tar"
    with nodes.inbox(settings, name) as (file, seen):
        with tempfile.NamedTemporaryFile(dir=cache.folder("tmp")) as saved:
            for chunk in engine.client().images.get(ref).save(named=True):
                saved.write(chunk)
            saved.flush()
            transfer.shrink(Path(saved.name), file, ref=ref, present=present)
        _together(lambda node: nodes.import_archive(node, seen), targets)


def _together(work: Callable[[Node], None], on: Iterable[Node]) -> None:
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(work, on):
            pass
