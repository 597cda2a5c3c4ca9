"""A worker process: claim, run, settle, again; one job at a time, on one slot, with a connection of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never, overload

from exqueue.model import outcome as outcomes
from exqueue.model import policy as verdicts
from exqueue.model.codec import encode_result
from exqueue.model.errors import StoreError, StoreRefused
from exqueue.model.ids import ID_LENGTH
from exqueue.model.job import Claim, ErrorInfo, Progress
from exqueue.model.text import one_line, shorten
from exqueue.model.worker import Worker
from exqueue.runtime import callbacks, logs
from exqueue.runtime.delivery import deliver
from exqueue.runtime.execute import Execution, execute
from exqueue.store.channel import readable
from exqueue.store.reads import Reader
from exqueue.store.replies import Closed, Empty, Next, Settled, Stale, Unregistered
from exqueue.store.steps import Store

T = TypeVar("T")

BLOCK: Final = 2.0  # seconds in BLMOVE: the longest a connection that died silently can swallow a job
REFUSED_PAUSE: Final = 0.5
LOG: Final = logging.getLogger("exqueue.process")

ORDERLY: Final = 74  # exit code: ended because it was asked to; not 0, which is what a job's own exit would look like
FENCED: Final = 75  # exit code: our slot was closed by somebody who took us for dead


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker process stands. `info`: what `register` stores of it. `limits`: see `worker.limits_of`.

    `max_body`: bytes; of a result that is kept.
    """

    slot: str
    runner: str
    queue: str
    info: str
    limits: str = ""
    max_body: int = 16 * 1024 * 1024


