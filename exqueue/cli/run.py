"""`exqueue run`: start a runner here."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from exqueue.cli.context import Context
from exqueue.model.errors import ConfigError
from exqueue.runtime import logs
from exqueue.runtime.runner import Runner, RunOptions

Targets = Annotated[list[str], typer.Argument(metavar="TARGET...", help="A module, or module:Worker.")]
Processes = Annotated[
    list[str] | None, typer.Option("--processes", "-p", metavar="WORKER=N", help="Worker processes of one worker type.", show_default=False)
]
Queues = Annotated[
    list[str] | None,
    typer.Option("--queue", metavar="NAME", help="Serve this queue instead of the workers' own; * fits any text.", show_default=False),
]


def run(
    context: typer.Context,
    targets: Targets,
    processes: Processes = None,
    burst: Annotated[bool, typer.Option("--burst", help="Stop when all queues are idle, delayed retries included.")] = False,
    grace: Annotated[float | None, typer.Option(min=0, help="Seconds that running jobs get when stopping.", show_default=False)] = None,
    lease: Annotated[float | None, typer.Option(min=0.5, help="Seconds until a silent host is given up.", show_default=False)] = None,
    queues: Queues = None,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Run on a server that evicts keys or has no append-only file.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks and more of the log.")] = False,
) -> None:
    """Run the jobs of these workers until SIGTERM or Ctrl-C; a second one does not wait for running jobs."""
    obj: Context = context.obj
    app = obj.app()
    app.queues()  # an embedded server may take its time to load; a wrong URL is told now
    settings = app.settings
    settings = replace(
        settings, grace=settings.grace if grace is None else grace, lease=settings.lease if lease is None else lease,
        accept_data_loss=accept_data_loss or settings.accept_data_loss,
    )  # fmt: skip
    logs.configure(verbose or obj.verbose)
    verbose = verbose or obj.verbose
    Runner(settings, RunOptions(tuple(targets), parse_processes(processes or []), burst, verbose, tuple(queues or []))).run()


def parse_processes(texts: list[str]) -> dict[str, int]:
    """`["SyncInvoices=3"]` -> `{"SyncInvoices": 3}`."""
    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isascii() or not number.isdigit() or int(number) > 10_000:
            raise ConfigError(f"--processes {text!r}: use WORKER=N, for example SyncInvoices=3")
        found[name] = int(number)
    return found
