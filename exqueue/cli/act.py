"""What the commands that change something have in common: they say how many, ask, and report."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from exqueue.cli import render
from exqueue.client.jobs import Job
from exqueue.model.errors import ConfigError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def by_queue(jobs: list[Job]) -> dict[str, list[str]]:
    """Ids by queue, in their order."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        found.setdefault(job.queue, []).append(job.id)
    return found


def confirm(action: str, what: str, count: int, *, yes: bool) -> None:
    """Say how many, and ask; without a terminal `--yes` must have been given."""
    if not count or yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"this would {action} {count} {what} for good; add --yes")
    typer.confirm(f"{action} {count} {what} for good?", abort=True)


def report(word: str, count: int, *, json: bool) -> None:
    """Say what was done; exit code 1 if that was nothing."""
    if json:
        render.print_json({word: count})
    else:
        print(f"{word} {count} job(s)")
    if not count:
        raise typer.Exit(1)
