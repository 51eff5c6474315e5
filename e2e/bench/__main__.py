"""The benchmarks from a shell: `python -m e2e.bench [SCENARIO …]`, which is `make bench`."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from e2e.bench import create, faults, idle, losses, report, rolls, scale
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import NotMeasuredError, missed
from e2e.cluster import LocalClusterError, NotOurClusterError
from e2e.support.clusters import VERSION
from e2e.support.kube import KubeError

SCENARIOS: dict[str, Scenario] = {
    "create": create.SCENARIO,
    "idle": idle.SCENARIO,
    "scale-out": scale.SCALE_OUT,
    "scale-in": scale.SCALE_IN,
    "one-to-three": scale.ONE_TO_THREE,
    "scale-back": scale.SCALE_BACK,
    "pod-deleted": faults.POD_DELETED,
    "leader-killed": faults.LEADER_KILLED,
    "leader-drained": faults.LEADER_DRAINED,
    "volume-lost": losses.VOLUME_LOST,
    "node-lost": losses.NODE_LOST,
    "config-roll": rolls.CONFIG_ROLL,
    "patch-upgrade": rolls.PATCH_UPGRADE,
    "upgrade": rolls.UPGRADE,
    "downgrade": rolls.DOWNGRADE,
    "resize-storage": rolls.RESIZE_STORAGE,
}

FAILURES = (AssertionError, KubeError, LocalClusterError, NotMeasuredError)
"""What keeps a scenario from measuring; a person is told in a sentence, and the other scenarios go on."""

app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def bench(
    scenario: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(SCENARIOS)}; all of them without.")
    ] = None,
    *,
    runs: Annotated[int, typer.Option(min=1, help="How often each side is measured.")] = 5,
    seconds: Annotated[int, typer.Option(min=10, help="How long a stable cluster is watched, over all runs.")] = 300,
    etcd: Annotated[str, typer.Option(help="The version of etcd, on both sides.")] = VERSION,
) -> None:
    """Measure, print the raw figures and the verdicts, write build/bench/.

    Exits with 1 when a goal was missed or a scenario could not be measured; one that needs power over nodes is skipped
    on a cluster that was not made here.
    """
    wanted = scenario or list(SCENARIOS)
    for name in wanted:
        if name not in SCENARIOS:
            raise typer.BadParameter(f"no scenario {name!r}: say one of {', '.join(SCENARIOS)}")
    console = Console()
    measuring = Bench.start(console, runs=runs, seconds=seconds, etcd=etcd)
    failed = False
    try:
        for name in wanted:
            each = SCENARIOS[name]
            console.rule(f"{name}: {each.title}")
            try:
                result = each.measure(measuring)
            except NotOurClusterError as error:
                console.print(f"{name} is not measured: {error}", style="yellow")
                continue
            except FAILURES as error:
                console.print(f"{name} is not measured: {error}", style="bold red")
                failed = True
                continue
            report.show(console, result, each.goals)
            console.print(f"written to {report.write(result)}")
            failed = failed or bool(missed(each.goals, result.figures))
    finally:
        measuring.end()
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; what kept a scenario from measuring is said in a sentence."""
    try:
        app()
    except FAILURES as error:
        print(f"error: nothing was measured: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
