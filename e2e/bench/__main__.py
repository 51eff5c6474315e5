"""The benchmarks from a shell: `python -m e2e.bench [SCENARIO]`, which is `make bench`."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from e2e.bench import create, idle, report
from e2e.bench.harness import Bench, Scenario
from e2e.bench.results import NotMeasuredError, missed
from e2e.cluster import LocalClusterError
from e2e.support.kube import KubeError

SCENARIOS: dict[str, Scenario] = {"create": create.SCENARIO, "idle": idle.SCENARIO}

app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def bench(
    scenario: Annotated[str | None, typer.Argument(help=f"One of {', '.join(SCENARIOS)}; all of them without.")] = None,
    *,
    runs: Annotated[int, typer.Option(min=1, help="How often each side is measured.")] = 5,
    seconds: Annotated[int, typer.Option(min=10, help="How long a stable cluster is watched, over all runs.")] = 300,
) -> None:
    """Measure, print the raw figures and the verdicts, write build/bench/; exit with 1 when a goal was missed."""
    if scenario is not None and scenario not in SCENARIOS:
        raise typer.BadParameter(f"no scenario {scenario!r}: say one of {', '.join(SCENARIOS)}")
    chosen = SCENARIOS if scenario is None else {scenario: SCENARIOS[scenario]}
    console = Console()
    measuring = Bench.start(console, runs=runs, seconds=seconds)
    failed = False
    try:
        for name, each in chosen.items():
            console.rule(f"{name}: {each.title}")
            result = each.measure(measuring)
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
    except (AssertionError, KubeError, LocalClusterError, NotMeasuredError) as error:
        print(f"error: nothing was measured: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
