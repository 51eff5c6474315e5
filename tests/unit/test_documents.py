"""What the documents promise is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.plan import planner
from tests.simulation.scenario import Scenario

ROOT = Path(__file__).parents[2]
BOOKS = ROOT / "docs" / "runbooks"


def test_the_four_lines_of_the_readme_are_those_of_the_demo() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("```yaml\n", 1)[1].split("```", 1)[0]
    applied = (ROOT / "e2e" / "demo" / "orders.yaml").read_text()
    assert shown == "".join(line for line in applied.splitlines(keepends=True) if not line.startswith("#"))


@pytest.mark.parametrize("reason", BlockReason)
def test_each_reason_of_a_block_has_a_runbook_that_the_index_names(reason: BlockReason) -> None:
    assert (BOOKS / f"{reason}.md").read_text().startswith(f"# {reason}\n")
    assert f"]({reason}.md)" in (BOOKS / "README.md").read_text()


def test_there_is_no_runbook_for_what_no_status_says() -> None:
    assert {book.stem for book in BOOKS.glob("*.md")} == {"README", *BlockReason}


DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_of_a_document_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("decision", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=lambda path: path.stem)
def test_each_decision_is_in_the_index(decision: Path) -> None:
    assert f"({decision.name})" in (ROOT / "docs" / "adr" / "README.md").read_text()


def test_the_order_of_concerns_is_told_in_full() -> None:
    order = (ROOT / "docs" / "concepts" / "reconcile.md").read_text().partition("## The order of concerns")[2]
    told = [int(number) for number in re.findall(r"^(\d+)\. \*\*", order, re.MULTILINE)]
    assert told == list(range(1, len(planner.ALONE) + len(planner.TOGETHER) + 1))


RECORD = (ROOT / "docs" / "track-record.md").read_text()
TEST, STORY = r"`([\w/]+\.py)::(test_\w+)`", r"`([\w/]+\.py): \"([^\"`]+)\"`"


@pytest.mark.parametrize(("path", "name"), sorted(set(re.findall(TEST, RECORD))))
def test_each_test_that_the_track_record_names_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize(("path", "name"), sorted(set(re.findall(STORY, RECORD))))
def test_each_scenario_that_the_track_record_names_is_told_in_that_file(path: str, name: str) -> None:
    # Some names are put together, so that the text of the file has only parts of them.
    module = vars(import_module(path.removesuffix(".py").replace("/", "."))).values()
    told = [found for value in module for found in (value if isinstance(value, tuple) else (value,))]
    assert name in {found.name for found in told if isinstance(found, Scenario)}


def test_each_row_of_the_track_record_names_tests_and_nothing_else() -> None:
    rows = re.findall(r"^\| (?!Reported \||---).*", RECORD, re.MULTILINE)
    assert rows
    one = f"({TEST}|{STORY})"
    assert [row for row in rows if not re.search(rf" \| {one}(, {one})* \|$", row)] == []
