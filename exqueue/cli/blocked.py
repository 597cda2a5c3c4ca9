"""`exqueue blocked`: keys whose head has failed for good, and how to let them go on."""

from __future__ import annotations

from typing import Final

import typer

from exqueue.cli import render, select
from exqueue.cli.act import by_queue, report
from exqueue.cli.context import Context
from exqueue.cli.select import Selection
from exqueue.client.jobs import Job
from exqueue.model.lifecycle import Place

cli: Final = typer.Typer(no_args_is_help=True)


@cli.command("list")
def list_(context: typer.Context, queue: select.Queue = None, json: select.Json = False) -> None:
    """List the keys that a failed job blocks, longest first: nothing of them runs until a person acts."""
    obj: Context = context.obj
    app = obj.app()
    found = sorted((key for key in app.blocked() if queue in (None, key.queue)), key=lambda key: key.since)
    errors = {key: app.reader.last_errors(key.queue, [key.head])[0] for key in found}
    if json:
        render.print_json([
            {"queue": key.queue, "key": key.key, "head": key.head, "since": render.iso(key.since), "waiting": key.waiting,
             "error": render.error_dict(error) if (error := errors[key]) else None}
            for key in found
        ])  # fmt: skip
        return
    made = render.table("key", "queue", "head", "since", "#waiting", "error")
    for key in found:
        error = errors[key]
        said = render.cell(f"{error.type}: {error.message}" if error else "", 120)
        made.add_row(*map(render.cell, (key.key, key.queue, key.head, render.moment(key.since), key.waiting)), said)
    render.console().print(made if found else "no key is blocked")
    if found:
        print("go on with one: exqueue failed requeue HEAD (runs it again, first), blocked skip HEAD, or failed delete HEAD")


@cli.command()
def skip(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Let the keys that these failed jobs block go on without them; the jobs stay in failed."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_, key)
    selection.insist()
    found: list[Job] = selection.chosen(app, Place.FAILED)
    report("skipped", sum(app.store.skip(name, chosen) for name, chosen in by_queue(found).items()), json=json)
