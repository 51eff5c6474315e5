"""Without these, members would run a version to which there is no safe way."""

from __future__ import annotations

from tests.mutants.mutation import of

WAYS = of(
    "etcd/versions.py",
    (
        "one minor version at a time",
        "    if target.minor > lowest.minor + 1:\n",
        "    if target.minor > lowest.minor + 2:\n",
    ),
    ("the gate to a minor version", " and lowest < GATES[target.minor]:", " and highest < GATES[target.minor]:"),
    (
        "no way back from data that the lower one does not open",
        "    if target.minor < lowest.minor:\n",
        "    if not running:\n",
    ),
)

UPGRADE = of(
    "plan/upgrade.py",
    (
        "nothing is accepted without a list",
        "(listed is None or refusal(situation, listed) is not None)",
        "(listed is not None and refusal(situation, listed) is not None)",
    ),
    ("nothing is accepted against an objection", "    if why := objection(running, target):\n        return why\n", ""),
    (
        "another minor version is begun with all in order",
        "    return _unready(situation, listed)\n\n\ndef",
        "    return None\n\n\ndef",
    ),
    (
        "a release, and the way back, wait for nobody",
        "    if target.minor <= max(running).minor:\n        return None\n",
        "",
    ),
    ("all members serve before another minor version", "    if missing:\n", "    if missing and not record.members:\n"),
    (
        "the members do not change before another minor version",
        "    if listed.learners or listed.foreign or record.joining or record.removing is not None:\n",
        "    if not record.members:\n",
    ),
    ("no alarm stands before another minor version", " if alarms else None", " if not situation else None"),
)

SNAPSHOTS = of(
    "plan/upgrade.py",
    (
        "no log with entries of 3.5 is read by 3.7",
        "if record.formed and needs_snapshot(oldest, parse_version(asked)):",
        "if record.formed and not record.members:",
    ),
    (
        "every member writes a snapshot first",
        "        if not _have_snapshots(situation):\n            return None\n",
        "",
    ),
    (
        "a member without a Pod has written none",
        "(pod := situation.seen.pods.get(name)) is not None and not outdated(situation, pod)",
        "(pod := situation.seen.pods.get(name)) is None or not outdated(situation, pod)",
    ),
    (
        "an older version's entries stay what they are",
        "return min(parse_version(record.oldest_log), parse_version(asked))",
        "return parse_version(asked)",
    ),
    (
        "of a log that nobody knows nothing is supposed",
        "return None if record.formed else parse_version(asked)",
        "return parse_version(asked)",
    ),
    (
        "a preparation ends with what it was for",
        "return _stay(situation) if record.snapshots else None",
        "return None",
    ),
)

ALL = (*SNAPSHOTS, *WAYS, *UPGRADE)
