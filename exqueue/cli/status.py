"""`exqueue status` and `exqueue config`: what there is, and what is set."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.job import Counts
from exqueue.model.settings import keys_of
from exqueue.model.text import one_line
from exqueue.runtime.host import host_id, is_alive
from exqueue.store.connection import safe_url
from exqueue.store.slotinfo import SlotInfo


def status(context: typer.Context, json: select.Json = False) -> None:
    """Show all queues: how many jobs are where, and how many worker processes serve them."""
    obj: Context = context.obj
    app = obj.app()
    rows = [(queue.name, queue.counts(), alive(app.reader.slots(queue.name))) for queue in app.queues()]
    if json:
        render.print_json({
            "url": safe_url(app.settings.url), "namespace": app.settings.namespace,
            "queues": [{"queue": name, **asdict(counts), "processes": slots, "adds_up": counts.adds_up} for name, counts, slots in rows],
        })  # fmt: skip
        return
    _print(rows)


def alive(slots: list[SlotInfo]) -> int:
    """How many of these worker processes live; of those on other hosts, only their runners' silence will tell.

    A slot that does not say whose it is serves nothing: the doctor and fsck tell of it.
    """
    here = host_id()
    return sum(1 for slot in slots if slot.runner and (slot.host != here or is_alive(slot.pid, slot.start)))


def queue_table(rows: list[tuple[str, Counts, int]]) -> Table:
    """A table of queues: name, counts, living worker processes."""
    columns = ("pending", "waiting", "delayed", "processing", "failed", "completed", "deleted")
    kept = any(counts.done for _, counts, _ in rows)
    made = render.table("queue", *(f"#{name}" for name in columns), *(["#done"] if kept else []), "#processes", "")
    for name, counts, slots in rows:
        numbers = [getattr(counts, column) for column in columns] + ([counts.done] if kept else []) + [slots]
        cells = [Text(str(number), style="bold red" if column == 4 and number else "") for column, number in enumerate(numbers)]
        notes = [*(["paused"] if counts.paused else []), *([f"{counts.blocked} blocked key(s)"] if counts.blocked else [])]
        made.add_row(render.cell(name), *cells, Text(", ".join(notes), style="bold red"))
    return made


def _print(rows: list[tuple[str, Counts, int]]) -> None:
    out = render.console()
    made = queue_table(rows)
    out.print(made if rows else "no queues yet: a queue exists once its first job does")
    unserved = [name for name, counts, slots in rows if counts.unfinished and not slots]
    if unserved:
        out.print(Text(f"nobody serves {one_line(', '.join(unserved))}; start a runner: exqueue run MODULE"))
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
