"""From values to tables and JSON. Whatever came out of Redis is escaped here before it meets a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exqueue.cli.select import SHOWN
from exqueue.client.jobs import Job
from exqueue.model.job import ErrorInfo, JobRecord
from exqueue.model.lifecycle import Place
from exqueue.model.text import one_line, printable
from exqueue.store.unreadable import Unreadable

NARROW: Final = 110  # columns of a terminal that has not room for all that is told of a job
LEAST: Final = 12  # columns below which a name or what a job is about tells nothing


class _Console(Console):
    def on_broken_pipe(self) -> None:
        reader_gone()


def reader_gone() -> None:
    """Whoever read our output has seen enough, as in `exqueue jobs list | head`: that is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)


def console(*, stderr: bool = False) -> Console:
    """A console; wide enough not to cut ids where there is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 180)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table; columns that begin with `#` hold numbers."""
    made = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in columns:
        wide = column in ("error", "arguments")
        made.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left", no_wrap=not wide, overflow="ellipsis")
    return made


def cell(text: object, limit: int = 200) -> Text:
    """Plain text: no markup, no control characters."""
    return Text(one_line(str(text), limit))


def shortened(name: str, most: int) -> str:
    """A name of a queue or key on one line, cut in the middle: its beginning and its end tell it from others."""
    text = one_line(name)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - (most - 1) // 2 :]}"


def print_json(value: Any) -> None:
    """JSON in ASCII, so that nothing in it can steer a terminal."""
    try:
        print(json.dumps(value, indent=2), flush=True)
    except BrokenPipeError:
        reader_gone()


def moment(ms: int) -> str:
    """A time as a person reads it, in the local zone; empty for 0."""
    return _datetime(ms).astimezone().strftime("%Y-%m-%d %H:%M:%S") if ms else ""


def iso(ms: int) -> str | None:
    """A time as a program reads it; None for 0."""
    return _datetime(ms).isoformat(timespec="milliseconds") if ms else None


