"""`exqueue fsck`: whether everything is as it must be, and what can be set right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from exqueue.cli import render
from exqueue.cli.act import meaning
from exqueue.cli.context import Context
from exqueue.cli.select import Json
from exqueue.model.errors import ConfigError
from exqueue.model.text import one_line
from exqueue.store.audit import Auditor
from exqueue.store.fsck import check
from exqueue.store.keyspace import exists
from exqueue.store.repair import Repair, Repaired
from exqueue.store.rules import Finding

Queues = Annotated[list[str] | None, typer.Option("--queue", metavar="NAME", help="Only this queue.", show_default=False)]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is printed of one finding."""

    finding: Finding
    did: str = ""

    def as_json(self) -> dict[str, Any]:
        found = self.finding
        told = {"queue": found.queue, "invariant": found.invariant, "id": found.key, "line": found.line, "advice": found.advice}
        return {**told, "repairable": found.repairable, "repaired": self.did or None}

    def as_text(self) -> str:
        found = self.finding
        after = f" -> {self.did}" if self.did else "; --repair sets it right" if found.repairable else f"; {found.advice}"
        whose = f"{found.queue}: " if found.queue else ""  # what is in no queue: the list of queues, a key with an open brace
        return one_line(f"{whose}{found.invariant}: {found.line}{after}", 2000)


@meaning("audit")
def fsck(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Set right what is safe to set right while runners work.")] = False,
    queues: Queues = None,
    json: Json = False,
) -> None:
    """Check that every job is in its place and everything adds up, while runners work; exit code 1 if something is found."""
    obj: Context = context.obj
    app = obj.app()
    registered = app.reader.queues()  # also those that are missing there can be looked at: that is one of the faults
    unknown = [queue for queue in queues or [] if queue not in registered and not exists(app.store, queue)]
    if unknown:
        raise ConfigError(f"there is no queue {one_line(unknown[0])!r}; without --queue all are looked at")

    def wait() -> None:
        lease = max([app.settings.lease, *(Auditor(app.store, queue).longest_lease() for queue in {*app.reader.queues(), *(queues or [])})])
        render.console(stderr=True).print(f"waiting {lease:g} s to see whether processes live whose slots are unknown")
        time.sleep(lease)

    repaired = Repair(app.store, queues, wait).run() if repair else iter(())
    found = (
        (_Found(done.finding, done.did) if isinstance(done, Repaired) else _Found(done))
        for done in _both(repaired, check(app.store, queues))
    )
    left = _print_json(found) if json else _print(found)
    if left:
        raise typer.Exit(1)


def _both(repaired: Iterator[Repaired], left: Iterator[Finding]) -> Iterator[Repaired | Finding]:
    yield from repaired
    yield from left  # looked at anew, when nothing is left to repair


def _print_json(found: Iterator[_Found]) -> int:
    rows = [row.as_json() for row in found]
    render.print_json({"findings": rows})
    return sum(row["repaired"] is None for row in rows)


def _print(found: Iterator[_Found]) -> int:
    out, left, done = render.console(), 0, 0
    for row in found:
        out.print(Text(row.as_text()), soft_wrap=True)
        left, done = left + (not row.did), done + bool(row.did)
    mended = f"{done} repaired; " if done else ""
    out.print(f"{mended}{left} finding(s)" if left else f"{mended}all is well")
    return left
