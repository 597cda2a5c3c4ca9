"""The selectors every list takes, and the jobs they stand for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Final

import typer

from exqueue.app import Exqueue
from exqueue.client.jobs import Job, Jobs, Step, hundreds
from exqueue.model.errors import ConfigError, NotInPlace
from exqueue.model.lifecycle import Place
from exqueue.store.unreadable import Unreadable

SHOWN: Final = 100
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, or their beginnings.", show_default=False)]
Worker = Annotated[str | None, typer.Option(help="Only of this worker (part of its name).", show_default=False)]
Queue = Annotated[str | None, typer.Option(help="Only of this queue.", show_default=False)]
Key = Annotated[str | None, typer.Option(help="Only of this ordering key; '*' is that of a serial worker.", show_default=False)]
Error = Annotated[str | None, typer.Option(help="Only with this text in the last error.", show_default=False)]
Since = Annotated[str | None, typer.Option(help="Only since then: 90s, 15m, 2h, 3d, or a date and time.", show_default=False)]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for on the command line."""

    ids: list[str] | None = None
    worker: str | None = None
    queue: str | None = None
    error: str | None = None
    since: str | None = None
    limit: int | None = None
    all: bool = False
    key: str | None = None

    def listed(self, app: Exqueue, unreadable: Unreadable, *places: Place) -> list[Job]:
        """The jobs of these places that are meant; an id may be a beginning that fits several. `unreadable` keeps what is not read."""
        return list(islice(self._each(app, unreadable, places), self.limit))

    def chosen(self, app: Exqueue, unreadable: Unreadable, *places: Place) -> dict[str, list[str]]:
        """The ids of the jobs that shall be acted upon, by queue: each one that was given must fit exactly one job.

        A whole id is looked for in what can be read; for the beginning of one all of it must be.
        """
        if not self.ids:
            return _by_queue(islice(self._each(app, unreadable, places), self.limit))
        missed = Unreadable()
        found = list(self._each(app, missed, places))
        if not {*self.ids} <= {job.id for job in found}:
            missed.raise_any()
        meant = {self._one(found, start, places[0]) for start in self.ids}
        return _by_queue([job for job in found if job in meant][: self.limit])

    def _each(self, app: Exqueue, unreadable: Unreadable, places: Sequence[Place]) -> Iterator[Job]:
        return (job for place in places for job in unreadable.through(self._jobs(app, place)))

    def count(self, app: Exqueue, place: Place) -> int:
        """How many shall be acted upon, of those that can be read; unless they are all jobs of the place, all are read for that."""
        skipped = Unreadable()  # told by what acts upon them
        if self.ids:
            return sum(map(len, self.chosen(app, skipped, place).values()))
        found = 0
        for jobs in self._jobs(app, place).each():
            with skipped:
                found += len(jobs)
        return found if self.limit is None else min(found, self.limit)

    def act(self, app: Exqueue, step: Step, place: Place, unreadable: Unreadable) -> Iterator[int]:
        """Do this to the jobs that are meant, a hundred at a time; for how many it was done each time."""
        if self.ids:
            return act_on(self.chosen(app, unreadable, place), step, unreadable)
        return unreadable.through(self._jobs(app, place).act(step, self.limit))

    def is_all(self, app: Exqueue, place: Place) -> bool:
        """Whether to count them takes no time."""
        return not self.ids and not self._jobs(app, place).is_filtered

    @staticmethod
    def _one(found: list[Job], start: str, place: Place) -> Job:
        fitting = [job for job in found if job.id == start] or [job for job in found if job.id.startswith(start)]
        if len(fitting) > 1:
            raise ConfigError(f"{len(fitting)} jobs begin with {start!r}; give more of the id")
        if not fitting:
            raise NotInPlace(start, place.value)
        return fitting[0]

    def insist(self) -> None:
        """Raise unless something was selected: nothing acts on all jobs by an oversight."""
        if not (self.ids or self.worker or self.queue or self.key or self.error or self.since or self.all):
            raise ConfigError("say which jobs: ids, --worker, --queue, --key, --error, --since, or --all")
        if self.ids and self.all:
            raise ConfigError("give ids or --all, not both")

    def _jobs(self, app: Exqueue, place: Place) -> Jobs:
        since = None if self.since is None else parse_since(self.since, time.time())
        return app.jobs(place, self.queue).filter(worker=self.worker, error=self.error, since=since, ids=self.ids, key=self.key)


def act_on(chosen: dict[str, list[str]], step: Step, unreadable: Unreadable) -> Iterator[int]:
    """Do this to these jobs, a hundred at a time, in each queue up to where it cannot be done; for how many each time."""
    for queue, ids in chosen.items():
        yield from unreadable.through(step(queue, some) for some in hundreds(ids))


def _by_queue(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """Ids by queue, in their order."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        found.setdefault(job.queue, []).append(job.id)
    return found


def parse_since(text: str, now: float) -> float:
    """Seconds since 1970 of `2h` (ago), or of an ISO date and time (local unless it says otherwise)."""
    if match := re.fullmatch(r"(\d+)([smhdw])", text.strip()):
        return now - int(match[1]) * UNITS[match[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(f"--since {text!r} is no time: use 90s, 15m, 2h, 3d, 1w, or a date like 2026-11-23T08:00") from None


def most(limit: int | None, all_: bool) -> int | None:
    """How many jobs a list reads: one more than it shows by default, to know whether there are more."""
    return None if all_ else limit or SHOWN + 1
