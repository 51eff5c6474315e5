"""What the demo applies, shows and uses."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from e2e.demo import application
from e2e.demo.__main__ import app, main
from e2e.demo.cluster import ORDERS, blocked, well
from e2e.demo.view import PlainView, picture

CLIENT, IMAGE = "orders-client", "example.com/etcd:v3.6.16"
MEMBER = {"name": "orders-x7k2p", "phase": "Healthy", "role": "Voter", "node": "node-1", "version": "3.6.16"}
CONDITIONS = {"Available": "True", "Quorate": "True", "Progressing": "False", "Degraded": "False", "Blocked": "False"}


def condition(kind: str, status: str, reason: str = "Serving", message: str = "so it is") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def status(**changes: Any) -> dict[str, Any]:
    return {
        "phase": "Running",
        "members": [MEMBER],
        "plan": {"action": "Stable", "reason": "everything is as specified"},
        "conditions": [condition(kind, value) for kind, value in CONDITIONS.items()],
        **changes,
    }


def plain(*seen: dict[str, Any]) -> list[str]:
    screen = StringIO()
    view = PlainView(Console(width=200, file=screen))
    for number, each in enumerate(seen):
        view.show(each, seconds=float(number))
    return screen.getvalue().splitlines()


def drawn(seen: dict[str, Any], *, seconds: float) -> str:
    screen = StringIO()
    Console(width=120, file=screen).print(picture(seen, seconds=seconds))
    return screen.getvalue()


def test_four_lines_make_a_cluster() -> None:
    assert len(ORDERS.read_text().splitlines()) == 4
    assert yaml.safe_load(ORDERS.read_text())["spec"] == {"replicas": 3, "version": "3.6.16"}


def test_a_log_gets_a_line_for_what_is_new_and_none_for_what_stays() -> None:
    leader = {**MEMBER, "leader": True}
    lines = plain(status(conditions=[]), status(conditions=[]), status(conditions=[], members=[leader]))
    assert lines == [
        "  0.0 s  orders-x7k2p: Healthy, Voter, on node-1",
        "  0.0 s  Plan: Stable, everything is as specified",
        "  2.0 s  orders-x7k2p: Healthy, Voter, leader, on node-1",
    ]


def test_what_comes_back_is_said_again() -> None:
    lines = plain(
        *(status(members=[], conditions=[condition("Quorate", value)]) for value in ("True", "False", "True"))
    )
    assert [line.partition(",")[0].strip() for line in lines if "Quorate" in line] == [
        "0.0 s  Quorate is True", "1.0 s  Quorate is False", "2.0 s  Quorate is True",
    ]  # fmt: skip


def test_a_terminal_shows_members_plan_and_conditions() -> None:
    text = drawn(status(), seconds=8.25)
    for word in ("Running, 8.2 s", "orders-x7k2p", "node-1", "Plan: Stable", "Available"):
        assert word in text


def test_a_cluster_without_a_status_waits_for_the_operator() -> None:
    assert "Waiting for the operator" in drawn({}, seconds=0.0)
    assert plain({}) == []


@pytest.mark.parametrize("kind", CONDITIONS)
def test_all_is_well_only_with_every_condition(kind: str) -> None:
    assert well(status())
    assert not well(status(conditions=[each for each in status()["conditions"] if each["type"] != kind]))


def test_nothing_is_well_before_the_operator_says_so() -> None:
    assert not well({})


def test_only_what_waiting_cannot_mend_ends_the_demo() -> None:
    foreign = condition("Blocked", "True", "ForeignObject", "Service orders is somebody else's")
    assert blocked(status(conditions=[foreign])) == "Service orders is somebody else's"
    assert not blocked(status(conditions=[{**foreign, "reason": "Unschedulable"}]))
    assert not blocked(status(conditions=[{**foreign, "status": "False"}]))


def test_the_application_knows_the_secret_and_nothing_else_of_the_cluster() -> None:
    pod = application.manifest(secret=CLIENT, image=IMAGE)
    text = yaml.safe_dump(pod).replace(CLIENT, "").replace(application.NAME, "").replace("/etc/orders", "")
    assert "orders" not in text
    assert "https" not in text


def test_the_application_writes_before_it_reads_the_same_key() -> None:
    pod = application.manifest(secret=CLIENT, image=IMAGE)
    (writer,), (reader,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert writer["command"][1:3] == ["put", "greeting"]
    assert reader["command"][1:] == ["get", "greeting"]


def test_a_cluster_of_somebody_else_needs_an_image_that_its_nodes_can_pull(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("OPERATOR_IMAGE", raising=False)
    monkeypatch.setattr("sys.argv", ["demo"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: KUBECONFIG names a cluster that was not made here")
    assert "--image REGISTRY/etcd-operator:dev" in said
    assert len(said.splitlines()) == 1


def test_help_says_what_the_options_are_for() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert "--image" in text
    assert "--namespace" in text
