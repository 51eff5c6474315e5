"""The cluster while it comes up: what it consists of, what the operator is doing, and what it says about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from e2e.support.kube import Json

_COLOURS: Final[Mapping[str, str]] = MappingProxyType({"True": "green", "False": "dim", "Unknown": "yellow"})
_TROUBLE: Final = frozenset({"Blocked", "Degraded"})


class View(Protocol):
    """Where the cluster is shown."""

    def show(self, status: Json, *, seconds: float) -> None:
        """Show the status as it is so many seconds after the cluster was asked for."""


class LiveView:
    """One picture that changes in place, on a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, status: Json, *, seconds: float) -> None:
        """Replace the picture."""
        self._live.update(picture(status, seconds=seconds), refresh=True)


class PlainView:
    """A line for every change, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: frozenset[str] = frozenset()

    def show(self, status: Json, *, seconds: float) -> None:
        """Print what was not so the last time."""
        present = tuple(lines(status))
        for line in present:
            if line not in self._shown:
                self._console.print(f"{seconds:5.1f} s  {line}", markup=False, highlight=False, soft_wrap=True)
        self._shown = frozenset(present)


@contextmanager
def view(console: Console) -> Iterator[View]:
    """A picture where there is a terminal, else lines."""
    if not console.is_terminal:
        yield PlainView(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield LiveView(live)


def picture(status: Json, *, seconds: float) -> RenderableType:
    """The whole status as tables: members, plan, conditions."""
    members = Table("MEMBER", "PHASE", "ROLE", "VERSION", "NODE", "", box=None, pad_edge=False)
    for member in status.get("members", ()):
        last = Text("leader", style="bold") if member.get("leader") else Text(member.get("reason", ""), style="dim")
        members.add_row(*(member.get(key, "") for key in ("name", "phase", "role", "version", "node")), last)
    conditions = Table("CONDITION", "STATUS", "REASON", "MESSAGE", box=None, pad_edge=False)
    for each in status.get("conditions", ()):
        colour = "red" if each["type"] in _TROUBLE and each["status"] == "True" else _COLOURS[each["status"]]
        conditions.add_row(each["type"], Text(each["status"], style=colour), each["reason"], each["message"])
    title = Text(f"{status.get('phase', 'Waiting for the operator')}, {seconds:.1f} s", style="bold")
    return Group(title, "", members, "", Text(_plan(status)), "", conditions)


def lines(status: Json) -> Iterator[str]:
    """The same as lines of text, each true for as long as it is among them."""
    for member in status.get("members", ()):
        leads = "leader" if member.get("leader") else ""
        place = f"on {member['node']}" if "node" in member else ""
        words = (member["phase"], member.get("role", ""), leads, place, member.get("reason", ""))
        yield f"{member['name']}: {', '.join(word for word in words if word)}"
    if "plan" in status:
        yield _plan(status)
    for each in status.get("conditions", ()):
        yield f"{each['type']} is {each['status']}, {each['reason']}: {each['message']}"


def _plan(status: Json) -> str:
    plan = status.get("plan")
    return f"Plan: {plan['action']}, {plan['reason']}" if plan else "Plan: none yet"
