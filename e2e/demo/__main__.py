"""The demo from a shell: `python -m e2e.demo`, which is `make demo`."""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax

from e2e.cluster import Cluster, LocalClusterError, current
from e2e.cluster.local import LocalCluster
from e2e.cluster.operator_image import REF
from e2e.demo import application
from e2e.demo.cluster import ORDERS, DemoError, Orders
from e2e.demo.view import view
from e2e.support.kube import Json, Kube, KubeError
from e2e.support.operator import Operator

app = typer.Typer(add_completion=False)


@app.command(help=__doc__)
def demo(
    *,
    image: Annotated[
        str | None,
        typer.Option(envvar="OPERATOR_IMAGE", help="The operator's image, for a cluster that was not made here."),
    ] = None,
    namespace: Annotated[str, typer.Option(help="Where the etcd cluster is made.")] = "default",
) -> None:
    """Bring everything up, show it, use it, and say what to try next. Running it again is harmless."""
    console = Console(highlight=False)
    cluster = current()
    _choose_image(cluster, image)
    cluster.start()
    kube = Kube(cluster.kubeconfig)
    Operator.install(cluster, kube)
    orders = Orders(kube, namespace)
    seconds = _bring_up(console, orders)
    status = orders.status()
    _use(console, orders, status)
    _say_what_next(console, cluster, orders, status)
    if seconds is not None:
        console.print(f"[bold green]Three members, encrypted, with a quorum: ready {seconds:.1f} s after the apply.[/]")


def _choose_image(cluster: Cluster, image: str | None) -> None:
    if image is not None:
        os.environ["OPERATOR_IMAGE"] = image  # where the installation looks for it
    elif not isinstance(cluster, LocalCluster):
        raise DemoError(
            "KUBECONFIG names a cluster that was not made here, whose nodes do not see an image that is built here: "
            f"run `make image`, push {REF} to a registry that they pull from, and say "
            "`python -m e2e.demo --image REGISTRY/etcd-operator:dev`; or unset KUBECONFIG for a local cluster"
        )


def _bring_up(console: Console, orders: Orders) -> float | None:
    """Apply and show; returns how long it took, or None if the cluster was there before."""
    existed = orders.exists()
    console.rule("Four lines")
    console.print(Syntax(ORDERS.read_text().strip(), "yaml", background_color="default"))
    _command(console, f"kubectl apply -f {ORDERS.relative_to(ORDERS.parents[2])}", orders.apply())
    console.rule("What becomes of them")
    with view(console) as shown:
        seconds = orders.watch(shown)
    return None if existed else seconds


def _use(console: Console, orders: Orders, status: Json) -> None:
    secret = status["clientSecret"]
    console.rule("A write and a read")
    console.print(f"From a Pod that knows the Secret {secret}, which names the Service {status['clientService']}:\n")
    image = f"gcr.io/etcd-development/etcd:v{orders.version}"
    for command, printed in application.run(
        orders.kube, orders.namespace, application.manifest(secret=secret, image=image)
    ).items():
        _command(console, command, printed)


def _say_what_next(console: Console, cluster: Cluster, orders: Orders, status: Json) -> None:
    local = isinstance(cluster, LocalCluster)
    there = "" if orders.namespace == "default" else f" -n {orders.namespace}"
    shell = ['eval "$(.venv/bin/python -m e2e.cluster env)"', "kubectl and KUBECONFIG for this shell"]
    console.rule("What to try next")
    for command, meaning in (
        *([shell] if local else []),
        (f"kubectl get etcd{there}", "the cluster in one line"),
        (f"kubectl describe etcd {orders.name}{there}", "members, plan, conditions and events"),
        (f"kubectl delete pod {status['leader']}{there}", "kill the leader: it comes back with its data"),
        (f"kubectl get secret {status['clientSecret']}{there} -o yaml", "what an application needs to connect"),
        ("make bench", "how fast, and how cheap, against a baseline"),
        (f"kubectl delete etcd {orders.name}{there}", "it goes; its volumes stay, unless storage.onDelete says Delete"),
        *([("make clean", "the local Kubernetes goes, with everything on it")] if local else []),
    ):
        console.print(f"[bold]{command}[/]\n    {meaning}", soft_wrap=True)
    console.print()


def _command(console: Console, command: str, printed: str) -> None:
    console.print(f"[bold]$ {command}[/]", soft_wrap=True)
    console.print(printed, markup=False, soft_wrap=True, end="\n\n")


def main() -> None:
    """Run the command line; what a person can mend ends with a sentence, not with a traceback."""
    try:
        app()
    except (AssertionError, DemoError, KubeError, LocalClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
