"""The status tells why a container ended, and nothing that a user wrote into etcd."""

from __future__ import annotations

import json

import pytest

from etcd_operator.observe.words import KEPT, last_word

TRACE = json.dumps({"level": "info", "msg": "trace[1948616727] put", "detail": "{key:customers/alice; req_size:9; }"})
SLOW = json.dumps({"level": "warn", "msg": "apply request took too long", "request": "header key:customers/alice"})
FATAL = json.dumps({"level": "fatal", "msg": "discovery failed", "error": "wal: no space left on device"})


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (f"{TRACE}\n{FATAL}\n", "discovery failed: wal: no space left on device"),
        (f"{FATAL}\n{TRACE}\n{SLOW}\n", "discovery failed: wal: no space left on device"),
        (f"{TRACE}\n{SLOW}\n", ""),
        (
            "error verifying flags, unknown flag: --colour. See 'etcd --help'.",
            "error verifying flags, unknown flag: --colour. See 'etcd --help'.",
        ),
        (f"{TRACE}\npanic: cannot use none as id\n\n", "panic: cannot use none as id"),
        ("", ""),
        ('{"level":"fatal","msg":"cut o', ""),
    ],
)
def test_only_the_words_with_which_it_ended_are_told(message: str, word: str) -> None:
    assert last_word(message) == word


def test_the_rest_of_a_line_that_was_cut_is_not_told() -> None:
    kept = "\n".join([TRACE[20:], *[TRACE] * (KEPT // len(TRACE) + 1)])
    assert "alice" not in last_word(kept)
