"""One start of one job in this process: claimed, executed, settled and told as by a worker process."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from exqueue.model import outcome as o
from exqueue.model import policy as verdicts
from exqueue.model.errors import CannotLoad
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.lifecycle import Place
from exqueue.model.text import one_line
from exqueue.model.worker import Worker
from exqueue.runtime.work import Post, Work, said
from exqueue.store.replies import Next, Unregistered
from exqueue.store.steps import Store


@dataclass(frozen=True, slots=True, repr=False)
class Ran:
    """What became of one start of a job. `place`: where the job is now; `Place.NONE`: it has succeeded, and nothing of it is kept.

    `worker`: `module:Class`. `args`: as a list shows them. `attempt`: the number of this start, 1 for the first.
    """

    id: str
    queue: str
    worker: str
    args: str
    attempt: int
    outcome: o.Outcome
    verdict: verdicts.Verdict
    place: Place

    @property
    def error(self) -> ErrorInfo | None:
        """The error of this start, None if there was none."""
        return getattr(self.outcome, "error", None)

    def __repr__(self) -> str:
        name = f"{one_line(self.worker.rpartition(':')[2], 100)}({one_line(self.args, 100)})"
        error = f" {said(self.error)}," if self.error else ""
        now = "gone" if self.place is Place.NONE else self.place
        return f"<Ran {name}, attempt {self.attempt}: {type(self.outcome).__name__},{error} now {now}>"


class Hand(Work):
    """Starts one job after another, when told to. `numbers`: for tokens that no other hand uses. `raised`: what `perform` raised."""

    def __init__(self, store: Store, post: Post, known: dict[str, type[Worker]], numbers: Iterator[int]) -> None:
        super().__init__(store, post, known)
        self._watch.stopping = True  # so that no other job is claimed together with a settlement
        self._numbers = numbers
        self.raised: BaseException | None = None

    def start(self) -> Ran | Next:
        """Run the next job of the queue, if one may begin. The backoff is without jitter."""
        claim = self._claim()
        if not isinstance(claim, Claim):
            return claim
        done = self._execute(claim, 0.0, self._see)
        verdict = verdicts.settle(done.outcome, claim.run, done.policy, 0.0)
        self._settle(claim, done, verdict)
        found = self._reader.find(claim.queue, claim.id)
        place = found.place if found else Place.NONE
        header = claim.header
        return Ran(claim.id, claim.queue, header.worker, header.args, claim.run.attempt, done.outcome, verdict, place)

    def _claim(self) -> Next:
        post = self._post
        found = self._store.claim(post.queue, post.slot, self._token(), post.limits)
        if isinstance(found, Unregistered):
            self._store.register(post.queue, post.slot, post.info, post.runner)
            found = self._store.claim(post.queue, post.slot, self._token(), post.limits)
        if isinstance(found, Unregistered):
            raise AssertionError(f"slot {post.slot} of {post.queue} was closed by this test, so no job can be run on it")
        return found

    def _see(self, perform: Callable[[], object]) -> object:
        try:
            return _outside_of_loops(perform)
        except BaseException as error:
            self.raised = error
            raise

    def _token(self) -> str:
        return f"{self._post.slot}/{next(self._numbers)}"

    def escape(self, ran: Ran, *, raising: bool) -> None:
        """Raise what the job has raised, if that is wanted, or if it was meant for the test and not for the job."""
        if self.raised is not None and (_is_of_the_test(self.raised) or (raising and ran.error)):
            raise self.raised
        if raising and ran.error:
            raise CannotLoad(ran.error.reason, ran.error.message)


def _outside_of_loops(perform: Callable[[], object]) -> object:
    """A worker process runs no event loop. Where the test does, an async job needs a thread to have a loop of its own."""
    if not _runs_a_loop():
        return perform()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, perform).result()


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_of_the_test(error: BaseException) -> bool:
    """Ctrl-C, or what ends a test: pytest's fail, skip, exit, a timeout. In a worker process it would end the job only."""
    pytest: Any = sys.modules.get("pytest")
    ends = (pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception) if pytest else ()
    return isinstance(error, (KeyboardInterrupt, *ends))
