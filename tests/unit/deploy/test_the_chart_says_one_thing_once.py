"""What the chart holds twice, because Helm wants it so, is the same in both places."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml

from deploy.render import CHART, ROOT, definitions


@pytest.mark.parametrize(("source", "copy"), definitions().items(), ids=lambda path: path.name)
def test_the_charts_copy_of_a_definition_is_the_definition(source: Any, copy: Any) -> None:
    assert copy.read_text() == source.read_text(), "run python -m deploy.render"


def test_the_chart_holds_no_other_definition() -> None:
    assert sorted((CHART / "files").iterdir()) == sorted(definitions().values())


def test_the_chart_installs_this_version_of_the_operator() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["properties"].pop("global"), "Helm adds it to the values of a chart that is part of another one"
    assert _differences(schema, yaml.safe_load((CHART / "values.yaml").read_text())) == []


def _differences(schema: dict[str, Any], values: Any, path: str = "") -> list[str]:
    """The names that only one of the two knows; an object that the schema leaves open is not entered."""
    if schema.get("additionalProperties") is not False:
        return []
    found = [f"{path}{name}" for name in schema["properties"].keys() ^ values.keys()]
    for name in schema["properties"].keys() & values.keys():
        found += _differences(schema["properties"][name], values[name], f"{path}{name}.")
    return found
