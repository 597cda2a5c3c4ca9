"""What the commands that change something have in common: they say how many, ask, and report."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from exqueue.cli import render
from exqueue.model.errors import ConfigError, StoreRefused
from exqueue.store.refusals import asked_for
from exqueue.store.unreadable import Unreadable

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@contextmanager
def meaning(step: str) -> Iterator[None]:
    """Around a command that is there for this step: who may not even read what it reads is told who may do the step."""
    try:
        yield
    except StoreRefused as error:
        raise asked_for(error, step) from error


def carry_out(done: Iterable[int], word: str, total: int | None) -> int:
    """How many it is in the end; on a terminal, a bar shows how far it has come. `total`: None if nobody has counted."""
    if not sys.stderr.isatty():
        return sum(done)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=render.console(stderr=True), transient=True) as bar:
        task, count = bar.add_task(word, total=total), 0
        for number in done:
            count += number
            bar.update(task, completed=count)
    return count


def confirm(action: str, what: str, count: int, *, yes: bool) -> None:
    """Say how many, and ask; without a terminal `--yes` must have been given."""
    if not count or yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"this would {action} {count} {what} for good; add --yes")
    typer.confirm(f"{action} {count} {what} for good?", abort=True)


def report(word: str, count: int, unreadable: Unreadable, *, json: bool, also: dict[str, int] | None = None) -> None:
    """Say what was done to how many jobs, and what else; then raise what was not done because it cannot be read.

    Exit code 1 if nothing was done, and nothing was wrong.
    """
    done = {word: count, **(also or {})}
    if json:
        render.print_json({word.replace(" ", "_"): count for word, count in done.items()})
    else:
        print("\n".join(f"{word} {count} job(s)" for word, count in done.items()))
    unreadable.raise_any()
    if not any(done.values()):
        raise typer.Exit(1)
