"""From a call to a stored job: check, pickle, write. Nothing is written unless all of it can be."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from exqueue.client.jobs import Job
from exqueue.model import codec
from exqueue.model.errors import ConfigError
from exqueue.model.ids import new_id
from exqueue.model.settings import Settings
from exqueue.model.text import one_line
from exqueue.model.worker import Call, Configured, check_arguments, check_name, check_worker, queue_of
from exqueue.store.reads import Reader
from exqueue.store.steps import NewJob, Store


class Enqueuer:
    """Writes jobs to one namespace."""

    def __init__(self, store: Store, reader: Reader, settings: Settings) -> None:
        self._store = store
        self._reader = reader
        self._max_body = settings.max_body

    def enqueue(self, target: type[Any] | Configured[Any], call: Call) -> Job:
        """Accept one job. When this returns, it is in Redis. Errors: see `enqueue_many`."""
        return self.enqueue_many(target, [call])[0]

    def enqueue_many(self, target: type[Any] | Configured[Any], calls: Iterable[Call]) -> list[Job]:
        """Accept jobs in this order, up to a hundred in one step.

        Raises:
            BadArguments: `perform` cannot be called so; nothing was written.
            EncodeError: something cannot be pickled or is too large; nothing was written.
            StoreUnavailable: Redis could not be reached; if `uncertain`, enqueueing again with the same `id` is safe.
        """
        options = target if isinstance(target, Configured) else Configured(target)
        worker, calls = check_worker(options.worker), list(calls)
        if options.id is not None:
            check_name("job id", options.id)
            if len(calls) > 1:
                raise ConfigError(f"one id ({options.id!r}) cannot stand for {len(calls)} jobs; leave out id=")
        if not isinstance(options.delay, int | float) or not 0 <= options.delay < 10**10:
            raise ConfigError(f"delay is {options.delay!r}; it takes seconds from now on, 0 for at once")
        for call in calls:
            if not isinstance(call, Call):
                raise ConfigError(f"enqueue_many takes calls, got {one_line(repr(type(call)))}; write call(...) for each job")
            check_arguments(worker, call.args, call.kwargs)
        now = time.time_ns() // 1_000_000
        jobs = [NewJob(options.id or new_id(), *codec.encode(worker, call, now, self._max_body)) for call in calls]
        queue = queue_of(worker)
        fresh = self._store.enqueue(queue, jobs, round(options.delay * 1000))
        # An id made here cannot have been there before: if the step says so, it was its own reply that was lost.
        made = options.id is None
        return [Job(self._store, self._reader, queue, job.id, new=new or made) for job, new in zip(jobs, fresh, strict=True)]