class WorkerProcess:
    """The loop. Ends when asked to by SIGTERM, after the job it is running; a SIGKILL at any line loses nothing."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]]) -> None:
        self._store = store
        self._reader = Reader(store.channel, store.namespace)
        self._post = post
        self._known = known
        self._stopping = False
        self._claims = 0
        self._pid = os.getpid()
        self._wake, self._waker = os.pipe()

    def run(self) -> int:
        """Work until told to stop; the exit code of the process."""
        self._listen()
        # Blocked meanwhile: a SIGTERM that came between the fork and the child's default handler would be lost.
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
            after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
            after_in_child=self._become_ordinary,
        )
        post = self._post
        opened = self._insist("open its slot", self._register, give_up=lambda: self._stopping)
        if opened is not True:
            return ORDERLY if opened is None else FENCED
        claim: Claim | None = None
        while not self._stopping or claim:
            if claim:
                claim = self._work(claim)
                continue
            match self._insist("claim a job", self._next, give_up=lambda: self._stopping):
                case Claim() as claim:
                    pass
                case Unregistered():
                    LOG.warning(
                        "slot %s is closed: somebody took this process for dead, or the server was emptied; the process ends", post.slot
                    )
                    return FENCED
                case Empty() | Closed() | None:
                    pass
        return ORDERLY

    def _register(self) -> bool:
        post = self._post
        return self._store.register(post.queue, post.slot, post.info, post.runner)

    def _next(self) -> Next | Unregistered:
        # What the slot holds is asked for first: a move whose reply was lost, or that we were told to forget, lies there.
        found = self._claim()
        if isinstance(found, Claim | Unregistered) or self._stopping:
            return self._give_back(found)
        self._listen()  # again: a job may have changed the handlers or the wake-up descriptor
        closed = isinstance(found, Closed)
        seconds = min(BLOCK, found.seconds) if isinstance(found, Closed) and found.seconds is not None else BLOCK
        try:
            self._store.wait(self._post.queue, self._post.slot, max(seconds, 0.001), self._wake, closed=closed)
        except StoreRefused:  # a full server refuses to block; a claim it allows, or it says why not
            readable([self._wake], REFUSED_PAUSE)
        self._drain()
        return self._give_back(self._claim())

    def _claim(self) -> Next | Unregistered:
        post = self._post
        return self._store.claim(post.queue, post.slot, self._token(), post.limits)

    def _give_back(self, found: Next | Unregistered) -> Next | Unregistered:
        if isinstance(found, Claim) and self._stopping:  # it arrived together with the signal
            self._store.apply(found, self._post.slot, verdicts.Release())
            return Empty()
        return found

    def _work(self, claim: Claim) -> Claim | None:
        # Killed from here until the settlement is written: the job stays in our list and is recovered from there.
        if signal.getsignal(signal.SIGTERM) != self._stop:  # the job before has changed it
            self._listen()
        done = execute(claim, self._known, functools.partial(self._report, claim))
        self._end_if_forked()
        verdict = verdicts.settle(done.outcome, claim.run, done.policy, random.random())  # noqa: S311 (jitter)
        if isinstance(verdict, verdicts.Complete):
            return self._complete(claim, done)
        assert not isinstance(verdict, verdicts.Recover)  # noqa: S101 (a process that lives has not crashed)
        settled = self._insist("settle a job", lambda: self._store.apply(claim, self._post.slot, verdict))
        self._tell(claim, verdict, settled, done)
        return None

    def _complete(self, claim: Claim, done: Execution) -> Claim | None:
        post, worker = self._post, done.worker
        token = "" if self._stopping or callbacks.wants_success(worker) else self._token()
        keep_ms, result = self._kept(claim, done)
        reply = self._insist(
            "settle a job", lambda: self._store.complete(claim, post.slot, token, post.limits, keep_ms=keep_ms, result=result)
        )
        if isinstance(reply, Stale):
            self._tell_stale(claim)
            return None
        if claim.terms.chained:
            self._insist("enqueue what follows a job", lambda: deliver(self._store, self._reader, claim.queue), lambda: self._stopping)
        if worker is not None and callbacks.wants_success(worker) and isinstance(done.outcome, outcomes.Returned):
            callbacks.after_success(worker, done.outcome.result)
            self._end_if_forked()
        if isinstance(reply, Claim) and self._stopping:  # the signal came while the next job was on its way
            self._insist("put back a job", lambda: self._store.apply(reply, post.slot, verdicts.Release()))
            return None
        return reply if isinstance(reply, Claim) else None

    def _kept(self, claim: Claim, done: Execution) -> tuple[int, bytes]:
        """For how many ms the result is kept, and the result."""
        seconds = claim.header.keep if claim.header.keep is not None else done.keep
        if not seconds or not isinstance(done.outcome, outcomes.Returned):
            return 0, b""
        return max(1, round(seconds * 1000)), encode_result(done.outcome.result, self._post.max_body)

    def _report(self, claim: Claim, share: float, text: str) -> None:
        """How far a job is. Redis is asked once: what is only told to those who look is not worth an outage."""
        note = Progress(min(1.0, max(0.0, float(share))), shorten(str(text), 200), time.time_ns() // 1_000_000)
        try:
            self._store.report(claim, note)
        except StoreError as error:
            LOG.warning("%s: its progress could not be told: %s", describe(claim), error)

    def _tell(
        self, claim: Claim, verdict: verdicts.Retry | verdicts.Snooze | verdicts.Fail | verdicts.Release,
        settled: Settled | Stale, done: Execution,
    ) -> None:  # fmt: skip
        if isinstance(settled, Stale):
            self._tell_stale(claim)
            return
        name = describe(claim)
        match verdict:
            case verdicts.Retry(seconds, error):
                LOG.warning("%s: attempt %d failed, retry in %g s: %s", name, claim.run.attempt, seconds, said(error))
            case verdicts.Snooze(seconds):
                LOG.info("%s: snoozed for %g s", name, seconds)
            case verdicts.Fail(error, spent):
                what = "failed for good" if spent else "cannot be run"
                LOG.error("%s: %s (%s): %s\n%s", name, what, error.reason, said(error), error.traceback)
            case verdicts.Release():
                LOG.info("%s: put back", name)
            case _:
                assert_never(verdict)
        callbacks.after_trouble(done.worker, verdict)
        self._end_if_forked()

    @staticmethod
    def _tell_stale(claim: Claim) -> None:
        LOG.error("%s: its result is dropped: somebody else was given the job while this process ran it", describe(claim))

    @overload
    def _insist(self, what: str, action: Callable[[], T]) -> T: ...
    @overload
    def _insist(self, what: str, action: Callable[[], T], give_up: Callable[[], bool]) -> T | None: ...
    def _insist(self, what: str, action: Callable[[], T], give_up: Callable[[], bool] = lambda: False) -> T | None:
        """Repeat a step until Redis has answered. All of them give the same answer when asked again."""
        pause, told = 0.1, False
        while True:
            try:
                answer = action()
            except StoreError as error:
                if not told:
                    LOG.error("cannot %s, will go on trying: %s", what, error)
                    told = True
                if give_up():
                    return None
                readable([self._wake], pause)
                pause = min(pause * 2, 1.0)
                self._drain()
            else:
                if told:
                    LOG.info("Redis answers again")
                return answer

    def _end_if_forked(self) -> None:
        """A process that the job forked and that fell out of it must not go on as a second owner of the slot."""
        if os.getpid() != self._pid:
            logs.flush()
            os._exit(0)

    @staticmethod
    def _become_ordinary() -> None:
        """In what a job forks: SIGTERM ends it, and wakes nobody."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _token(self) -> str:
        self._claims += 1
        return f"{self._post.slot}/{self._claims}"

    def _listen(self) -> None:
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the runner; not SIG_IGN, which children would inherit
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # blocked by the fork server until now

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 512)


def describe(claim: Claim) -> str:
    """A job in a log line."""
    return f"{one_line(claim.header.worker, 100)} {one_line(claim.id, ID_LENGTH + 10)}({one_line(claim.header.args, 100)})"


def said(error: ErrorInfo) -> str:
    """An error in a log line."""
    return one_line(f"{error.type}: {error.message}")
