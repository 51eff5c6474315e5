"""Logs that a machine and a person can read, and that tell no secret."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from etcd_operator import logs
from tests.builders import Stage, an_observation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level, kopf = root.handlers[:], root.level, logging.getLogger("kopf").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("kopf").setLevel(kopf)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was written, one JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_the_cluster_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", form=logs.Format.JSON)
    structlog.contextvars.bind_contextvars(namespace="shop", cluster="orders")
    structlog.get_logger("test").info("step", step="Create Pod orders-bbbbb")
    (line,) = lines(capsys)
    assert line.items() >= {"event": "step", "level": "info", "namespace": "shop", "cluster": "orders"}.items()
    assert line["step"] == "Create Pod orders-bbbbb"
    assert "timestamp" in line


def test_the_libraries_write_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", form=logs.Format.JSON)
    logging.getLogger("aiohttp").warning("connection of %s lost", "node-1")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("connection of node-1 lost", "warning", "aiohttp")


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="warning", form=logs.Format.JSON)
    structlog.get_logger("test").info("step")
    logging.getLogger("kopf.objects").info("Handler succeeded.")
    assert lines(capsys) == []


def test_kopf_is_quiet_about_its_own_work_at_the_usual_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", form=logs.Format.JSON)
    logging.getLogger("kopf.objects").info("Handler succeeded.")
    logging.getLogger("kopf.objects").warning("trouble")
    assert [line["event"] for line in lines(capsys)] == ["trouble"]


@pytest.mark.parametrize("form", list(logs.Format))
def test_a_crash_is_told_with_its_place_but_without_the_values_of_variables(
    form: logs.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(level="info", form=form)
    try:
        _crash(dict(an_observation(Stage.STABLE).secrets["orders-peer-ca"].data))
    except KeyError:
        structlog.get_logger("test").exception("pass crashed")
    written = capsys.readouterr().err
    assert "pass crashed" in written
    assert "KeyError" in written
    assert "_crash" in written
    assert "PRIVATE KEY" not in written


def _crash(data: dict[str, bytes]) -> bytes:
    return data["missing"]


def test_a_person_reads_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="info", form=logs.Format.TEXT)
    structlog.get_logger("test").info("leading")
    written = capsys.readouterr().err
    assert "leading" in written
    assert not written.startswith("{")
