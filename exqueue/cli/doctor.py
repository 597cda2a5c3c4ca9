"""`exqueue doctor`: what is wrong with the server, the queues and this host, and what to do about it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.text import Text

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.errors import StoreRefused
from exqueue.model.facts import Facts, Finding, Level
from exqueue.model.queue_checks import examine, unsigned
from exqueue.model.schema import SCHEMA
from exqueue.model.settings import keys_of
from exqueue.runtime.host import can_die_with_parent
from exqueue.store.queue_facts import queue_facts
from exqueue.store.server_facts import server_facts
from exqueue.store.unreadable import Unreadable

Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings, too.")]

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red", Level.UNKNOWN: "dim"}


def doctor(context: typer.Context, strict: Strict = False, json: select.Json = False) -> None:
    """Check server, queues and host. Writes nothing. Exit code 1 if anything is an error."""
    obj: Context = context.obj
    found = examine(gather(obj.app()))
    bad = sum(1 for finding in found if finding.level is Level.ERROR or (strict and finding.level is Level.WARNING))
    if json:
        render.print_json({"ok": not bad, "checks": [asdict(finding) for finding in found]})
    else:
        _print(found)
    if bad:
        raise typer.Exit(1)


def gather(app: Exqueue) -> Facts:
    """All facts. Raises StoreUnavailable when the server cannot be reached."""
    server, *others = server_facts(app.channel, app.settings.url)
    schema = read_schema(app)
    unreadable = Unreadable()
    queues = queue_facts(app.reader, unsigned, unreadable) if schema <= SCHEMA else None
    now = int((time.time() + (server.skew or 0.0)) * 1000)
    return Facts(
        server, queues, now, can_die_with_parent(), accepts_loss=app.settings.accept_data_loss, schema=schema, others=tuple(others),
        has_keys=bool(keys_of(app.settings, make=False)), unreadable=tuple(unreadable.faults),
    )  # fmt: skip


def read_schema(app: Exqueue) -> int:
    """The number of the schema; ours where this user may not read it, since then nothing else can be read either."""
    try:
        return app.reader.schema()
    except StoreRefused:
        return SCHEMA


def _print(found: list[Finding]) -> None:
    out = render.console()
    for finding in found:
        level = Text(f"{finding.level.value:9}", style=_STYLES[finding.level])
        out.print(level, Text(f"{finding.check:12}"), render.cell(finding.says, 400), sep="")
        if finding.advice:
            out.print(Text(f"{'':21}{finding.advice}", style="dim"))
    count = {level: sum(1 for finding in found if finding.level is level) for level in Level}
    out.print(Text(", ".join(f"{number} {level.value}" for level, number in count.items() if number)))
