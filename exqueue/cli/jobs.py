"""`exqueue jobs`: look at jobs wherever they are, cancel those that have not begun."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.cli.failed import Yes, by_queue, confirm, report
from exqueue.cli.select import Selection
from exqueue.client.jobs import Job
from exqueue.model.errors import NotPossible
from exqueue.model.lifecycle import Place

cli: Final = typer.Typer(no_args_is_help=True)

_PLACES: Final = (Place.PROCESSING, Place.PENDING, Place.DELAYED, Place.FAILED)
PlaceOption = Annotated[Place | None, typer.Option("--place", help="Only in this place.", show_default=False)]


@cli.command("list")
def list_(
    context: typer.Context, ids: select.Ids = None, place: PlaceOption = None, worker: select.Worker = None, queue: select.Queue = None,
    since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """List jobs: running ones first, then the line, then those for later, then failed ones (100 unless --limit or --all)."""
    obj: Context = context.obj
    app, most = obj.app(), None if all_ else (limit or 100)
    found: list[Job] = []
    for where in [place] if place and place is not Place.NONE else _PLACES:
        left = None if most is None else most - len(found)
        if left is None or left > 0:
            found += Selection(None, worker, queue, None, since, left).jobs(app, where)
    if ids:
        found = [job for job in found if any(job.id.startswith(start) for start in ids)]
    if json:
        render.print_json([render.job_dict(job.seen) for job in found])
        return
    made, count = render.job_table(found, errors=False)
    render.console().print(made if count else "no jobs")


@cli.command()
def show(context: typer.Context, job_id: str, json: select.Json = False) -> None:
    """Show one job, wherever it is, with the error of every attempt so far."""
    obj: Context = context.obj
    record = obj.app().job(job_id).record()
    render.print_json(render.job_dict(record)) if json else render.print_job(record, render.console())


@cli.command()
def cancel(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None,
    since: select.Since = None, limit: select.Limit = None, all_: select.All = False, yes: Yes = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Remove jobs that have not begun (pending or delayed)."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(None, worker, queue, None, since, limit, all_)
    Selection(ids, worker, queue, None, since, limit, all_).insist()
    if ids:
        found = [app.job(job_id) for job_id in ids]
        for job in found:
            if (where := job.state()) not in (Place.PENDING, Place.DELAYED):
                raise NotPossible(job.id, where.value, "cancel", "only jobs that have not begun can be cancelled")
    else:
        found = selection.jobs(app, Place.PENDING) + selection.jobs(app, Place.DELAYED)
        confirm("cancel", "job(s)", len(found), yes=yes)
    report("cancelled", sum(app.store.cancel(name, chosen) for name, chosen in by_queue(found).items()), json=json)
