"""From a call to a stored job: check, pickle, write. Nothing is written unless all of it can be."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from exqueue.client.jobs import Job
from exqueue.model import codec
from exqueue.model.arguments import check_arguments
from exqueue.model.chain import Link, NewJob, encode_chain
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError
from exqueue.model.ids import new_id
from exqueue.model.job import Terms
from exqueue.model.names import check_name
from exqueue.model.options import Call, Configured, Follower, due_of, keep_of, seconds_option, terms_of
from exqueue.model.redact import Redact
from exqueue.model.text import one_line
from exqueue.model.worker import ATTRIBUTES, Worker, check_worker, queue_of
from exqueue.store.reads import Reader
from exqueue.store.steps import Store

_LOOK: Final = operator.attrgetter("__module__", "__qualname__", "perform", *ATTRIBUTES)


class Enqueuer:
    """Writes jobs to one namespace. `envelope`: what to sign and pack bodies with, asked for when there is one."""

    def __init__(self, store: Store, reader: Reader, envelope: Callable[[], Envelope], redact: Redact) -> None:
        self._store = store
        self._reader = reader
        self._envelope = envelope
        self._redact = redact
        self._plans: WeakKeyDictionary[type[Any], tuple[tuple[Any, ...], Plan]] = WeakKeyDictionary()

    def enqueue(self, target: type[Any] | Configured[Any], call: Call) -> Job:
        """Accept one job. When this returns, it is in Redis. Errors: see `enqueue_many`."""
        plan = self._plan(target)
        [job] = self._make(plan, [call])
        if plan.options.id is None and not plan.due and not job.terms and not job.chain:
            known = self._store.push(plan.queue, job)
        else:
            [known] = self._store.enqueue(plan.queue, [job], plan.due)
        return self._accepted(plan, job, known)

    def enqueue_many(self, target: type[Any] | Configured[Any], calls: Iterable[Call]) -> list[Job]:
        """Accept jobs in this order, up to a hundred in one step.

        Raises:
            ConfigError: an option has a value of the wrong kind; nothing was written, as with the next two.
            BadArguments: `perform` cannot be called so.
            EncodeError: something cannot be pickled or is too large.
            StoreUnavailable, StoreRefused: if `uncertain`, jobs may be stored; enqueueing again with the same `id` is safe.
            EnqueueUnknown: they were written, but too few replicas have confirmed it; the same holds.
        """
        plan, calls = self._plan(target), list(calls)
        _check_single(plan.options, len(calls))
        jobs = self._make(plan, calls)
        known = self._store.enqueue(plan.queue, jobs, plan.due)
        return [self._accepted(plan, job, found) for job, found in zip(jobs, known, strict=True)]

    def _accepted(self, plan: Plan, job: NewJob, known: str) -> Job:
        # An id made here cannot have been there before: if the step says so, it was its own reply that was lost.
        new = not known or (plan.options.id is None and known == job.id)
        return Job(self._store, self._reader, plan.queue, known or job.id, new=new)

    def _plan(self, target: type[Any] | Configured[Any]) -> Plan:
        """That of a worker without options is kept, for as long as the class stays as it was."""
        if isinstance(target, Configured):
            return plan_of(target)
        if not (isinstance(target, type) and issubclass(target, Worker) and hasattr(target, "perform")):
            return plan_of(Configured(target))  # raises
        now = _LOOK(target)
        before, plan = self._plans.get(target, ((), None))
        if plan is None or not all(map(operator.is_, before, now)):
            plan = plan_of(Configured(target))
            self._plans[target] = now, plan
        return plan

    def _make(self, plan: Plan, calls: list[Call]) -> list[NewJob]:
        now, envelope = time.time_ns() // 1_000_000, self._envelope()
        for call in calls:
            if not isinstance(call, Call):
                raise ConfigError(f"enqueue_many takes calls, got {one_line(repr(type(call)))}; write call(...) for each job")
            check_arguments(plan.worker, call.args, call.kwargs)
        return [self._job(plan, call, now, envelope) for call in calls]

    def _job(self, plan: Plan, call: Call, now: int, envelope: Envelope) -> NewJob:
        header, body = codec.encode(plan.worker, call, now, envelope.max_body, self._redact)
        if plan.timeout is not None or plan.keep is not None:
            header = replace(header, timeout=plan.timeout, keep=plan.keep)
        job_id = new_id() if plan.options.id is None else check_name("job id", plan.options.id)
        chain = encode_chain([self._follow(follower) for follower in plan.options.then]) if plan.options.then else b""
        return NewJob(job_id, header.encode(), envelope.close(plan.queue, job_id, plan.terms, header, body), plan.encoded, chain)

    def _follow(self, follower: Follower) -> Link:
        """A job of a chain has its id from the start: however often it is delivered, it is one job."""
        plan = plan_of(follower.options)
        return Link(plan.queue, plan.due, self._make(plan, [follower.call])[0])


@dataclass(frozen=True, slots=True)
class Plan:
    """What the jobs of one enqueue have in common, checked. `encoded`: the terms as they are written. Others: see `options`."""

    worker: type[Worker]
    options: Configured[Any]
    queue: str
    due: str
    terms: Terms
    encoded: str
    timeout: float | None
    keep: float | None


def plan_of(options: Configured[Any]) -> Plan:
    """Raises ConfigError."""
    worker = check_worker(options.worker)
    _check_followers(options)
    terms = terms_of(options)
    timeout, keep = seconds_option("timeout", options.timeout), keep_of(options)
    queue = queue_of(worker) if options.queue is None else check_name("queue", options.queue)
    return Plan(worker, options, queue, due_of(options), terms, terms.encode(), timeout, keep)


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
