"""The schedules of a runner's workers: which ticks are due, by the clock of Redis, and their jobs. Runs no user code.

Killed between looking and firing, it has changed nothing: the tick is still due for whoever looks next.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import Final

from exqueue.model.chain import NewJob
from exqueue.model.codec import encode_by_name
from exqueue.model.envelope import Envelope
from exqueue.model.errors import StoreError, StoreUnavailable
from exqueue.model.job import Terms
from exqueue.model.schedule import Cron, Recorded, check_cron, describe, due, job_id
from exqueue.model.worker import WorkerSpec
from exqueue.store.reads import Reader
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.timetable")
AHEAD_MS: Final = 60_000  # a record so far ahead of the clock shows that the clock was set back


class Timetable:
    """Fires the schedules of these workers. `look` may raise StoreUnavailable; it is safe to repeat."""

    def __init__(self, store: Store, reader: Reader, specs: tuple[WorkerSpec, ...], envelope: Envelope | None = None) -> None:
        """Raises ConfigError where a schedule means nothing in this process, for want of time zone data."""
        self._envelope = envelope or Envelope(store.namespace)
        self._store = store
        self._reader = reader
        self._specs = specs
        self._unseen = {spec.queue for spec in specs}
        self._scheduled = {spec.queue for spec in specs if spec.schedule}
        self._same_name = Counter((spec.queue, spec.short) for spec in specs)
        self._told: set[str] = set()
        for spec in specs:
            if spec.schedule:
                check_cron(f"{spec.short}.schedule", spec.schedule)

    def look(self) -> None:
        """Fire what is due. One request for each queue with a schedule; none at all, from the second look on, without any."""
        for queue in sorted(self._unseen | self._scheduled):
            try:
                self._look_at(queue)
            except StoreUnavailable:
                raise
            except StoreError as error:  # a full server, or a foreign key: no reason to keep other jobs from running
                self._tell(queue, f"cannot fire the schedules of {queue}, will go on trying: {error}")
            else:
                self._told.discard(queue)

    def _look_at(self, queue: str) -> None:
        now_ms, records = self._reader.schedules(queue)
        for spec in (spec for spec in self._specs if spec.queue == queue):
            record = records.get(spec.name)
            if spec.schedule:
                self._consider(spec, spec.schedule, record, now_ms)
            elif record and queue in self._unseen:
                self._store.unschedule(queue, spec.name)
        self._unseen.discard(queue)

    def _consider(self, spec: WorkerSpec, schedule: Cron, record: Recorded | None, now_ms: int) -> None:
        # Another expression only when first seen: two versions of an application may run side by side for a while.
        if record is None or (spec.queue in self._unseen and not record.is_of(schedule)):
            self._store.schedule(spec.queue, spec.name, now_ms, describe(schedule))
            return
        if record.last_ms > now_ms + AHEAD_MS:
            LOG.warning("the clock of Redis was set back behind the last tick of %s; what has fired does not fire again", spec.name)
            self._store.schedule(spec.queue, spec.name, now_ms, describe(schedule), future_ms=record.last_ms)
            return
        tick_ms = due(schedule, record.last_ms, now_ms)
        if tick_ms is not None:
            self._fire(spec, tick_ms, describe(schedule), self._job(spec, tick_ms, now_ms))

    def _fire(self, spec: WorkerSpec, tick_ms: int, described: str, job: NewJob) -> None:
        match self._store.fire(spec.queue, spec.name, tick_ms, described, job):
            case "fired":
                LOG.info("%s is due: enqueued %s", spec.name, job.id)
            case "known":
                LOG.warning("%s is due, but there is a job %s in %s already; none was enqueued", spec.name, job.id, spec.queue)
            case _:
                pass  # another runner was faster

    def _job(self, spec: WorkerSpec, tick_ms: int, now_ms: int) -> NewJob:
        """The job of a tick. What a worker's class options say of its jobs belongs here."""
        name = spec.short if self._same_name[spec.queue, spec.short] == 1 else spec.name
        header, body = encode_by_name(spec.name, now_ms)
        header, made_id, terms = replace(header, keep=spec.keep), job_id(name, tick_ms), Terms.decode(spec.terms.encode())
        return NewJob(made_id, header, self._envelope.close(spec.queue, made_id, terms, header, body), spec.terms)

    def _tell(self, about: str, what: str) -> None:
        if about not in self._told:
            LOG.error("%s", what)
        self._told.add(about)
