"""`exqueue status` and `exqueue config`: what there is, and what is set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import typer
from rich.table import Table
from rich.text import Text

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.job import Counts
from exqueue.model.queue_checks import START
from exqueue.model.settings import keys_of
from exqueue.model.text import one_line
from exqueue.runtime.host import host_id, is_alive
from exqueue.store.connection import safe_url
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.unreadable import Unreadable

COLUMNS: Final = ("pending", "waiting", "delayed", "processing", "failed", "completed", "deleted", "done", "processes")
OVER: Final = ("deleted", "completed", "done", "waiting", "delayed")  # left out in this order; the last three only where all are 0


def status(context: typer.Context, json: select.Json = False) -> None:
    """Show all queues: how many jobs are where, and how many worker processes serve them."""
    obj: Context = context.obj
    app = obj.app()
    unreadable = Unreadable()
    rows = read_rows(app, unreadable)
    if json:
        render.print_json({
            "url": safe_url(app.settings.url), "namespace": app.settings.namespace,
            "queues": [{"queue": name, **asdict(counts), "processes": slots, "adds_up": counts.adds_up} for name, counts, slots in rows],
            "unreadable": unreadable.faults,
        })  # fmt: skip
    else:
        _print(rows, unreadable)
    unreadable.raise_any()


def read_rows(app: Exqueue, unreadable: Unreadable) -> list[tuple[str, Counts, int]]:
    """Of each queue that can be read: name, counts, living worker processes."""
    rows = []
    for queue in app.queues():
        with unreadable:
            rows.append((queue.name, queue.counts(), alive(app.reader.slots(queue.name))))
    return rows


def alive(slots: list[SlotInfo]) -> int:
    """How many of these worker processes live; of those on other hosts, only their runners' silence will tell.

    A slot that does not say whose it is serves nothing: the doctor and fsck tell of it.
    """
    here = host_id()
    return sum(1 for slot in slots if slot.runner and (slot.host != here or is_alive(slot.pid, slot.start)))


def queue_table(rows: list[tuple[str, Counts, int]], width: int) -> Table:
    """A table of queues: name, counts, living worker processes. `width`: where it is not enough, of what is over nothing is told."""
    cells = [_cells(counts, slots) for _, counts, slots in rows]
    columns = [column for column in COLUMNS if column != "done" or any(row["done"] for row in cells)]
    notes = [_notes(counts) for _, counts, _ in rows]
    aside = max((len(word) + 2 for note in notes for word in note.split()), default=0)
    wide = {column: max(len(column), *(len(str(row[column])) for row in cells), 0) + 2 for column in columns} if cells else {}
    over = [
        column for column in OVER if column in columns and (column in ("deleted", "completed") or not any(row[column] for row in cells))
    ]
    while (room := width - aside - sum(wide[column] for column in columns if wide)) < render.LEAST and over:
        columns.remove(over.pop(0))
    made = render.table("queue", *(f"#{name}" for name in columns), "")
    made.columns[-1].no_wrap = False  # what is paused or blocked goes on in a second line, so that no number is cut
    for (name, _, _), row, note in zip(rows, cells, notes, strict=True):
        numbers = [Text(str(row[column]), style="bold red" if column == "failed" and row[column] else "") for column in columns]
        made.add_row(Text(render.shortened(name, max(render.LEAST, room))), *numbers, Text(note, style="bold red"))
    return made


def _cells(counts: Counts, slots: int) -> dict[str, int]:
    return {**{column: getattr(counts, column) for column in COLUMNS if column != "processes"}, "processes": slots}


def _notes(counts: Counts) -> str:
    return ", ".join([*(["paused"] if counts.paused else []), *([f"{counts.blocked} blocked key(s)"] if counts.blocked else [])])


def _print(rows: list[tuple[str, Counts, int]], unreadable: Unreadable) -> None:
    out = render.console()
    made = queue_table(rows, out.width)
    out.print(made if rows else render.nothing("no queues yet: a queue exists once its first job does", unreadable))
    unserved = [name for name, counts, slots in rows if counts.unfinished and not slots]
    if unserved:
        out.print(Text(f"nobody serves {one_line(', '.join(unserved))}; {START}"))
    failed = sum(counts.failed for _, counts, _ in rows)
    if failed:
        out.print(Text(f"{failed} failed job(s): exqueue failed list"))
    if any(counts.blocked for _, counts, _ in rows):
        out.print(Text("keys are blocked by failed jobs: exqueue blocked list"))


def config(context: typer.Context, json: select.Json = False) -> None:
    """Show every setting and where it comes from."""
    obj: Context = context.obj
    sourced = obj.app().sourced
    settings, sources = sourced.settings, sourced.sources
    keys = keys_of(settings, make=False)
    if keys and not settings.signing_keys:
        sources = {**sources, "signing_keys": "embedded server"}
    values = {**asdict(settings), "url": safe_url(settings.url), "signing_keys": repr(keys)}  # how many, and their ids; no more
    if json:
        render.print_json({name: {"value": value, "source": sources[name]} for name, value in values.items()})
        return
    made = render.table("setting", "value", "source")
    for name, value in values.items():
        made.add_row(name, render.cell(value), sources[name])
    render.console().print(made)
