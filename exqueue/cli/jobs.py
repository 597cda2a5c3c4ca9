"""`exqueue jobs`: look at jobs wherever they are, cancel those that have not begun, stop those that have."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.act import Yes, carry_out, confirm, meaning, report
from exqueue.cli.context import Context
from exqueue.cli.select import Selection, act_on, most
from exqueue.model.codec import result_in_words
from exqueue.model.errors import NotPossible, ResultUnavailable
from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.store.unreadable import Unreadable

cli: Final = typer.Typer(no_args_is_help=True)

_PLACES: Final = (Place.PROCESSING, Place.PENDING, Place.WAITING, Place.DELAYED, Place.FAILED, Place.DONE)
_NOT_BEGUN: Final = (Place.PENDING, Place.WAITING, Place.DELAYED)
Running = Annotated[bool, typer.Option("--running", help="Also those that run: ask them to stop, and do not wait.")]
PlaceOption = Annotated[Place | None, typer.Option("--place", help="Only in this place.", show_default=False)]


@cli.command("list")
def list_(
    context: typer.Context, ids: select.Ids = None, place: PlaceOption = None, worker: select.Worker = None,
    queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """List jobs: running ones, the line, those that wait for their key, those for later, failed, done (100 unless --limit or --all)."""
    obj: Context = context.obj
    places = [place] if place and place is not Place.NONE else _PLACES
    unreadable = Unreadable()
    found = Selection(ids, worker, queue, error, since, most(limit, all_), key=key).listed(obj.app(), unreadable, *places)
    render.print_list(found, "job", limit is None and not all_, unreadable, json=json, errors=False)


@cli.command()
def show(context: typer.Context, job_id: str, json: select.Json = False) -> None:
    """Show one job, wherever it is, with the error of every attempt so far."""
    obj: Context = context.obj
    app = obj.app()
    record = app.job(job_id).record()
    unreadable = Unreadable()
    more = _more(app, record, unreadable)
    if json:
        render.print_json({**render.job_dict(record), **more})
    else:
        render.print_job(record, render.console(), more)
    unreadable.raise_any()


def _more(app: Exqueue, record: JobRecord, unreadable: Unreadable) -> dict[str, str]:
    """What the record does not tell: in which process it runs, what it returned."""
    more = {}
    with unreadable:
        slot = next((slot for slot in app.reader.slots(record.queue) if slot.slot == record.run.slot), None)
        more["process"] = f"{slot.hostname}:{slot.pid}" if slot else ""
    with unreadable:
        try:
            if raw := app.reader.result(record.queue, record.id):
                more["result"] = result_in_words(raw)
        except ResultUnavailable as error:
            more["result"] = str(error)
    return more


@cli.command()
@meaning("cancel")
def cancel(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None, key: select.Key = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False,
    running: Running = False, yes: Yes = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Remove jobs that have not begun (pending, waiting or delayed); with --running also stop those that have."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_, key)
    selection.insist()
    places = (*_NOT_BEGUN, Place.PROCESSING) if running else _NOT_BEGUN
    for job in [app.job(job_id) for job_id in ids or []]:  # wherever they are, so that the answer can say where
        if (where := job.state()) not in places:
            advice = "--running stops it" if where is Place.PROCESSING else "only jobs that have not begun can be cancelled"
            raise NotPossible(job.id, where.value, "cancel", advice)
    unreadable = Unreadable()
    chosen = selection.chosen(app, unreadable, *places)
    count = sum(map(len, chosen.values()))
    if not ids:
        confirm("cancel", "job(s)", count, yes=yes)
    cancelled = carry_out(act_on(chosen, app.store.cancel, unreadable), "cancelled", count)
    asked = {"asked to stop": sum(act_on(chosen, app.store.stop, unreadable))} if running else {}
    report("cancelled", cancelled, unreadable, json=json, also=asked)
