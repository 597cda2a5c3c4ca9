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


def report(word: str, count: int, *, json: bool, also: dict[str, int] | None = None) -> None:
    """Say what was done to how many jobs, and what else; exit code 1 if that was nothing."""
    done = {word: count, **(also or {})}
    if json:
        render.print_json({word.replace(" ", "_"): count for word, count in done.items()})
    else:
        print("\n".join(f"{word} {count} job(s)" for word, count in done.items()))
    if not any(done.values()):
        raise typer.Exit(1)
