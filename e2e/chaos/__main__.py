"""Breaks a cluster at random for a given time, and proves that no promise was broken: `make chaos`."""

import secrets
import signal
import sys
import time
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console

from e2e.chaos import results
from e2e.chaos.faults import Kind, deal
from e2e.chaos.run import Arena, run
from e2e.cluster import LocalClusterError, current
from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kube, KubeError
from e2e.support.namespaces import Namespaces
from e2e.support.operator import Operator

app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def chaos(
    *,
    seconds: Annotated[int, typer.Option(min=1, help="For how long faults are done.")] = 300,
    seed: Annotated[
        str, typer.Option(help="Deals the same faults as the run that printed it; a new one without.")
    ] = "",
    only: Annotated[list[Kind] | None, typer.Option(help="A kind of fault, and no others; may be repeated.")] = None,
    faults: Annotated[int | None, typer.Option(min=1, help="At most so many faults.")] = None,
) -> None:
    """Run, print the report, write build/chaos/; exit as `conclude` says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: nodes get their power back
    console = Console()
    chosen = seed or secrets.token_hex(4)
    console.print(f"seed {chosen}", highlight=False)
    cluster = current()
    cluster.start()
    kube = Kube(cluster.kubeconfig)
    operator = Operator.install(cluster, kube)

    def say(line: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {line}", highlight=False, markup=False, soft_wrap=True)

    with Namespaces(kube).new("chaos") as namespace:
        arena = Arena(cluster, operator, EtcdCluster(kube, namespace))
        dealt = islice(deal(chosen, only or tuple(Kind)), faults)
        result = run(arena, dealt, seconds=seconds, seed=chosen, say=say)
        results.show(console, result)
        console.print(f"written to {results.write(result)}")
    conclude(result, seconds=seconds, chosen=bool(only) or faults is not None)


def conclude(result: results.Result, *, seconds: int, chosen: bool) -> None:
    """Raise typer.Exit with 1 when a promise was broken, with 2 when a long run did too little to prove any.

    Whoever has `chosen` kinds of faults or their number does not ask for a proof.
    """
    if not result.passed:
        raise typer.Exit(1)
    little = "" if chosen else results.too_little(result, seconds=seconds)
    if little:
        print(f"error: too little was proved: {little}", file=sys.stderr)
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; what kept a run from its end is said in a sentence."""
    try:
        app()
    except (AssertionError, KubeError, LocalClusterError) as error:
        print(f"error: nothing was proved: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
