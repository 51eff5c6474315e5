"""Which last words of etcd prove that data is damaged, and which never do; real ones, from tests on real servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_operator.observe.evidence import SIGNS, Sign, damage

RECORDED: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("last_words.yaml").read_text(encoding="utf-8")
)
PROVEN, UNPROVEN = RECORDED["proven"], RECORDED["unproven"]

CUT_OFF = '"error":"walpb: crc mismatch","stacktrace":"go.etcd.io/etcd/server/v3/etcdmain.startEtcdOrProxyV2"}\n'
TRACE = "\ngoroutine 25 [running]:\ngo.etcd.io/raft/v3.(*raftLog).commitTo(0x2404b6317540, 0xd0)\n\tlog.go:324 +0xef\n"


def title(case: dict[str, Any]) -> str:
    """The name of a case."""
    return f"{case['etcd']}: {case['happened']}"


def entry(level: str, said: str, **fields: str) -> str:
    """A line of etcd's log."""
    return json.dumps({"level": level, "ts": "2026-11-22T12:00:00Z", "msg": said, **fields}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", PROVEN, ids=title)
def test_damage_is_proven_when(case: dict[str, Any]) -> None:
    assert damage(case["message"]) == case["sentence"]


@pytest.mark.parametrize("case", UNPROVEN, ids=title)
def test_no_damage_is_proven_when(case: dict[str, Any]) -> None:
    assert damage(case["message"]) is None


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.error or sign.said)
def test_every_sign_was_said_by_the_versions_that_it_names(sign: Sign) -> None:
    def shows(case: dict[str, Any]) -> bool:
        lines = [json.loads(line) for line in case["message"].splitlines() if line.startswith("{")]
        panics = [line.removeprefix("panic: ") for line in case["message"].splitlines() if line.startswith("panic: ")]
        words = [(line["msg"], line.get("error", "")) for line in lines] + [(panic, "") for panic in panics]
        return any(sign.read(*said) for said in words)

    assert {case["etcd"] for case in PROVEN if shows(case)} == set(sign.versions)


@pytest.mark.parametrize("case", PROVEN, ids=title)
def test_a_stack_trace_and_lines_of_others_around_the_words_change_nothing(case: dict[str, Any]) -> None:
    before = f'emote-peer-id":"d4e0f96fb5a1160"}}\n{entry("info", "closed etcd server")}'
    assert damage(f"{before}{case['message']}{TRACE}{entry('info', 'stopped remote peer')}") == case["sentence"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "OOMKilled",
        CUT_OFF,
        "it is out of range [lastIndex(104)]. Was the raft log corrupted, truncated, or lost?\n",
        "panic: failed to open database\n",
        "panic: failed to recover v3 backend from snapshot\n",
        "{not JSON}\n",
        '{"level":"fatal"}\n',
    ],
    ids=[
        "nothing",
        "no words of etcd",
        "the beginning of the line is gone",
        "the beginning of the panic is gone",
        "the error of a panic is gone",
        "the error of another panic is gone",
        "a line that is no entry",
        "an entry without words",
    ],
)
def test_words_that_are_not_whole_prove_nothing(message: str) -> None:
    assert damage(message) is None


@pytest.mark.parametrize("case", PROVEN, ids=title)
def test_the_words_prove_nothing_within_a_users_text(case: dict[str, Any]) -> None:
    slow = entry("warn", "apply request took too long", request=f'put:<key:"{case["message"]}" value_size:1>')
    assert damage(slow) is None
    assert damage(entry("fatal", "listener failed", error=f"open {case['message']}: no such file")) is None


@pytest.mark.parametrize("level", ["error", "warn", "info"])
def test_a_complaint_with_which_etcd_did_not_end_proves_nothing(level: str) -> None:
    assert damage(entry(level, "discovery failed", error="walpb: crc mismatch")) is None


@pytest.mark.parametrize("space", [" ", "\N{NO-BREAK SPACE}"], ids=["space", "no-break space"])
def test_either_space_of_the_protobuf_library_is_read(space: str) -> None:
    said = entry("fatal", "discovery failed", error=f"proto:{space}cannot parse invalid wire-format data")
    assert damage(said) == "its write-ahead log is damaged: a record cannot be decoded"


def test_keys_of_a_damaged_database_are_not_repeated() -> None:
    words = (
        "freepages: failed to get all reachable pages (key[3]=(hex)736563726574 on leaf page(7) needs to be >= parent)"
    )
    assert damage(f"panic: {words}\n") == "its database is damaged: its pages do not form a tree"
