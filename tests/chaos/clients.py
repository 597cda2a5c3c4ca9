"""The clients of a chaos run, each a process that may be killed: `python -m tests.chaos.clients producer|person …`.

A producer writes `try` before it enqueues and `ok` after that has returned; a person writes down what will be done before
it is done. Started again, a producer asks again for what it does not know to be accepted.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

from exqueue import call
from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.errors import JobError, StoreError, StoreUnavailable
from exqueue.model.settings import Settings
from tests.chaos import workers
from tests.chaos.judge import name_of
from tests.chaos.plan import Order, follower, orders
from tests.chaos.workers import opened

PAUSE: Final = 0.2
KINDS: Final[dict[str, Any]] = {kind.__name__: kind for kind in workers.KINDS}


class Producer:
    """Enqueues what the plan says, until `jobs` are accepted; at most `rate` a second from `start` (CLOCK_MONOTONIC, s) on."""

    def __init__(self, app: Exqueue, number: int) -> None:
        self._app = app
        self._number = number
        self._dubious: set[int] = set()

    def run(self, seed: int, producers: int, jobs: int, rate: float, start: float) -> None:
        """Go on where the last process of this number was."""
        done, doubtful = 0, self._first_doubtful()
        for number, order in enumerate(orders(seed, self._number, producers)):
            if done >= jobs:
                return
            if number == doubtful and order.batch:
                self._note("dubious", number)
            elif number >= doubtful:
                time.sleep(max(0.0, start + done / rate - time.monotonic()))
                self._accept(order, number)
            if number not in self._dubious:
                done += len(order.names)

    def _first_doubtful(self) -> int:
        """The number of the first order that is not known to be accepted: perhaps tried, and then this process was killed."""
        path = Path(f"producer-{self._number}")
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        self._dubious.update(int(number) for _, word, number in lines if word == "dubious")
        return 1 + max((int(number) for _, word, number in lines if word in ("ok", "dubious")), default=-1)

    def _accept(self, order: Order, number: int) -> None:
        self._note("try", number)
        while True:
            try:
                self._enqueue(order)
            except StoreUnavailable as error:
                if error.uncertain:
                    self._note("dubious" if order.batch else "unsure", number)
                    if order.batch:  # without ids it cannot be asked again
                        return
                time.sleep(PAUSE)
            except StoreError:
                time.sleep(PAUSE)
            else:
                self._note("ok", number)
                return

    def _enqueue(self, order: Order) -> None:
        kind = KINDS[order.worker]
        if order.batch:
            self._app.enqueue_many(kind, [call(name, order.lane + n, order.nap) for n, name in enumerate(order.names)])
            return
        then = [kind.options(id=follower(order.name)).call(follower(order.name), order.lane + 50)] * order.then
        options = kind.options(
            id=order.name, key=order.key, priority=order.priority, delay=order.delay, then=then, keep_result=order.keep
        )  # fmt: skip
        self._app.enqueue(options, order.name, order.lane, order.nap, order.fails, order.mood)

    def _note(self, word: str, number: int) -> None:
        note(f"producer-{self._number}", word, number)
        if word == "dubious":
            self._dubious.add(number)


class Person:
    """Requeues, skips and deletes what has failed, at random; once there is a file `calm`, requeues all of it."""

    def __init__(self, app: Exqueue, chance: random.Random) -> None:
        self._app = app
        self._chance = chance

    def run(self) -> None:
        """Until killed."""
        while True:
            calm = Path("calm").exists()
            try:
                for job in itertools.chain.from_iterable(self._app.failed(queue) for queue in workers.QUEUES if queue != "Poison"):
                    self._decide(job, calm=calm)
            except StoreError:
                pass
            time.sleep(PAUSE)

    def _decide(self, job: Job, *, calm: bool) -> None:
        dice = 0.0 if calm else self._chance.random()
        name = name_of(job.seen)
        word = "requeue" if dice < 0.6 else "skip" if dice < 0.75 and job.seen.terms.key else "delete" if dice < 0.78 else ""
        if word:
            note("person", word, name)
            try:
                getattr(job, word)()
            except JobError:
                note("person", f"no-{word}", name)


def note(path: str, word: str, what: object) -> None:
    """Write down what a client does: time (CLOCK_MONOTONIC, ns), word, what."""
    os.write(opened(path), f"{time.monotonic_ns()} {word} {what}\n".encode())


def main(role: str, url: str, namespace: str, seed: str, *rest: str) -> None:
    app = Exqueue(settings=Settings(url=url, namespace=namespace, patience=1.0))
    if role == "person":
        Person(app, random.Random(f"{seed}/person/{time.monotonic_ns()}")).run()
    else:
        number, producers, jobs, rate, start = rest
        Producer(app, int(number)).run(int(seed), int(producers), int(jobs), float(rate), float(start))


if __name__ == "__main__":
    main(*sys.argv[1:])
