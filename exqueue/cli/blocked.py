"""`exqueue blocked`: keys whose head has failed for good, and how to let them go on."""

from __future__ import annotations

import heapq
from itertools import groupby, islice
from typing import Final

import typer

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.act import carry_out, meaning, report
from exqueue.cli.context import Context
from exqueue.cli.select import SHOWN, Selection, most
from exqueue.model.job import ErrorInfo
from exqueue.model.lifecycle import Place
from exqueue.store.reads import PAGE, BlockedKey
from exqueue.store.unreadable import Unreadable

cli: Final = typer.Typer(no_args_is_help=True)


@cli.command("list")
def list_(
    context: typer.Context, queue: select.Queue = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False
) -> None:  # fmt: skip
    """List the keys that a failed job blocks, longest first (100 unless --limit or --all): nothing of them runs until a person acts."""
    obj: Context = context.obj
    app, unreadable = obj.app(), Unreadable()
    names = [name for name in app.reader.queues() if queue in (None, name)]
    keys = heapq.merge(*(unreadable.through(app.reader.each_blocked(name)) for name in names), key=lambda key: key.since)
    found = list(islice(keys, most(limit, all_)))
    more = limit is None and not all_ and len(found) > SHOWN
    found = found[:SHOWN] if more else found
    errors = _errors(app, found, unreadable)
    if json:
        render.print_json([
            {"queue": key.queue, "key": key.key, "head": key.head, "since": render.iso(key.since), "waiting": key.waiting,
             "error": render.error_dict(error) if (error := errors.get(key)) else None}
            for key in found
        ])  # fmt: skip
    else:
        _print(found, errors, unreadable)
    if more and not json:
        render.console(stderr=True).print(f"the first {SHOWN} blocked key(s); --all shows them all")
    unreadable.raise_any()


def _print(found: list[BlockedKey], errors: dict[BlockedKey, ErrorInfo | None], unreadable: Unreadable) -> None:
    made = render.table("key", "queue", "head", "since", "#waiting", "error")
    for key in found:
        error = errors.get(key)
        said = render.cell(f"{error.type}: {error.message}" if error else "", 120)
        made.add_row(*map(render.cell, (key.key, key.queue, key.head, render.moment(key.since), key.waiting)), said)
    render.console().print(made if found else render.nothing("no key is blocked", unreadable))
    if found:
        print("go on with one: exqueue failed requeue HEAD (runs it again, first), blocked skip HEAD, or failed delete HEAD")


def _errors(app: Exqueue, keys: list[BlockedKey], unreadable: Unreadable) -> dict[BlockedKey, ErrorInfo | None]:
    """The last error of each head, in one request for each queue and page."""
    found: dict[BlockedKey, ErrorInfo | None] = {}
    for queue, together in groupby(sorted(keys, key=lambda key: key.queue), lambda key: key.queue):
        while some := list(islice(together, PAGE)):
            with unreadable:
                found.update(zip(some, app.reader.last_errors(queue, [key.head for key in some]), strict=True))
    return found


@cli.command()
@meaning("skip")
def skip(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Let the keys that these failed jobs block go on without them; the jobs stay in failed."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_, key)
    selection.insist()
    unreadable = Unreadable()
    done = carry_out(selection.act(app, app.store.skip, Place.FAILED, unreadable), "skipped", None)
    report("skipped", done, unreadable, json=json)
