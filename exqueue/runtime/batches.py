"""Several jobs at once: claimed together, run one after the other, and settled together as far as they have succeeded."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Sequence
from typing import Final

from exqueue.model import policy as verdicts
from exqueue.model.job import Claim
from exqueue.model.outcome import Cancelled
from exqueue.model.worker import Worker
from exqueue.runtime import callbacks, logs
from exqueue.runtime.execute import Execution
from exqueue.runtime.watch import Watch
from exqueue.runtime.work import Post, Work
from exqueue.store.replies import Empty, Next, Stale, Unregistered, Unusual
from exqueue.store.steps import Store

HOLD: Final = 1.0  # seconds after which what has succeeded is settled, though others of the batch are still to run

Batch = tuple[Claim, ...]
_UNWANTED: Final = Execution(Cancelled(), verdicts.Policy())


class Batches(Work):
    """A process whose post says so takes plain jobs in batches, and all others one by one."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]], watch: Watch | None = None) -> None:
        super().__init__(store, post, known, watch)
        self._most = 1 if post.limits else post.batch
        self._singly = 0  # how many jobs to take one by one, before it is worth asking for a batch again
        self._unwanted = frozenset[str]()  # tokens of jobs that a person wants to be stopped, as far as we know
        self._inside = False  # of a batch: then nothing else is claimed, for what it holds would be handed out again
        self._taken = False  # whether a job of the batch was found to belong to somebody else
        self._noted = ""  # the token of the job that has told of its progress last

    def _claim(self) -> Next | Unregistered | Batch:
        post = self._post
        if self._most > 1 and not self._singly:
            found = self._store.batch(post.queue, post.slot, (), self._numbers(), self._most)
            if not isinstance(found, Unusual):
                return found or Empty()
            self._singly = self._most
        self._singly = max(0, self._singly - 1)
        return self._store.claim(post.queue, post.slot, self._token(), post.limits)

    def _following(self) -> str:
        if self._inside:
            return ""
        if self._most > 1 and not self._singly:
            return ""
        self._singly = max(0, self._singly - 1)
        return super()._following()

    def _numbers(self) -> int:
        """The first of as many numbers of claims as a batch may need."""
        first = self._claims + 1
        self._claims += self._most
        return first

    def _run_batch(self, batch: Batch) -> Batch:
        """Run these jobs, and settle them; the batch that was claimed with the last ones."""
        self._inside, self._taken = True, False
        try:
            return self._run_each(batch)
        finally:
            self._inside = False

    def _run_each(self, batch: Batch) -> Batch:
        done: list[Claim] = []
        held_since = time.monotonic()
        self._singly = 0
        for position, claim in enumerate(batch):
            if self._taken or not self._may_begin():
                self._settle_batch(done)
                self._put_back(*batch[position:])
                return ()
            self._run_one(claim, done)
            if time.monotonic() - held_since >= HOLD and position + 1 < len(batch):
                self._settle_batch(done)
                held_since = time.monotonic()
        return self._settle_batch(done, 0 if self._taken or not self._may_begin() else self._numbers())

    def _run_one(self, claim: Claim, done: list[Claim]) -> None:
        """Run one job; settle it, or leave that for later. `done`: those that have succeeded and are not settled."""
        chance = random.random()  # noqa: S311 (jitter)
        ran = _UNWANTED if claim.token in self._unwanted else self._execute(claim, chance)
        with logs.masked(ran.mask):
            verdict = verdicts.settle(ran.outcome, claim.run, ran.policy, chance)
            if not isinstance(verdict, verdicts.Complete) or not self._is_plain(claim, ran):
                self._settle(claim, ran, verdict)
                if isinstance(verdict, verdicts.Discard):  # the runner tells of one at a time, and the next one may be among these
                    self._unwanted = frozenset(self._insist("see what shall stop", self._stops).values())
                return
            if not callbacks.wants_success(ran.worker):
                done.append(claim)
                return
            self._settle_batch(done)
            if self._together([claim]) is None:
                self._complete(claim, ran)
            else:
                self._succeeded(ran)

    def _stops(self) -> dict[str, str]:
        return self._reader.stops(self._post.queue)

    def _is_plain(self, claim: Claim, ran: Execution) -> bool:
        return self._noted != claim.token and not self._kept(claim, ran)[0]

    def _report(self, claim: Claim, share: float, text: str) -> None:
        self._noted = claim.token
        super()._report(claim, share, text)

    def _settle_batch(self, done: list[Claim], first: int = 0) -> Batch:
        """Settle these, and claim others; `done` is empty then."""
        if not done:
            return ()
        found = self._together(done, first)
        if found is None:
            self._singly = self._most
            for claim in done:
                step = functools.partial(self._store.complete, claim, self._post.slot, "")
                if isinstance(self._insist("settle a job", step), Stale):
                    self._tell_stale(claim)
                    self._taken = True
        done.clear()
        if found and not self._may_begin():  # the signal came while they were on their way
            self._put_back(*found)
            return ()
        return found or ()

    def _together(self, done: Sequence[Claim], first: int = 0) -> Batch | None:
        """None where that takes other steps; nothing was changed then."""
        step = functools.partial(self._store.batch, self._post.queue, self._post.slot, done, first, self._most if first else 0)
        found = self._insist("settle jobs", step)
        return found if isinstance(found, tuple) else None
