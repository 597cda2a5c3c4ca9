"""A worker process: claim, run, settle, again; one job at a time, on one slot, with a connection of its own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final, TypeVar, overload

from exqueue.model import policy as verdicts
from exqueue.model.errors import StoreError, StoreRefused
from exqueue.model.job import Claim
from exqueue.model.worker import Worker
from exqueue.runtime.work import LOG, Post, Work
from exqueue.store.channel import readable
from exqueue.store.replies import Closed, Empty, Next, Unregistered
from exqueue.store.steps import Store

T = TypeVar("T")

BLOCK: Final = 2.0  # seconds in BLMOVE: the longest a connection that died silently can swallow a job
REFUSED_PAUSE: Final = 0.5

ORDERLY: Final = 74  # exit code: ended because it was asked to; not 0, which is what a job's own exit would look like
FENCED: Final = 75  # exit code: our slot was closed by somebody who took us for dead


class WorkerProcess(Work):
    """The loop. Ends when asked to by SIGTERM, after the job it is running; a SIGKILL at any line loses nothing."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]]) -> None:
        super().__init__(store, post, known)
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
        if signal.getsignal(signal.SIGTERM) != self._stop:  # the job before has changed it
            self._listen()
        return super()._work(claim)

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

    @staticmethod
    def _become_ordinary() -> None:
        """In what a job forks: SIGTERM ends it, and wakes nobody."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

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
