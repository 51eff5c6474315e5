"""The page docs/reference/versions.md, from what the operator itself decides by."""  # noqa: INP001 - see render.py

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from etcd_operator.etcd.versions import DEFECTS, GATES, NEWEST, Version, needs_snapshot, objection

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "versions.md"

TEXT = """\
# Which version leads to which

Written by deploy/render.py from `etcd_operator/etcd/versions.py`, by which the operator itself decides; change it
there. What each of these ways does to the members is told in [rollouts](../concepts/rollouts.md).

{ways}

- *rolls*: one member at a time, the leader last.
- *another minor version*: the same, when every member serves, none joins or leaves, and there is no alarm.
- *a snapshot first*: if the cluster ever ran 3.5, each member is made to write one before.
- *stored for it first*: etcd stores all data so that the lower version opens it.
- A version: refused, write that one first.

In the middle of an upgrade the way back to the version that a member still runs is open.

## Releases that no member is brought to
Nor is any to a release that is newer than the newest in this table, unless `spec.allowUnsafeVersion` is true.

| Before | |
| --- | --- |
{defects}
"""


def sources() -> list[tuple[Version, Version]]:
    """The releases from which the ways are the same, as the first and the last of each range."""
    ranges: list[tuple[Version, Version]] = []
    for minor, newest in sorted(NEWEST.items()):
        safe = max((defect.fixed for defect in DEFECTS if defect.fixed.minor == minor), default=Version(3, minor, 0))
        starts = sorted({safe, *(gate for gate in GATES.values() if gate.minor == minor)})
        starts.append(replace(newest, patch=newest.patch + 1))
        ranges += [(first, replace(after, patch=after.patch - 1)) for first, after in pairwise(starts)]
    return ranges


def way(running: Version, target: Version) -> str:
    """What becomes of the wish to bring a cluster of one version to another."""
    if objection([running], target) is not None:
        step = NEWEST[running.minor if target.minor == running.minor + 1 else running.minor + _sign(running, target)]
        return f"{step} first"
    if target.minor == running.minor:
        return "rolls"
    if target.minor < running.minor:
        return "another minor version, stored for it first"
    asks = needs_snapshot(None, target)
    return "another minor version, a snapshot first" if asks else "another minor version"


def _sign(running: Version, target: Version) -> int:
    return 1 if target > running else -1


def rendered() -> str:
    """The page."""
    targets = [newest for _, newest in sorted(NEWEST.items())]
    rows = [f"| From | {' | '.join(f'to {target}' for target in targets)} |", "| --- " * (len(targets) + 1) + "|"]
    for first, last in sources():
        name = str(first) if first == last else f"{first} to {last}"
        rows.append(f"| {name} | {' | '.join(way(first, target) for target in targets)} |")
    defects = "\n".join(f"| {defect.fixed} | {defect.what} |" for defect in sorted(DEFECTS, key=lambda one: one.fixed))
    return TEXT.format(ways="\n".join(rows), defects=defects)
