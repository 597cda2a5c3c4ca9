"""`exqueue top`: queues and running jobs, live."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exqueue.app import Exqueue
from exqueue.cli import render
from exqueue.cli.context import Context
from exqueue.cli.status import queue_table, read_rows
from exqueue.model.lifecycle import Place
from exqueue.store.unreadable import Unreadable


def top(
    context: typer.Context,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
) -> None:
    """Watch all queues, and the jobs that run with their progress; Ctrl-C ends it."""
    obj: Context = context.obj
    app, out = obj.app(), render.console()
    if once or not out.is_terminal:
        unreadable = Unreadable()
        out.print(picture(app, out.width, unreadable))
        unreadable.raise_any()
        return
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            unreadable = Unreadable()
            seen = picture(app, out.width, unreadable)
            wrong = [Text(line, style="bold red") for line in unreadable.faults]
            live.update(Group(seen, *wrong), refresh=True)
            time.sleep(interval)


def picture(app: Exqueue, width: int, unreadable: Unreadable) -> Group:
    """What there is to see now; `unreadable` keeps what is not."""
    rows = read_rows(app, unreadable)
    running = render.table("job", "queue", "#tries", "running since", "progress", "arguments")
    for job in unreadable.through(app.jobs(Place.PROCESSING)):
        seen = job.seen
        since = render.moment(seen.run.since)
        queue = render.shortened(job.queue, max(render.LEAST, width // 5))
        running.add_row(*map(render.cell, (job.id, queue, seen.run.attempt, since, render.progress_in_words(seen), seen.header.args)))
    parts: list[Table | Text] = [queue_table(rows, width), Text(), running if running.row_count else Text("no job runs")]
    return Group(*parts)