def _datetime(ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def job_dict(record: JobRecord) -> dict[str, Any]:
    """A job as `--json` shows it."""
    header, run = record.header, record.run
    when = {Place.FAILED: "failed_at", Place.DELAYED: "due_at", Place.DONE: "kept_until"}.get(record.place)
    terms, note = record.terms, record.note
    return {
        "id": record.id, "queue": record.queue, "place": record.place.value, "worker": header.worker, "arguments": header.args,
        "enqueued_at": iso(header.at), **({when: iso(record.when)} if when else {}),
        "attempt": run.attempt, "failures": run.failures, "crashes": run.crashes, "started_at": iso(run.since), "slot": run.slot,
        "size": header.size, "pickled_by": header.by or ("" if header.problem else "reference"),
        "python": header.python, "cloudpickle": header.cloudpickle,
        "key": terms.key or None, "priority": terms.priority, "unique": terms.unique or None, "expires_at": iso(terms.expires),
        "progress": {"done": note.done, "text": note.text, "at": iso(note.when)} if note else None,
        "problem": header.problem, "errors": [error_dict(error) for error in record.errors],
    }  # fmt: skip


def error_dict(error: ErrorInfo) -> dict[str, Any]:
    """An error as `--json` shows it."""
    return {
        "reason": error.reason, "type": error.type, "message": error.message, "attempt": error.attempt,
        "when": iso(error.when), "where": error.where, "traceback": error.traceback,
    }  # fmt: skip


def job_table(jobs: Iterable[Job], *, errors: bool, width: int) -> Table:
    """A table of jobs. `width`: of the terminal; on a narrow one what `show` tells is left out, so that ids stay whole."""
    jobs = list(jobs)
    keyed = any(job.seen.terms.key for job in jobs)
    if width < NARROW:
        return _narrow_table(jobs, width, errors=errors, keyed=keyed)
    made = table("id", "queue", "place", *(["key"] if keyed else []), "#tries", "since", "arguments", *(["error"] if errors else []))
    for job in jobs:
        seen = job.seen
        since = moment(seen.when or seen.header.at)
        key = [Text(shortened(seen.terms.key, width // 4))] if keyed else []
        cells = [
            cell(job.id),
            Text(shortened(job.queue, width // 4)),
            cell(seen.place.value),
            *key,
            cell(seen.run.attempt),
            Text(since),
            cell(_what(seen)),
        ]
        made.add_row(*cells, *([cell(_error(seen), 120)] if errors else []))
    return made


def _narrow_table(jobs: list[Job], width: int, *, errors: bool, keyed: bool) -> Table:
    """What there is room for. First the tries are left out, then since when, then the arguments; never where a job is."""
    last = "error" if errors else "arguments"
    columns = ["id", "queue", *([] if errors else ["place"]), *(["key"] if keyed else []), "#tries", "since"]
    rows = [_narrow_row(job, width) for job in jobs]
    taken = {column: max(map(len, [column.lstrip("#"), *(row[column] for row in rows)])) for column in columns}
    droppable = ["since", "#tries"]
    while (room := width - sum(taken[column] + 2 for column in columns)) < LEAST and droppable:
        columns.remove(droppable.pop())
    told = errors or room >= LEAST
    made = table(*columns, *([last] if told else []))
    for column, name in zip(made.columns, columns, strict=False):
        column.min_width = taken[name]
    for job, row in zip(jobs, rows, strict=True):
        what = [cell(_error(job.seen) if errors else _what(job.seen), max(LEAST, room))] if told else []
        made.add_row(*(Text(row[column]) for column in columns), *what)
    return made


def _narrow_row(job: Job, width: int) -> dict[str, str]:
    seen, most = job.seen, max(LEAST, width // 4)
    return {
        "id": one_line(job.id), "queue": shortened(job.queue, most), "place": seen.place.value, "key": shortened(seen.terms.key, most),
        "#tries": str(seen.run.attempt), "since": moment(seen.when or seen.header.at)[5:16],
    }  # fmt: skip


def print_list(jobs: list[Job], what: str, first_only: bool, unreadable: Unreadable, *, json: bool, errors: bool) -> None:
    """A list of jobs as a table or as JSON; with `first_only`, one job too many says that there are more.

    Raises StoreCorrupt behind it for what is missing because it is `unreadable`.
    """
    more = first_only and len(jobs) > SHOWN
    shown = jobs[:SHOWN] if more else jobs
    if json:
        print_json([job_dict(job.seen) for job in shown])
    elif not shown:
        console().print(nothing(f"no {what}s", unreadable))
    else:
        out = console()
        out.print(job_table(shown, errors=errors, width=out.width))
        if more:
            console(stderr=True).print(f"the first {SHOWN} {what}(s); --all shows them all")
        elif errors and not unreadable:  # else they are not all, and the error behind this says so
            console(stderr=True).print(f"{len(shown)} {what}(s)")
    unreadable.raise_any()


def nothing(said: str, unreadable: Unreadable) -> str:
    """What is said in place of an empty list."""
    return "nothing else can be read" if unreadable else said


def _what(record: JobRecord) -> str:
    return record.header.problem or record.header.args


def progress_in_words(record: JobRecord) -> str:
    """How far it says it is: `40 % page 4 of 10`."""
    return f"{record.note.done:.0%} {record.note.text}".replace("%", " %", 1).rstrip() if record.note else ""


def _error(record: JobRecord) -> str:
    return f"{record.errors[-1].type}: {record.errors[-1].message}" if record.errors else ""


def print_job(record: JobRecord, out: Console, more: dict[str, str] | None = None) -> None:
    """All of one job, with the traceback of every attempt. `more`: what the record does not tell."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    shown = {**job_dict(record), "progress": progress_in_words(record), **(more or {})}
    for name, value in shown.items():
        if name != "errors" and value not in ("", None) and (name, value) != ("priority", 0):
            made.add_row(name, cell(value, 1000))
    out.print(made)
    for error in record.errors:
        out.print()
        out.print(Text(f"attempt {error.attempt}, {one_line(error.reason)}, {moment(error.when)}, {one_line(error.where)}", style="bold"))
        out.print(Text(printable(error.traceback.rstrip(), keep_newlines=True) or one_line(f"{error.type}: {error.message}", 1000)))
