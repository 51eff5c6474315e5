"""What the documents promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etcd_operator.api.conditions import BlockReason
from etcd_operator.plan import planner

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
