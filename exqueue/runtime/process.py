"""A worker process: claim, run, settle, again; one job at a time, on one slot, with a connection of its own."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never, overload

from exqueue.model import policy as verdicts
from exqueue.model.errors import StoreError, StoreRefused
from exqueue.model.ids import ID_LENGTH
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.text import one_line
from exqueue.model.worker import Worker
from exqueue.runtime import logs
from exqueue.runtime.board import Cell
from exqueue.runtime.execute import Execution, execute
from exqueue.runtime.watch import Watch
from exqueue.store.channel import readable
from exqueue.store.steps import Empty, Settled, Stale, Store, Unregistered

T = TypeVar("T")

BLOCK: Final = 2.0  # seconds in BLMOVE: the longest a connection that died silently can swallow a job
REFUSED_PAUSE: Final = 0.5
LOG: Final = logging.getLogger("exqueue.process")

ORDERLY: Final = 74  # exit code: ended because it was asked to; not 0, which is what a job's own exit would look like
FENCED: Final = 75  # exit code: our slot was closed by somebody who took us for dead


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker process stands. `info`: what `register` stores of it."""

    slot: str
    runner: str
    queue: str
    info: str


class WorkerProcess:
    """The loop. Ends when asked to by SIGTERM, after the job it is running; a SIGKILL at any line loses nothing."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]], cell: Cell | None = None) -> None:
        self._store = store
        self._post = post
        self._known = known
        self._watch = Watch(cell)
        self._claims = 0
        self._pid = os.getpid()

    def run(self) -> int:
        """Work until told to stop; the exit code of the process."""
        self._watch.listen()
        post = self._post
        opened = self._insist("open its slot", self._register, give_up=lambda: self._watch.stopping)
        if opened is not True:
            return ORDERLY if opened is None else FENCED
        claim: Claim | None = None
        while not self._watch.stopping or claim:
            if claim:
                claim = self._work(claim)
                continue
            match self._insist("claim a job", self._next, give_up=lambda: self._watch.stopping):
                case Claim() as claim:
                    pass
                case Unregistered():
                    LOG.warning(
                        "slot %s is closed: somebody took this process for dead, or the server was emptied; the process ends", post.slot
                    )
                    return FENCED
                case Empty() | None:
                    pass
        return ORDERLY

    def _register(self) -> bool:
        post = self._post
        return self._store.register(post.queue, post.slot, post.info, post.runner)

    def _next(self) -> Claim | Empty | Unregistered:
        # What the slot holds is asked for first: a move whose reply was lost, or that we were told to forget, lies there.
        found = self._store.claim(self._post.queue, self._post.slot, self._token())
        if not isinstance(found, Empty) or self._watch.stopping:
            return self._give_back(found)
        self._watch.relisten()
        try:
            self._store.wait(self._post.queue, self._post.slot, BLOCK, self._watch.wake)
        except StoreRefused:  # a full server refuses to block; a claim it allows, or it says why not
            self._pause(REFUSED_PAUSE)
        self._watch.drain()
        return self._give_back(self._store.claim(self._post.queue, self._post.slot, self._token()))

    def _give_back(self, found: Claim | Empty | Unregistered) -> Claim | Empty | Unregistered:
        if isinstance(found, Claim) and self._watch.stopping:  # it arrived together with the signal
            self._store.apply(found, self._post.slot, verdicts.Release())
            return Empty()
        return found

    def _work(self, claim: Claim) -> Claim | None:
        # Killed from here until the settlement is written: the job stays in our list and is recovered from there.
        if self._watch.robbed:
            self._watch.listen()
        chance = random.random()  # noqa: S311 (jitter)
        done = execute(claim, self._known, self._watch, chance)
        self._end_if_forked()
        verdict = verdicts.settle(done.outcome, claim.run, done.policy, chance)
        if isinstance(verdict, verdicts.Complete):
            return self._complete(claim)
        assert not isinstance(verdict, verdicts.Recover)  # noqa: S101 (a process that lives has not crashed)
        settled = self._insist("settle a job", lambda: self._store.apply(claim, self._post.slot, verdict))
        self._tell(claim, verdict, settled, done)
        return None

    def _complete(self, claim: Claim) -> Claim | None:
        token = "" if self._watch.stopping else self._token()
        reply = self._insist("settle a job", lambda: self._store.complete(claim, self._post.slot, token))
        if isinstance(reply, Stale):
            self._tell_stale(claim)
        if isinstance(reply, Claim) and self._watch.stopping:  # the signal came while the next job was on its way
            self._insist("put back a job", lambda: self._store.apply(reply, self._post.slot, verdicts.Release()))
            return None
        return reply if isinstance(reply, Claim) else None

    def _tell(self, claim: Claim, verdict: verdicts.Settling, settled: Settled | Stale, done: Execution) -> None:
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
                self._after_failure(done.worker, verdict)
            case verdicts.Release():
                LOG.info("%s: put back", name)
            case verdicts.Discard():
                LOG.info("%s: cancelled while it ran, and removed", name)
            case _:
                assert_never(verdict)

    def _after_failure(self, worker: Worker | None, verdict: verdicts.Fail) -> None:
        if worker is None:
            return
        try:
            worker.after_failure(verdict.error)
        except BaseException:
            LOG.exception("%s.after_failure raised", type(worker).__name__)
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
                self._pause(pause)
                pause = min(pause * 2, 1.0)
            else:
                if told:
                    LOG.info("Redis answers again")
                return answer

    def _end_if_forked(self) -> None:
        """A process that the job forked and that fell out of it must not go on as a second owner of the slot."""
        if os.getpid() != self._pid:
            logs.flush()
            os._exit(0)

    def _token(self) -> str:
        self._claims += 1
        return f"{self._post.slot}/{self._claims}"

    def _pause(self, seconds: float) -> None:
        """Wait, unless a signal comes."""
        if self._watch.wake is not None:
            readable([self._watch.wake], seconds)
            self._watch.drain()


def describe(claim: Claim) -> str:
    """A job in a log line."""
    return f"{one_line(claim.header.worker, 100)} {one_line(claim.id, ID_LENGTH + 10)}({one_line(claim.header.args, 100)})"


def said(error: ErrorInfo) -> str:
    """An error in a log line."""
    return one_line(f"{error.type}: {error.message}")
