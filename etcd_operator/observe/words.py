"""What a container said last, for a status that everybody may read: no line of its log that may hold a user's text."""

from __future__ import annotations

import json

KEPT = 2000
"""Bytes. Kubernetes keeps the last 2 KiB of a log: the first line of a message as long as that may be cut anywhere."""

LONGEST = 500

_TELLING = frozenset({"error", "fatal", "panic"})
"""The levels of etcd's log lines of which text and error are told; requests, and keys in them, stand in others."""


def last_word(message: str) -> str:
    """The last line of `message` that says why a container ended; empty if none does."""
    lines = message.strip().splitlines()
    whole = lines[1:] if len(message.encode()) >= KEPT and len(lines) > 1 else lines
    said = (_said(line) for line in reversed(whole))
    return next((words for words in said if words), "")[:LONGEST]


def _said(line: str) -> str:
    """What one line says: of a log line only text and error, and only of those levels that end a process."""
    if not line.startswith("{"):
        return line.strip()
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if entry.get("level") not in _TELLING:
        return ""
    return ": ".join(str(entry[field]) for field in ("msg", "error") if entry.get(field))
