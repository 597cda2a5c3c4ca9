"""What is enqueued in a soak, and what a person does about what failed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from exqueue.app import Exqueue
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from tests.soak.workers import Mixed, Plain

Enqueue = Callable[[Exqueue, random.Random], int]  # how many jobs there will be of it, those that follow among them


def _one(*then: str, mood: str = "", **options: Any) -> Enqueue:
    def enqueue(app: Exqueue, chance: random.Random) -> int:
        followers = [Mixed.options().call(name) for name in then]
        app.enqueue(Mixed.options(then=followers, **options), mood)
        return 1 + len(then)

    return enqueue


def _keyed(app: Exqueue, chance: random.Random) -> int:
    mood = chance.choice(["", "", "", "retry", "snooze", "fail"])
    app.enqueue(Mixed.options(key=f"k{chance.randrange(40)}"), mood)
    return 1


def _unique(app: Exqueue, chance: random.Random) -> int:
    return int(app.enqueue(Mixed.options(unique=f"u{chance.randrange(20)}"), "").new)


def _plain(app: Exqueue, chance: random.Random) -> int:
    app.enqueue_many(Plain, [call(n) for n in range(8)])
    return 8


KINDS: Final[tuple[Enqueue, ...]] = (
    _plain, _plain, _plain, _keyed, _keyed, _unique,
    _one(delay=0.5), _one(delay=0.2, mood="retry"), _one(mood="retry"), _one(mood="fail"), _one(mood="snooze"), _one(mood="progress"),
    _one(keep_result=1), _one(keep_result=0.5, mood="progress"), _one("", "retry"), _one("", delay=0.2, keep_result=1), _one(priority=3),
    _one(priority=-3, expires=60),
)  # fmt: skip


class Load:
    """Enqueues jobs of all kinds, in an order that is that of a seed."""

    def __init__(self, app: Exqueue, chance: random.Random) -> None:
        self._app = app
        self._chance = chance
        self.enqueued = 0

    def enqueue(self, count: int) -> None:
        """About so many jobs more."""
        end = self.enqueued + count
        while self.enqueued < end:
            self.enqueued += self._chance.choice(KINDS)(self._app, self._chance)

    def tidy(self) -> None:
        """What a person does: skips or deletes what failed, requeues nothing, cancels a job here and there."""
        for job in list(self._app.failed()):
            self._app.store.delete(job.queue, [job.id])
        delayed = [job.id for job in self._app.queue("Mixed").jobs(Place.DELAYED)]
        if delayed:
            self._app.store.cancel("Mixed", [self._chance.choice(delayed)])
