"""`exqueue failed`: what a person does about jobs that failed for good."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.cli.select import Selection
from exqueue.client.jobs import Job
from exqueue.model.errors import ConfigError, NotPossible
from exqueue.model.lifecycle import Place

cli: Final = typer.Typer(no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@cli.command("list")
def list_(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """List failed jobs, oldest first (100 unless --limit or --all)."""
    obj: Context = context.obj
    found = Selection(ids, worker, queue, error, since, None if all_ else (limit or 101)).jobs(obj.app(), Place.FAILED)
    more = limit is None and not all_ and len(found) > 100
    found = found[:100] if more else found
    if json:
        render.print_json([render.job_dict(job.seen) for job in found])
        return
    out = render.console()
    made, count = render.job_table(found, errors=True)
    if count:
        out.print(made)
        render.console(stderr=True).print(f"{'the first ' if more else ''}{count} failed job(s){'; --all shows them all' if more else ''}")
    else:
        out.print("no failed jobs")


@cli.command()
def show(context: typer.Context, job_id: str, json: select.Json = False) -> None:
    """Show one failed job with the error of every attempt."""
    obj: Context = context.obj
    record = obj.app().job(job_id).record()
    if record.place is not Place.FAILED:
        raise NotPossible(record.id, record.place.value, "show", f"exqueue jobs show {record.id}")
    render.print_json(render.job_dict(record)) if json else render.print_job(record, render.console())


@cli.command()
def requeue(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Run failed jobs again, with all their retries."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_)
    selection.insist()
    done = sum(app.store.requeue(name, found) for name, found in by_queue(selection.jobs(app, Place.FAILED)).items())
    report("requeued", done, json=json)


@cli.command()
def delete(
    context: typer.Context, ids: select.Ids = None, worker: select.Worker = None, queue: select.Queue = None,
    error: select.Error = None, since: select.Since = None, limit: select.Limit = None, all_: select.All = False,
    yes: Yes = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Remove failed jobs for good."""
    obj: Context = context.obj
    app, selection = obj.app(), Selection(ids, worker, queue, error, since, limit, all_)
    selection.insist()
    found = selection.jobs(app, Place.FAILED)
    confirm("delete", "failed job(s)", len(found), yes=yes)
    report("deleted", sum(app.store.delete(name, chosen) for name, chosen in by_queue(found).items()), json=json)


def by_queue(jobs: list[Job]) -> dict[str, list[str]]:
    """Ids by queue, in their order."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        found.setdefault(job.queue, []).append(job.id)
    return found


def confirm(action: str, what: str, count: int, *, yes: bool) -> None:
    """Say how many, and ask; without a terminal `--yes` must have been given."""
    if not count or yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"this would {action} {count} {what} for good; add --yes")
    typer.confirm(f"{action} {count} {what} for good?", abort=True)


def report(word: str, count: int, *, json: bool) -> None:
    """Say what was done; exit code 1 if that was nothing."""
    if json:
        render.print_json({word: count})
    else:
        print(f"{word} {count} job(s)")
    if not count:
        raise typer.Exit(1)
