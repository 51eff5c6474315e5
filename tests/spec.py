"""The spec of the shortest EtcdCluster as an API server would complete it, for tests that have none.

The defaults are read from the CustomResourceDefinition: they stand nowhere else.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).parents[1] / "crds" / "etcdcluster.yaml"


def shortest() -> dict[str, Any]:
    """Return three members of etcd 3.6.16, with every default filled in and the image of nobody's registry."""
    spec: dict[str, Any] = {"replicas": 3, "version": "3.6.16", "image": {"repository": "example.com/etcd"}}
    _complete(spec, _schema())
    return spec


@cache
def _schema() -> dict[str, Any]:
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def _complete(value: dict[str, Any], schema: dict[str, Any]) -> None:
    for name, field in schema.get("properties", {}).items():
        if name not in value and "default" in field:
            value[name] = copy.deepcopy(field["default"])
        if isinstance(value.get(name), dict):
            _complete(value[name], field)
