"""The local cluster from a shell: `python -m e2e.cluster up|down|build|image|load|env`."""

import os
import sys
from typing import Annotated

import typer

from e2e.cluster import LocalClusterError, binaries, cache, current, engine, operator_image, progress
from e2e.cluster.local import LocalCluster, prepare

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
ON_PATH = ("kubectl", "helm")


@app.command()
def up() -> None:
    """Start the cluster, or check the one that $KUBECONFIG names; print the path of its kubeconfig."""
    cluster = current()
    cluster.start()
    _put_on_path()
    print(cluster.kubeconfig)


@app.command()
def down(
    *, engine_too: Annotated[bool, typer.Option("--all", help="Also stop the Docker engine that `up` started.")] = False
) -> None:
    """Remove the cluster and all its data. The cache of programs and images stays."""
    LocalCluster().stop()
    if engine_too:
        engine.stop()


@app.command()
def build() -> None:
    """Build every program and image that the cluster needs, and start nothing but a Docker engine."""
    engine.ensure()
    prepare()
    _put_on_path()


@app.command()
def image(*, load: Annotated[bool, typer.Option(help="Also give it to the nodes.")] = False) -> None:
    """Build the operator's image; print its name."""
    engine.ensure()
    ref = operator_image.build()
    if load:
        LocalCluster().load_image(ref)
    print(ref)


@app.command("load")
def load_images(refs: list[str]) -> None:
    """Give the nodes images of the local Docker engine."""
    for ref in refs:
        LocalCluster().load_image(ref)


@app.command()
def env() -> None:
    """Print what makes a shell use the cluster: `eval "$(python -m e2e.cluster env)"`."""
    _put_on_path()
    print(f"export KUBECONFIG={current().kubeconfig}")
    print(f"export PATH={cache.folder('bin')}:$PATH")


def _put_on_path() -> None:
    for program in ON_PATH:
        wanted, link = binaries.ensure(program), cache.folder("bin") / program
        if not link.is_symlink() or link.readlink() != wanted:
            # A rename leaves no moment without the program for a shell that runs it.
            fresh = link.with_name(f".{program}-{os.getpid()}")
            fresh.symlink_to(wanted)
            fresh.rename(link)


def main() -> None:
    """Run the command line; what a person can mend ends with a sentence, not with a traceback."""
    try:
        app()
    except LocalClusterError as error:
        progress.note(f"error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
