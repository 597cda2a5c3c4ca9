"""`TestApp`: an app whose jobs run in this process, when the test says so, by a clock that the test moves."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from exqueue.app import Exqueue
from exqueue.client.enqueue import Enqueuer
from exqueue.client.jobs import Job
from exqueue.model.codec import decode, find_worker
from exqueue.model.errors import CannotLoad
from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.model.options import Call, Configured
from exqueue.model.redact import Redact
from exqueue.model.schedule import next_tick
from exqueue.model.settings import Settings
from exqueue.model.steer import seconds_of
from exqueue.model.worker import Worker, WorkerSpec, check_worker, limits_of, queue_of, spec_of
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.timetable import Timetable
from exqueue.runtime.work import Post
from exqueue.store.invariants import broken
from exqueue.store.replies import Closed
from exqueue.testing import matching
from exqueue.testing.fake import Clock, open_fake
from exqueue.testing.hand import Hand, Ran
from exqueue.testing.matching import Wanted

Target = type[Any] | str | None  # a worker type, the name of a queue, or all queues


class TestApp(Exqueue):
    """An app on a fakeredis server of its own. Nothing runs by itself, and time stands still.

    Jobs run through the steps and the code of a worker process: pickled and unpickled, with middleware, callbacks and
    what follows them. What a job raises is its outcome; it escapes only where `raising` is set. Of several queues the
    first by name that has a job ready is served.
    """

    __test__: ClassVar[bool] = False  # for pytest, which takes every Test… for a test

    def __init__(self, settings: Settings | None = None) -> None:
        self._clock = Clock(time.time_ns() // 1_000_000 * 1000)
        super().__init__(settings=settings or Settings(url="fakeredis:", namespace="test"), channel=open_fake(self._clock))
        self._enqueuer = self._inline = _Enqueuer(self)
        self._known: dict[str, type[Worker]] = {}
        self._limits: dict[str, str] = {}
        self._specs: tuple[WorkerSpec, ...] = ()
        self._timetable = Timetable(self.store, self.reader, (), self.envelope())
        self._numbers = itertools.count(1)
        self._slots: set[str] = set()
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        """The time of this app: when the test began, and what it has moved the clock by."""
        return datetime.fromtimestamp(self._clock.now_us / 1_000_000, UTC)

    def advance(self, seconds: float | timedelta) -> None:
        """Move the clock, and do what is due by then as a runner would, but run no job: `advance(60)`.

        All that Redis times goes by it: delays, retries, snoozes, expiry, kept results, rate limits, and the schedules of
        workers that it serves. What clients note for people, such as `enqueued_at` and the time of an error, is the real time.
        """
        end = self._clock.after(seconds_of(seconds))
        while tick := self._next_tick(end):
            self._clock.now_us = tick
            self._timetable.look()
        self._clock.now_us = end
        self._care(self._names(None))

    def serve(self, *workers: type[Any]) -> None:
        """Let the schedules of these workers fire from now on, as a runner of theirs would: at each tick that `advance` passes."""
        self._specs = tuple(spec_of(check_worker(worker)) for worker in workers)
        self._timetable = Timetable(self.store, self.reader, self._specs, self.envelope())
        for spec in self._specs:
            self.store.announce(spec.queue)
        self._timetable.look()

    def run_one(self, worker: Target = None, *, raising: bool = False) -> Ran:
        """Run the next job that is ready, of this worker's queue or of any; what became of it.

        Raises:
            AssertionError: no job is ready; the message says what there is.
        """
        found = self._step(worker, raising=raising)
        if isinstance(found, Ran):
            return found
        raise AssertionError(f"no job is ready to run; {matching.overview(self)}")

    def drain(self, worker: Target = None, *, with_delayed: bool = False, limit: int = 1000, raising: bool = False) -> list[Ran]:
        """Run jobs until none is ready; what became of each start, in order.

        `with_delayed`: whenever none is ready, move the clock to where the next one will be, so that delayed jobs and
        retries run too.

        Raises:
            AssertionError: more than `limit` starts.
        """
        ran: list[Ran] = []
        while True:
            found = self._step(worker, raising=raising)
            if isinstance(found, Ran):
                ran.append(found)
                if len(ran) > limit:
                    raise AssertionError(f"more than {limit} starts, the last: {found!r}; does a job enqueue itself? Else raise limit")
            elif found is None or not with_delayed:
                return ran
            else:
                self._clock.advance(found)

    @contextmanager
    def inline(self, *, raising: bool = True) -> Iterator[None]:
        """Let each enqueue run what is ready before it returns, also inside of jobs. What waits for a time or a key waits on.

        `raising`: whether the exception of a job comes out of the enqueue; the job is settled before.
        """
        before, self._inline.then = self._inline.then, lambda: self.drain(raising=raising)
        try:
            yield
        finally:
            self._inline.then = before

    def assert_enqueued(self, worker: Any, *args: Any, key: str | None = None, count: int | None = None, **kwargs: Any) -> list[Job]:
        """See `exqueue.testing.assert_enqueued`."""
        __tracebackhide__ = True
        return matching.enqueued(self, Wanted.of(worker, args, kwargs, key=key, count=count), count)

    def refute_enqueued(self, worker: Any, *args: Any, key: str | None = None, **kwargs: Any) -> None:
        """See `exqueue.testing.refute_enqueued`."""
        __tracebackhide__ = True
        matching.enqueued(self, Wanted.of(worker, args, kwargs, key=key), 0)

    def assert_failed(
        self, worker: Any, *args: Any, error: str | None = None, key: str | None = None, count: int | None = None, **kwargs: Any
    ) -> list[Job]:
        """See `exqueue.testing.assert_failed`."""
        __tracebackhide__ = True
        return matching.failed(self, Wanted.of(worker, args, kwargs, error=error, key=key, count=count), count, error)

    def broken(self) -> list[str]:
        """What does not hold of all that must always hold; the fixture looks at it after each test."""
        return broken(self.channel, self.settings.namespace)

    def _next_tick(self, end: int) -> int | None:
        """The first tick of a served worker until then, µs since 1970."""
        now_ms = self._clock.now_us // 1000
        ticks = [next_tick(spec.schedule, now_ms) for spec in self._specs if spec.schedule]
        return min((tick * 1000 for tick in ticks if tick is not None and tick * 1000 <= end), default=None)

    def _names(self, worker: Target) -> list[str]:
        return self.reader.queues() if worker is None else [self.queue(worker).name]

    def _step(self, worker: Target, *, raising: bool) -> Ran | float | None:
        """Run one job; or say in how many seconds one may be ready, None if never by itself."""
        queues = self._names(worker)
        waits = [self._care(queues)]
        for queue in queues:
            found = self._start(queue, raising=raising)
            if isinstance(found, Ran):
                return found
            waits.append(found)
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _care(self, queues: list[str]) -> float | None:
        """What a runner does for its queues between jobs; seconds until the next delayed one is due."""
        specs = tuple(WorkerSpec("", queue, 1, 1) for queue in queues)
        caretaker = Caretaker(self.store, self.reader, Identity("test", "", 0, 0), specs, self.settings.lease)
        caretaker.deliver()
        return caretaker.promote()

    def _start(self, queue: str, *, raising: bool) -> Ran | float | None:
        with self._slot() as slot:
            post = Post(slot, "test", queue, "{}", self._limits_of(queue), self.envelope(), Redact.parse(self.settings.redact))
            hand = Hand(self.store, post, self._known, self._numbers)
            found = hand.start()
        if isinstance(found, Ran):
            hand.escape(found, raising=raising)
            return found
        # A limited queue says so also where nothing stands in its line.
        return found.seconds if isinstance(found, Closed) and self.reader.counts(queue).pending else None

    @contextmanager
    def _slot(self) -> Iterator[str]:
        """A slot that no job is running on: jobs may run inside of jobs, and in several threads."""
        with self._lock:
            slot = next(name for number in itertools.count(1) if (name := f"test.{number}") not in self._slots)
            self._slots.add(slot)
        try:
            yield slot
        finally:
            self._slots.discard(slot)

    def _limits_of(self, queue: str) -> str:
        """The limits of the worker type that the queue belongs to, once one of its jobs has been the next in line."""
        if queue not in self._limits:
            for record in itertools.islice(self.reader.all_in(queue, Place.PENDING), 1):
                worker = self._worker_of(record)
                if worker and queue_of(worker) == queue:
                    self._limits[queue] = limits_of(worker)
        return self._limits.get(queue, "")

    def _worker_of(self, record: JobRecord) -> type[Worker] | None:
        try:
            return find_worker(record.header.worker, self._known)
        except CannotLoad:
            pass
        try:  # it travels with the job
            return decode(record.header, matching.open_body(self, record, self.reader.bodies(record.queue, [record.id])[0]), self._known)[0]
        except CannotLoad:
            return None


class _Enqueuer(Enqueuer):
    """`then`: what to do once jobs are written."""

    def __init__(self, app: TestApp) -> None:
        super().__init__(app.store, app.reader, app.envelope, Redact.parse(app.settings.redact))
        self.then: Callable[[], object] = lambda: None

    def enqueue(self, target: type[Any] | Configured[Any], call: Call) -> Job:
        """As `Enqueuer.enqueue`."""
        return self.enqueue_many(target, [call])[0]

    def enqueue_many(self, target: type[Any] | Configured[Any], calls: Iterable[Call]) -> list[Job]:
        """Accept jobs, and run them if that is wanted."""
        jobs = super().enqueue_many(target, calls)
        self.then()
        return jobs
