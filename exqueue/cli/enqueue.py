"""`exqueue enqueue`: one job from the command line."""

from __future__ import annotations

import ast
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from exqueue.cli import render, select
from exqueue.cli.act import meaning
from exqueue.cli.context import Context
from exqueue.model.errors import ConfigError, EnqueueUnknown, StoreError
from exqueue.model.options import Configured
from exqueue.runtime.targets import load_targets


@meaning("enqueue")
def enqueue(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="module:Worker")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments: Python literals, else text; name=value for keywords.", show_default=False)
    ] = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds until it may run.")] = 0.0,
    at: Annotated[str | None, typer.Option(help="Not before this time, with its zone: 2027-01-01T08:00+01:00.", show_default=False)] = None,
    key: Annotated[str | None, typer.Option(help="Jobs of one key run one at a time, in order.", show_default=False)] = None,
    priority: Annotated[int | None, typer.Option(help="-1000 to 1000; higher runs first.", show_default=False)] = None,
    unique: Annotated[str | None, typer.Option(help="While a job of this name exists, no other is enqueued.", show_default=False)] = None,
    queue: Annotated[str | None, typer.Option(help="Instead of the worker's own.", show_default=False)] = None,
    job_id: Annotated[
        str | None, typer.Option("--id", help="Enqueueing it again with the same id is harmless.", show_default=False)
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds it may run, instead of the worker's own.", show_default=False)] = None,
    expires: Annotated[float | None, typer.Option(help="Seconds by which it must have started, or it fails.", show_default=False)] = None,
    keep_result: Annotated[
        float | None, typer.Option(help="Seconds its result is kept, instead of the worker's own; 0 for not at all.", show_default=False)
    ] = None,
    json: select.Json = False,
) -> None:
    """Enqueue one job: exqueue enqueue app.workers:SyncInvoices 42 full=True."""
    obj: Context = context.obj
    sys.path.insert(0, str(Path.cwd()))
    workers = load_targets([target])
    if len(workers) != 1:
        raise ConfigError(f"{target} has several workers; say which: {target}:{workers[0].__name__}")
    args, kwargs = parse_arguments(arguments or [])
    options: Configured[Any] = Configured(
        workers[0], delay=delay, at=_moment(at), key=key, priority=priority, unique=unique, queue=queue, id=job_id,
        timeout=timeout, expires=expires, keep_result=keep_result,
    )  # fmt: skip
    try:
        job = obj.app().enqueue(options, *args, **kwargs)
    except StoreError as error:
        raise _repeatable(error) from error
    render.print_json({"id": job.id, "queue": job.queue, "new": job.new}) if json else print(job.id)
    if not job.new and not json:
        print("this job exists already, or was accepted before; none was enqueued", file=sys.stderr)


def _repeatable(error: StoreError) -> StoreError:
    """The same error; where nobody can say whether the job is there, with what makes it safe to ask again."""
    if not error.uncertain or not error.ids:
        return error
    again = "" if isinstance(error, EnqueueUnknown) else "; the job may be there all the same: enqueue it again with the same id"
    return StoreError(f"{error}{again}: --id {error.ids[0]}", uncertain=True, ids=error.ids)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at {text!r} is no time: write it like 2027-01-01T08:00+01:00") from None


def parse_arguments(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """`["42", "full=True", "plain"]` -> `([42, "plain"], {"full": True})`."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name.isidentifier():
            kwargs[name] = _literal(value)
        else:
            args.append(_literal(text))
    return args, kwargs


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
