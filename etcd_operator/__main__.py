"""`etcd-operator run`: the operator as a process."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from etcd_operator import logs
from etcd_operator.operator import Settings
from etcd_operator.operator import run as run_operator
from etcd_operator.resources.pod import StartCheckImage

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Runs etcd clusters on Kubernetes."
)


@app.callback()
def main() -> None:
    """Runs etcd clusters on Kubernetes."""


@app.command()
def run(
    *,
    start_check_image: Annotated[
        str, typer.Option(help="The operator's own image, for the start check in member Pods.")
    ],
    lease_namespace: Annotated[str, typer.Option(envvar="POD_NAMESPACE", help="Where the leader's Lease is kept.")],
    namespace: Annotated[list[str] | None, typer.Option(help="Watch only this namespace; repeatable.")] = None,
    lease_name: Annotated[str, typer.Option(help="The leader's Lease.")] = "etcd-operator",
    http_port: Annotated[int, typer.Option(help="Port of /livez, /readyz and /metrics.")] = 8080,
    start_check_pull_policy: Annotated[str, typer.Option(help="imagePullPolicy of the start check.")] = "IfNotPresent",
    start_check_pull_secret: Annotated[
        list[str] | None, typer.Option(help="Pull Secret of the start check's image; repeatable.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[logs.Format, typer.Option(help="json or text.")] = logs.Format.JSON,
) -> None:
    """Run until SIGTERM."""
    logs.configure(level=log_level, form=log_format)
    gate = StartCheckImage(start_check_image, start_check_pull_policy, tuple(start_check_pull_secret or ()))
    settings = Settings(tuple(namespace or ()), lease_namespace, lease_name, http_port, gate)
    asyncio.run(run_operator(settings))


if __name__ == "__main__":
    app()
