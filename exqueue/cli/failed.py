"""`exqueue failed`: what a person does about jobs that failed for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import typer

from exqueue.cli import render, select
from exqueue.cli.act import Yes, carry_out, confirm, meaning, report
from exqueue.cli.context import Context
from exqueue.cli.select import Selection, most
from exqueue.model.errors import NotPossible
from exqueue.model.lifecycle import Place
from exqueue.store.unreadable import Unreadable

cli: Final = typer.Typer(no_args_is_help=True)


@cli.command("list")
def list_(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """List failed jobs, oldest first (100 unless --limit or --all)."""
    obj: Context = context.obj
    unreadable = Unreadable()
    found = Selection(ids, worker, queue, error, since, most(limit, all_), key=key).listed(obj.app(), unreadable, Place.FAILED)
    render.print_list(found, "failed job", limit is None and not all_, unreadable, json=json, errors=True)


@cli.command()
def show(context: typer.Context, job_id: str, json: select.Json = False) -> None:
    """Show one failed job with the error of every attempt."""
    obj: Context = context.obj
    record = obj.app().job(job_id).record()
    if record.place is not Place.FAILED:
        raise NotPossible(record.id, record.place.value, "show", f"exqueue jobs show {record.id}")
    render.print_json(render.job_dict(record)) if json else render.print_job(record, render.console())


@cli.command()
@meaning("requeue")
def requeue(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Run failed jobs again, with all their retries."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_, key)
    selection.insist()
    total = selection.count(app, Place.FAILED) if selection.is_all(app, Place.FAILED) else None
    unreadable = Unreadable()
    done = carry_out(selection.act(app, app.store.requeue, Place.FAILED, unreadable), "requeued", total)
    report("requeued", done, unreadable, json=json)


@cli.command()
@meaning("delete")
def delete(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False,
    yes: Yes = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Remove failed jobs for good."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_, key)
    selection.insist()
    total = None
    if not yes or selection.is_all(app, Place.FAILED):
        total = selection.count(app, Place.FAILED)
        confirm("delete", "failed job(s)", total, yes=yes)
        selection = replace(selection, limit=total)  # what fails meanwhile was not asked about; it comes after these
    unreadable = Unreadable()
    done = carry_out(selection.act(app, app.store.delete, Place.FAILED, unreadable), "deleted", total)
    report("deleted", done, unreadable, json=json)
