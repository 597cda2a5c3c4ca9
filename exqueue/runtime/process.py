"""A worker process: claim, run, settle, again; on one slot, with a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar, overload

from exqueue.model import policy as verdicts
from exqueue.model.errors import StoreError, StoreRefused, StoreUnavailable
from exqueue.model.job import Claim
from exqueue.model.worker import Worker
from exqueue.runtime.batches import Batch, Batches
from exqueue.runtime.board import Cell
from exqueue.runtime.execute import Around, Execution
from exqueue.runtime.host import seconds_since_boot
from exqueue.runtime.rest import lay_to_rest
from exqueue.runtime.watch import Watch
from exqueue.runtime.work import LOG, Post
from exqueue.store.blocking import LATE, readable
from exqueue.store.replies import Closed, Empty, Next, Unregistered
from exqueue.store.steps import Store

T = TypeVar("T")

BLOCK: Final = 2.0  # seconds in BLMOVE: the longest a connection that died silently can swallow a job
REFUSED_PAUSE: Final = 0.5
LOST_PAUSE: Final = 0.1

ORDERLY: Final = 74  # exit code: ended because it was asked to; not 0, which is what a job's own exit would look like
FENCED: Final = 75  # exit code: our slot was closed by somebody who took us for dead


class WorkerProcess(Batches):
    """The loop. Ends when asked to by SIGTERM, after the job it is running; a SIGKILL at any line loses nothing."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]], cell: Cell | None = None) -> None:
        super().__init__(store, post, known, Watch(cell))

    def run(self) -> int:
        """Work until told to stop; the exit code of the process."""
        self._watch.listen()
        post = self._post
        opened = self._insist("open its slot", self._register, give_up=lambda: self._watch.stopping)
        if opened is not True:
            return ORDERLY if opened is None else FENCED
        held: Claim | Batch | None = None
        while not self._watch.stopping or held:
            if held:
                held = self._work(held) if isinstance(held, Claim) else self._run_batch(held)
                continue
            match self._insist("claim a job", self._next, give_up=lambda: self._watch.stopping):
                case Claim() | tuple() as held:
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

    def _next(self) -> Next | Unregistered | Batch:
        self._watch.hear()
        # What the slot holds is asked for first: a move whose reply was lost, or that we were told to forget, lies there.
        found = self._claim() if self._may_begin() else Empty()
        if isinstance(found, Claim | Unregistered | tuple) or self._watch.stopping:
            return self._give_back(found)
        self._watch.relisten()
        if not self._may_begin():  # until its runner, or the fork server, runs again and kills us or beats
            self._pause(REFUSED_PAUSE)
            return Empty()
        return self._give_back(self._wait(found if isinstance(found, Closed) else None))

    def _wait(self, closed: Closed | None) -> Next | Unregistered | Batch:
        """Wait for a job, or for a queue that is `closed` to open; what there is then."""
        seconds = BLOCK if closed is None or closed.seconds is None else max(0.001, min(BLOCK, closed.seconds))
        began = seconds_since_boot()
        try:
            found = self._wait_and_claim(seconds, closed=closed is not None)
        except StoreRefused:  # a full server refuses to block; a claim it allows, or it says why not
            found = None
            self._pause(REFUSED_PAUSE)
        except StoreUnavailable as error:  # closed while it lay there; whether Redis is away, the claim finds out, and insists
            LOG.debug("the connection that waited for a job was lost: %s", error)
            found = None
            self._pause(LOST_PAUSE)
        self._watch.drain()
        self._watch.hear()
        if seconds_since_boot() - began > seconds + LATE:  # stood still, with the answer in the socket: it may be ours no more
            found = None
        return self._claim() if found is None else found

    def _wait_and_claim(self, seconds: float, *, closed: bool) -> Next | Unregistered | None:
        """Killed before we hear of it, we have not begun what the server has claimed for us: that stands on the board."""
        post, token = self._post, "" if self._most > 1 else self._token()
        if token:
            self._watch.expect(self._claims)
        try:
            return self._store.wait(
                post.queue, post.slot, seconds, self._watch.wake, closed=closed, token=token, limits=post.limits, heard=self._watch.hear
            )
        except StoreError:
            if token:  # what it was answered, if it was, is dropped
                self._watch.expect(self._claims)
            raise

    def _may_begin(self) -> bool:
        """Not while our runner is silent: what another process of this host still runs may have been recovered, and be given to us.

        Runner and fork server kill us before that, but both may be frozen.
        """
        post, heard = self._post, self._watch.runner_heard
        silent = post.lease and heard and time.monotonic() - heard >= post.lease
        return not silent and super()._may_begin()

    def _give_back(self, found: Next | Unregistered | Batch) -> Next | Unregistered | Batch:
        if isinstance(found, Claim | tuple) and not self._may_begin():  # it arrived together with the signal
            for claim in found if isinstance(found, tuple) else (found,):
                self._store.apply(claim, self._post.slot, verdicts.Release())
            return Empty()
        return found

    def _execute(self, claim: Claim, chance: float, around: Around | None = None) -> Execution:
        if self._watch.robbed:  # by the job before
            self._watch.listen()
        return super()._execute(claim, chance, around)

    def _work(self, claim: Claim) -> Claim | None:
        if claim.run.attempt > 1 and not self._is_ours_alone(claim):  # of a batch none has begun before
            self._put_back(claim)
            self._pause(REFUSED_PAUSE)
            return None
        return super()._work(claim)

    def _is_ours_alone(self, claim: Claim) -> bool:
        """Whether no process of this host runs the job as well: one that is frozen, and was taken for dead from another host.

        Asked before it is run, so that it does not matter how soon that host's runners look for such processes.
        """
        post, reader = self._post, self._reader
        return not post.host or self._insist("look at closed slots", lambda: lay_to_rest(reader, claim.queue, post.host, {post.slot}))

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

    def _pause(self, seconds: float) -> None:
        """Wait, unless a signal comes."""
        if self._watch.wake is not None:
            readable([self._watch.wake], seconds)
            self._watch.drain()
