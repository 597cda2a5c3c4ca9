"""`exqueue health`: for probes. One line, an exit code, nothing written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.text import one_line
from exqueue.runtime.host import host_id
from exqueue.store.foreign import check_queue
from exqueue.store.pulse import SLOWEST, Pulse, refusal
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.unreadable import Unreadable

Queues = Annotated[list[str] | None, typer.Option("--queue", metavar="NAME", help="Only this queue.", show_default=False)]
Workers = Annotated[
    list[str] | None, typer.Option("--worker", metavar="NAME", help="Only the queues of this worker type.", show_default=False)
]
Here = Annotated[bool, typer.Option("--here", help="Only runners of this host (container) count, and their queues, with jobs or not.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds that a runner gets to show a beat.")]


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen. `refused`: why Redis takes no writes. `served`, `unserved`: the queues that were to be served.

    `unreadable`: what somebody else wrote to queues that were to be looked at, a line each.
    """

    refused: str = ""
    served: list[str] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    missing: str = ""
    unreadable: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether all is well."""
        return not (self.refused or self.unserved or self.missing or self.unreadable)

    def __str__(self) -> str:
        if self.refused:
            return f"Redis takes no writes: {self.refused}"
        unserved = [f"no runner beats for {one_line(', '.join(self.unserved))}"] if self.unserved else []
        if bad := [*([self.missing] if self.missing else []), *unserved, *self.unreadable]:
            return "; and ".join(bad)
        return f"healthy: Redis takes writes; {one_line(', '.join(self.served)) or 'nothing to run'}{' served' if self.served else ''}"


def health(
    context: typer.Context, queues: Queues = None, workers: Workers = None, here: Here = False, wait: Wait = SLOWEST + 1,
    json: select.Json = False,
) -> None:  # fmt: skip
    """Tell whether Redis takes writes and a runner beats for each queue with jobs. Exit codes: 0 yes, 1 no, 2 wrong usage, 3 unknown."""
    obj: Context = context.obj
    found = look(obj.app(), queues or [], workers or [], here=here, wait=wait)
    if json:
        render.print_json({"healthy": found.well, **asdict(found)})
    else:
        render.console().print(render.cell(found, 1000), soft_wrap=True)  # one line, however long
    if not found.well:
        raise typer.Exit(1)


def look(app: Exqueue, queues: list[str], workers: list[str], *, here: bool, wait: float) -> Health:
    """Look. Returns as soon as each queue that is to be served was seen to be; `wait`: seconds at most.

    Raises StoreCorrupt, `here`, if it cannot be said whether our runners are well: to restart them would mend nothing.
    """
    if refused := refusal(app.reader):
        return Health(refused=refused)
    unreadable = Unreadable()
    slots = _slots(app, queues if not workers else [], unreadable)
    if missing := _missing(slots, queues, [] if unreadable else workers):
        return Health(missing=missing)
    wanted = [name for name in slots if not (queues or workers) or name in queues or _types(name, slots[name]) & set(workers)]
    mine = {name: {slot.runner for slot in slots[name] if slot.host == host_id()} for name in wanted}
    if here and not any(mine.values()):
        unreadable.raise_any()
        return Health(missing="no runner of this host has a worker process there")
    todo = [name for name in wanted if mine[name]] if here else _with_jobs(app, wanted, unreadable)
    seen = Pulse(app.reader, todo, unreadable)

    def beaten(name: str) -> bool:
        return bool(seen.beating[name] & mine[name] if here else seen.beating[name])

    seen.watch(lambda _: all(beaten(name) or not seen.known[name] for name in todo), wait)
    served, unserved = [name for name in todo if beaten(name)], [name for name in todo if not beaten(name)]
    if here and {*unserved} <= seen.blind:
        unreadable.raise_any()
    return Health(served=served, unserved=unserved, unreadable=unreadable.faults)


def _slots(app: Exqueue, chosen: list[str], unreadable: Unreadable) -> dict[str, list[SlotInfo]]:
    """The open slots of every queue; none where they cannot be read. Of whom they are is then not known, which matters unless only
    other queues were `chosen`.
    """
    slots: dict[str, list[SlotInfo]] = {}
    for name in app.reader.queues():
        slots[name] = []
        with unreadable if not chosen or name in chosen else Unreadable():
            slots[name] = app.reader.slots(name)
    return slots


def _with_jobs(app: Exqueue, names: list[str], unreadable: Unreadable) -> list[str]:
    """Which of these queues have jobs that shall run."""
    found = []
    for name in names:
        with unreadable:
            check_queue(app.reader, name)
            found += [name] if app.reader.counts(name).unfinished else []
    return found


def _missing(slots: dict[str, list[SlotInfo]], queues: list[str], workers: list[str]) -> str:
    """What is to be looked at, but not known to anybody; empty if all is known."""
    absent = [name for name in queues if name not in slots]
    if absent:
        return f"there is no queue {one_line(', '.join(absent))} yet"
    known = set[str]().union(*(_types(name, slots[name]) for name in slots))
    unknown = [name for name in workers if name not in known]
    return f"no worker {one_line(', '.join(unknown))} is known: no runner serves it, and no queue has its name" if unknown else ""


def _types(name: str, slots: list[SlotInfo]) -> set[str]:
    """The worker types of a queue, by either name: those that are served, and the one whose queue is called as it is."""
    served = {slot.worker for slot in slots}
    return {*served, *(worker.rpartition(":")[2] for worker in served), name}
