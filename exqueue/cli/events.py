"""`exqueue events`: what has happened, and what happens."""

from __future__ import annotations

import json as json_
from dataclasses import asdict
from typing import Annotated

import typer

from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.event import Event
from exqueue.model.text import one_line
from exqueue.store.unreadable import Unreadable


def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    queue: select.Queue = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of those that are past.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the last events: enqueued, claimed, completed, retried, failed, blocked … of each queue some 10,000 are kept."""
    obj: Context = context.obj
    app = obj.app()
    stream, unreadable = app.events(queue, history=True), Unreadable()
    for event in stream.past(limit, unreadable=unreadable):
        _print(event, json=json)
    unreadable.raise_any()
    if follow:
        for event in stream:
            _print(event, json=json)


def _print(event: Event, *, json: bool) -> None:
    try:
        if json:
            print(json_.dumps({**asdict(event), "at": render.iso(event.at)}), flush=True)
        else:
            name, *words = (one_line(word) for word in (event.name, event.queue, event.job, event.more))
            print(" ".join((render.moment(event.at), f"{name:<10}", *words)).rstrip(), flush=True)
    except BrokenPipeError:
        render.reader_gone()
