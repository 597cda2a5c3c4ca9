"""`exqueue schedule`: which workers have a schedule, when they fired last, when they fire next. Read from Redis only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import typer
from rich.text import Text

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.cli.status import alive
from exqueue.model.text import one_line
from exqueue.store.unreadable import Unreadable

cli: Final = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Row:
    """One schedule. `last`, `next`: ms since 1970, 0 for none."""

    worker: str
    queue: str
    expression: str
    tz: str
    last: int
    next: int


@cli.command("list")
def list_(context: typer.Context, json: select.Json = False) -> None:
    """List the schedules that runners have recorded, the next to fire first."""
    obj: Context = context.obj
    app, unreadable = obj.app(), Unreadable()
    rows = _rows(app, unreadable)
    if json:
        render.print_json([
            {"worker": row.worker, "queue": row.queue, "expression": row.expression, "tz": row.tz,
             "last_tick": render.iso(row.last), "next_tick": render.iso(row.next)}
            for row in rows
        ])  # fmt: skip
    else:
        _print(app, rows, unreadable)
    unreadable.raise_any()


def _print(app: Exqueue, rows: list[_Row], unreadable: Unreadable) -> None:
    out = render.console()
    made = render.table("worker", "queue", "expression", "zone", "last tick", "next tick")
    for row in rows:
        cells = (row.worker, row.queue, row.expression, row.tz, render.moment(row.last), render.moment(row.next))
        made.add_row(*map(render.cell, cells))
    out.print(made if rows else render.nothing("no schedules yet: a schedule is known once a runner of its worker has started", unreadable))
    unserved = []
    for queue in sorted({row.queue for row in rows}):
        with unreadable:
            unserved += [] if alive(app.reader.slots(queue)) else [queue]
    if unserved:
        out.print(Text(f"nobody serves {one_line(', '.join(unserved))}, so nothing fires; start a runner: exqueue run MODULE"))


def _rows(app: Exqueue, unreadable: Unreadable) -> list[_Row]:
    rows = []
    for queue in app.queues():
        with unreadable:
            now_ms, records = app.reader.schedules(queue.name)
            for worker, record in records.items():
                last, following = record.ticks(now_ms)
                rows.append(_Row(worker, queue.name, record.expression, record.tz, last or 0, following or 0))
    return sorted(rows, key=lambda row: (row.next or float("inf"), row.worker, row.queue))
