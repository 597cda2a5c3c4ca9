"""A runner and a worker process in this process, until nothing is left that they would do."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.job import Claim
from exqueue.model.worker import spec_of
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.logs import SafeFormatter
from exqueue.runtime.work import Post, Work
from exqueue.store.replies import Empty, Next, Unregistered
from tests.cli.kit import RAW
from tests.hostile.workers import Next as NextWorker
from tests.hostile.workers import Note
from tests.hostile.yard import QUEUE

MOST: Final = 2000


class Process(Work):
    """One job after another, as a worker process does."""

    def __init__(self, app: Exqueue, slot: str) -> None:
        super().__init__(app.store, Post(slot, "r", QUEUE, "{}", envelope=app.envelope()), {})
        self._numbers = count(1)

    def run(self) -> Iterator[Next | Unregistered]:
        """Until there is nothing to claim, twice in a row: what is claimed may also be a bell."""
        self._store.register(QUEUE, self._post.slot, "{}", "r")
        empty = 0
        for _ in range(MOST):
            found = self._store.claim(QUEUE, self._post.slot, self._token(), "")
            yield found
            empty = empty + 1 if isinstance(found, Empty) else 0
            if empty == 2:
                return
            while isinstance(found, Claim):
                found = self._work(found)  # type: ignore[assignment]


def drained(app: Exqueue, logged: pytest.LogCaptureFixture) -> list[str]:
    """What goes wrong while a runner and a process do all there is to do."""
    logged.clear()
    specs = (spec_of(Note), spec_of(NextWorker))
    caretaker = Caretaker(app.store, app.reader, Identity("me", "elsewhere", 1, 1), specs, 30.0)
    for turn in range(3):
        caretaker.announce()
        caretaker.take_over(functools.partial(float, turn), set())
        caretaker.sweep()
        caretaker.deliver()
        caretaker.promote()
        caretaker.stops()
        found = list(Process(app, f"fresh-{turn}").run())
        if not isinstance(found[-1], Empty):
            return [f"the queue is not empty after {len(found)} claims: {found[-1]}"]
    formatter = SafeFormatter("%(levelname)s %(message)s")
    lines = [formatter.format(record) for record in logged.records]
    return [f"logged raw: {line!r}" for line in lines if RAW.search(line)]
