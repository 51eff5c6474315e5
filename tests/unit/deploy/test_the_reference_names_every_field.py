"""docs/reference/etcdcluster.md describes the API that crds/etcdcluster.yaml defines: no field more, none less."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.render import ROOT
from etcd_operator.api.conditions import ConditionType

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITION = yaml.safe_load((ROOT / "crds" / "etcdcluster.yaml").read_text())
SCHEMA = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
REFERENCE = (ROOT / "docs" / "reference" / "etcdcluster.md").read_text()
TAKEN_FROM_POD = {"pod.affinity"}
"""Described where Kubernetes describes it."""


def _fields(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field below `schema` that is no object of further fields, with its default as the reference writes it."""
    for name, part in schema["properties"].items():
        if "properties" in part and path + name not in TAKEN_FROM_POD:
            yield from _fields(part, f"{path}{name}.")
        elif name in schema.get("required", ()):
            yield path + name, "required"
        else:
            yield path + name, _written(part.get("default"))


def _written(default: object) -> str:
    if default is None:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_field_of_the_spec_is_described_with_its_default() -> None:
    changes = "always|rolls|until formed|never"
    described = re.findall(rf"^\| `([\w.]+)` \| ([^|]+) \| (?:{changes}) \|", REFERENCE, re.MULTILINE)
    assert sorted(described) == sorted(_fields(SCHEMA["spec"]))


def test_every_field_of_the_status_is_described() -> None:
    table = REFERENCE.partition("## status")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    described = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(described) == sorted(SCHEMA["status"]["properties"])


def test_every_condition_is_described() -> None:
    table = REFERENCE.partition("### Conditions")[2]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(ConditionType)
    (said,) = re.findall(r"^\| `conditions` \| ([^;]+);", REFERENCE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", said) == list(ConditionType)


@pytest.mark.parametrize("field", ["membership", "lastSeen", "members", "plan"])
def test_every_part_of_what_the_status_tells_in_parts_is_described(field: str) -> None:
    (described,) = re.findall(rf"^\| `{field}` \| (.+) \|$", REFERENCE, re.MULTILINE)
    parts = {name for name in _names(SCHEMA["status"]["properties"][field]) if f"`{name}`" not in described}
    assert parts == set()


def _names(schema: Any) -> Iterator[str]:
    """Every field at any depth below `schema`."""
    inner = schema.get("items", schema)
    for name, part in inner.get("properties", {}).items():
        yield name
        yield from _names(part)


def test_every_field_explains_itself_to_kubectl_explain() -> None:
    silent = [name for name, part in SCHEMA["spec"]["properties"].items() if "description" not in part]
    assert silent == []
