"""The table of versions in docs/ says what the operator does, cell by cell."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from deploy import versions_page
from etcd_operator.etcd.versions import NEWEST, Version, objection, parse_version
from etcd_operator.plan.upgrade import accept_version, prepare_data
from tests.builders import MEMBERS, Stage, an_observation, saying, with_record, with_spec
from tests.unit.plan.decide import situation

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in versions_page.PAGE.read_text().splitlines()
    if re.match(r"\| (From|3\.)", line) and line.count("|") == len(NEWEST) + 2
]
TARGETS = [parse_version(cell.removeprefix("to ")) for cell in ROWS[0][1:]]


def releases(cell: str) -> list[Version]:
    """All that a cell such as `3.5.28 to 3.5.31` names."""
    first, _, last = cell.partition(" to ")
    start, end = parse_version(first), parse_version(last or first)
    return [replace(start, patch=patch) for patch in range(start.patch, end.patch + 1)]


CELLS = [
    (running, target, words)
    for row in ROWS[1:]
    for running, (target, words) in product(releases(row[0]), zip(TARGETS, row[1:], strict=True))
]


def test_the_page_is_what_is_rendered() -> None:
    assert versions_page.PAGE.read_text() == versions_page.rendered()


def test_every_supported_release_has_its_row() -> None:
    named = [release for row in ROWS[1:] for release in releases(row[0])]
    assert len(named) == len(set(named))
    assert set(NEWEST.values()) <= set(named)


@pytest.mark.parametrize(("running", "target", "words"), CELLS, ids=str)
def test_a_cell_says_what_the_operator_does(running: Version, target: Version, words: str) -> None:
    if running == target:
        assert words == "rolls"
        return
    seen = with_spec(
        with_record(an_observation(Stage.STABLE), version=str(running), oldest_log="3.5.35"), version=str(target)
    )
    for member in MEMBERS[:3]:
        seen = saying(seen, member, version=str(running))
    accepted, prepared = accept_version(situation(seen)), prepare_data(situation(seen))
    if words.endswith(" first") and (step := words.removesuffix(" first")) in map(str, NEWEST.values()):
        assert (accepted, prepared) == (None, None)
        assert f"write {step} first" in (objection([running], target) or "")
        return
    done = {
        "rolls": ("AcceptVersion", None),
        "another minor version": ("AcceptVersion", None),
        "another minor version, a snapshot first": ("PrepareVersion", None),
        "another minor version, stored for it first": (None, "PrepareData"),
    }
    assert done[words] == (accepted and accepted.action, prepared and prepared.action)
