"""What a worker process does with a job it has claimed: execute, settle, tell. Knows no loop and no signals."""

from __future__ import annotations

import functools
import logging
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never, overload

from exqueue.model import outcome as outcomes
from exqueue.model import policy as verdicts
from exqueue.model.codec import encode_result
from exqueue.model.envelope import PLAIN, Envelope
from exqueue.model.errors import StoreError
from exqueue.model.ids import ID_LENGTH
from exqueue.model.job import Claim, ErrorInfo, Progress
from exqueue.model.redact import NOTHING, Redact
from exqueue.model.text import duration, one_line, shorten
from exqueue.model.worker import Worker
from exqueue.runtime import callbacks, logs
from exqueue.runtime.board import number_of
from exqueue.runtime.delivery import deliver
from exqueue.runtime.errors import MESSAGE_LIMIT
from exqueue.runtime.execute import Around, Execution, execute
from exqueue.runtime.watch import Watch
from exqueue.store.reads import Reader
from exqueue.store.replies import Settled, Stale
from exqueue.store.steps import Store

T = TypeVar("T")

LOG: Final = logging.getLogger("exqueue.process")


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker process stands. `info`: what `register` stores of it. `limits`: see `worker.limits_of`.

    `envelope`: what verifies bodies, and signs results. `redact`: what errors do not show. `lease`: seconds without a beat
    after which others may recover what this host's processes run; 0 where no runner beats. `host`: as in `SlotInfo`, where it
    has other worker processes. `batch`: most jobs claimed at once.
    """

    slot: str
    runner: str
    queue: str
    info: str
    limits: str = ""
    envelope: Envelope = PLAIN
    redact: Redact = NOTHING
    lease: float = 0.0
    host: str = ""
    batch: int = 1


class Work:
    """One job at a time on one slot. `watch`: who may stop it, and whether no other job shall be claimed after it."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]], watch: Watch | None = None) -> None:
        self._store = store
        self._reader = Reader(store.channel, store.namespace)
        self._post = post
        self._known = known
        self._watch = watch or Watch()
        self._claims = 0
        self._pid = os.getpid()

    def _work(self, claim: Claim) -> Claim | None:
        # Killed from here until the settlement is written: the job stays in our list and is recovered from there.
        chance = random.random()  # noqa: S311 (jitter)
        done = self._execute(claim, chance)
        with logs.masked(done.mask):
            return self._settle(claim, done, verdicts.settle(done.outcome, claim.run, done.policy, chance))

    def _execute(self, claim: Claim, chance: float, around: Around | None = None) -> Execution:
        if not self._watch.admit(number_of(claim.token)):
            return Execution(outcomes.Cancelled(), verdicts.Policy())
        report, post = functools.partial(self._report, claim), self._post
        done = execute(
            claim, self._known, self._watch, chance, report=report, around=around, envelope=post.envelope, redact=post.redact
        )  # fmt: skip
        self._end_if_forked()
        return done

    def _settle(self, claim: Claim, done: Execution, verdict: verdicts.Verdict) -> Claim | None:
        if isinstance(verdict, verdicts.Complete):
            return self._complete(claim, done)
        assert not isinstance(verdict, verdicts.Recover)  # noqa: S101 (a process that lives has not crashed)
        settled = self._insist("settle a job", lambda: self._store.apply(claim, self._post.slot, verdict))
        self._tell(claim, verdict, settled, done)
        return None

    def _complete(self, claim: Claim, done: Execution) -> Claim | None:
        post, worker = self._post, done.worker
        token = "" if not self._may_begin() or callbacks.wants_success(worker) else self._following()
        keep_ms, result = self._kept(claim, done)
        reply = self._insist(
            "settle a job", lambda: self._store.complete(claim, post.slot, token, post.limits, keep_ms=keep_ms, result=result)
        )
        if isinstance(reply, Stale):
            self._tell_stale(claim)
            return None
        if claim.terms.chained:
            self._follow(claim)
        self._succeeded(done)
        if isinstance(reply, Claim) and not self._may_begin():  # the signal came while the next job was on its way
            self._put_back(reply)
            return None
        return reply if isinstance(reply, Claim) else None

    def _put_back(self, *claims: Claim) -> None:
        """Jobs that were claimed and have not begun, in their order."""
        for claim in claims:
            self._insist("put back a job", functools.partial(self._store.apply, claim, self._post.slot, verdicts.Release()))

    def _following(self) -> str:
        """The token of the job that is claimed together with a settlement; empty for none."""
        return self._token()

    def _succeeded(self, done: Execution) -> None:
        worker = done.worker
        if worker is not None and callbacks.wants_success(worker) and isinstance(done.outcome, outcomes.Returned):
            callbacks.after_success(worker, done.outcome.result)
            self._end_if_forked()

    def _may_begin(self) -> bool:
        """Whether another job may be begun."""
        return not self._watch.stopping

    def _follow(self, claim: Claim) -> None:
        """Enqueue what follows a job, if that can be done now: it is in the outbox, and the runner will try again."""
        try:
            deliver(self._store, self._reader, claim.queue, claim.id)
        except StoreError as error:
            LOG.warning("%s: what follows it cannot be enqueued now, the runner will go on trying: %s", describe(claim), error)

    def _kept(self, claim: Claim, done: Execution) -> tuple[int, bytes]:
        """For how many ms the result is kept, and the result."""
        seconds = claim.header.keep if claim.header.keep is not None else done.keep
        if not seconds or not isinstance(done.outcome, outcomes.Returned):
            return 0, b""
        envelope = self._post.envelope
        result = encode_result(done.outcome.result, envelope.max_body)
        return max(1, round(seconds * 1000)), envelope.close_result(claim.queue, claim.id, result)

    def _report(self, claim: Claim, share: float, text: str) -> None:
        """How far a job is. Redis is asked once: what is only told to those who look is not worth an outage."""
        note = Progress(min(1.0, max(0.0, float(share))), shorten(str(text), 200), time.time_ns() // 1_000_000)
        try:
            self._store.report(claim, note)
        except StoreError as error:
            LOG.warning("%s: its progress could not be told: %s", describe(claim), error)

    def _tell(self, claim: Claim, verdict: verdicts.Settling, settled: Settled | Stale, done: Execution) -> None:
        if isinstance(settled, Stale):
            self._tell_stale(claim)
            return
        name = describe(claim)
        match verdict:
            case verdicts.Retry(seconds, error):
                LOG.warning("%s: attempt %d failed, retry in %s: %s", name, claim.run.attempt, duration(seconds), said(error))
            case verdicts.Snooze(seconds):
                LOG.info("%s: snoozed for %s", name, duration(seconds))
            case verdicts.Fail(error, spent):
                what, why = ("failed for good", said(error)) if spent else ("cannot be run", one_line(error.message, MESSAGE_LIMIT))
                LOG.error("%s: %s (%s): %s\n%s", name, what, error.reason, why, error.traceback)
            case verdicts.Release():
                LOG.info("%s: put back", name)
            case verdicts.Discard():
                LOG.info("%s: cancelled while it ran, and removed", name)
            case _:
                assert_never(verdict)
        callbacks.after_trouble(done.worker, verdict)
        self._end_if_forked()

    @staticmethod
    def _tell_stale(claim: Claim) -> None:
        LOG.error(
            "%s: its result is dropped: meanwhile the job was given to somebody else, or Redis lost that it ran here", describe(claim)
        )

    @overload
    def _insist(self, what: str, action: Callable[[], T]) -> T: ...
    @overload
    def _insist(self, what: str, action: Callable[[], T], give_up: Callable[[], bool]) -> T | None: ...
    def _insist(self, what: str, action: Callable[[], T], give_up: Callable[[], bool] = lambda: False) -> T | None:  # noqa: ARG002
        """A step that must be done; here once, a process of its own repeats it until Redis has answered."""
        return action()

    def _end_if_forked(self) -> None:
        """A process that the job forked and that fell out of it must not go on as a second owner of the slot."""
        if os.getpid() != self._pid:
            logs.flush()
            os._exit(0)

    def _token(self) -> str:
        self._claims += 1
        return f"{self._post.slot}/{self._claims}"


def describe(claim: Claim) -> str:
    """A job in a log line."""
    return f"{one_line(claim.header.worker, 100)} {one_line(claim.id, ID_LENGTH + 10)}({one_line(claim.header.args, 100)})"


def said(error: ErrorInfo) -> str:
    """An error in a log line."""
    return one_line(f"{error.type}: {error.message}")
