"""From a call to a stored job: check, pickle, write. Nothing is written unless all of it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from exqueue.client.jobs import Job
from exqueue.model import codec
from exqueue.model.chain import Link, NewJob, encode_chain
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError
from exqueue.model.ids import new_id
from exqueue.model.names import check_name
from exqueue.model.options import Call, Configured, Follower, due_of, keep_of, seconds_option, terms_of
from exqueue.model.redact import Redact
from exqueue.model.text import one_line
from exqueue.model.worker import check_arguments, check_worker, queue_of
from exqueue.store.reads import Reader
from exqueue.store.steps import Store


class Enqueuer:
    """Writes jobs to one namespace. `envelope`: what to sign and pack bodies with, asked for when there is one."""

    def __init__(self, store: Store, reader: Reader, envelope: Callable[[], Envelope], redact: Redact) -> None:
        self._store = store
        self._reader = reader
        self._envelope = envelope
        self._redact = redact

    def enqueue(self, target: type[Any] | Configured[Any], call: Call) -> Job:
        """Accept one job. When this returns, it is in Redis. Errors: see `enqueue_many`."""
        return self.enqueue_many(target, [call])[0]

    def enqueue_many(self, target: type[Any] | Configured[Any], calls: Iterable[Call]) -> list[Job]:
        """Accept jobs in this order, up to a hundred in one step.

        Raises:
            ConfigError: an option has a value of the wrong kind; nothing was written, as with the next two.
            BadArguments: `perform` cannot be called so.
            EncodeError: something cannot be pickled or is too large.
            StoreUnavailable, StoreRefused: if `uncertain`, jobs may be stored; enqueueing again with the same `id` is safe.
            EnqueueUnknown: they were written, but too few replicas have confirmed it; the same holds.
        """
        options = target if isinstance(target, Configured) else Configured(target)
        calls = list(calls)
        _check_followers(options)
        _check_single(options, len(calls))
        queue, due = _queue_of(options), due_of(options)
        jobs = self._make(options, calls)
        known = self._store.enqueue(queue, jobs, due)
        # An id made here cannot have been there before: if the step says so, it was its own reply that was lost.
        made = options.id is None
        return [
            Job(self._store, self._reader, queue, found or job.id, new=not found or (made and found == job.id))
            for job, found in zip(jobs, known, strict=True)
        ]

    def _make(self, options: Configured[Any], calls: list[Call]) -> list[NewJob]:
        worker, now = check_worker(options.worker), time.time_ns() // 1_000_000
        queue, terms, envelope = _queue_of(options), terms_of(options), self._envelope()
        timeout, keep = seconds_option("timeout", options.timeout), keep_of(options)
        for call in calls:
            if not isinstance(call, Call):
                raise ConfigError(f"enqueue_many takes calls, got {one_line(repr(type(call)))}; write call(...) for each job")
            check_arguments(worker, call.args, call.kwargs)
        jobs = []
        for call in calls:
            header, body = codec.encode(worker, call, now, envelope.max_body, self._redact)
            header = replace(header, timeout=timeout, keep=keep)
            job_id = new_id() if options.id is None else check_name("job id", options.id)
            chain = encode_chain([self._follow(follower) for follower in options.then])
            jobs.append(NewJob(job_id, header, envelope.close(queue, job_id, terms, header, body), terms.encode(), chain))
        return jobs

    def _follow(self, follower: Follower) -> Link:
        """A job of a chain has its id from the start: however often it is delivered, it is one job."""
        options = follower.options
        return Link(_queue_of(options), due_of(options), self._make(options, [follower.call])[0])


def _queue_of(options: Configured[Any]) -> str:
    return queue_of(check_worker(options.worker)) if options.queue is None else check_name("queue", options.queue)


def _check_single(options: Configured[Any], count: int) -> None:
    """An id or a unique name is that of one job; so is that of a job that follows each of several."""
    for name in ("id", "unique"):
        if getattr(options, name) is not None and count > 1:
            raise ConfigError(f"one {name} ({getattr(options, name)!r}) cannot stand for {count} jobs; leave out {name}=")
    for follower in options.then:
        _check_single(follower.options, count)


def _check_followers(options: Configured[Any]) -> None:
    """What follows is a list of jobs, and no two of them go by one id or one unique name of a queue."""
    followers = options.then if isinstance(options.then, list | tuple) else [options.then]
    wrong = [follower for follower in followers if not isinstance(follower, Follower)]
    if wrong or followers is not options.then:
        got = one_line(repr(type(wrong[0]))) if wrong else "one without a list around it"
        raise ConfigError(f"then takes jobs, got {got}; write then=[SendMail.options().call(...)]")
    names = [(_queue_of(follower.options), name, value) for follower in options.then for name in ("id", "unique")
             if (value := getattr(follower.options, name)) is not None]  # fmt: skip
    for queue, name, value in names:
        if names.count((queue, name, value)) > 1:
            raise ConfigError(f"two jobs in then have the {name} {value!r}, so one of them would be left out; give them different ones")
    for follower in options.then:
        _check_followers(follower.options)
