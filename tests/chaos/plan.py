"""What the producers of a chaos run enqueue, job by job: decided by the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

KEYS: Final = 60
SERIAL_LANE: Final = 999
FIRST_PILL: Final = 60
PILL_EACH: Final = 4000  # rare: after each crash their worker type is left alone for longer
LONG: Final = 0.006  # how many run for seconds: long enough to be given away while they do
_FIRST_LANE: Final = 10**8  # of jobs without a key; each has a lane of its own
KEPT: Final = 3600  # seconds; so long the server remembers when each job of some keys was started and done


@dataclass(frozen=True, slots=True)
class Order:
    """One job to be enqueued. `lane`: a number for its key, or for itself. `delay`: s. `fails`, `nap`, `mood`: see workers.

    `then`: it is followed by a plain job. `batch`: this many plain jobs, at once and without ids of their own.
    """

    name: str
    worker: str
    lane: int
    key: str | None = None
    priority: int | None = None
    delay: float = 0.0
    fails: int = 0
    nap: float = 0.0
    mood: str = ""
    then: bool = False
    batch: int = 0
    keep: float | None = None

    @property
    def names(self) -> list[str]:
        """The names of all jobs that come of it."""
        return [self.name, *[follower(self.name)] * self.then] if not self.batch else [f"{self.name}.{n}" for n in range(self.batch)]

    @property
    def is_ordered(self) -> bool:
        """Whether it must wait for those before it of its lane."""
        return self.lane < _FIRST_LANE


def follower(name: str) -> str:
    """The name of the job that follows this one."""
    return f"{name}/next"


def orders(seed: int, producer: int, producers: int) -> Iterator[Order]:
    """All that one producer enqueues, for ever. A key has one producer: the order of its jobs is known."""
    chance, number = random.Random(f"{seed}/{producer}"), 0
    keys = [key for key in range(KEYS) if key % producers == producer]
    while True:
        name, lane = f"{producer}-{number}", _FIRST_LANE * (producer + 1) + number * 100
        order = _order(chance, name, lane, keys, serial=producer == 0)
        yield Order(name, "Poison", lane, mood="poison") if number % PILL_EACH == FIRST_PILL else order
        number += 1


def _order(chance: random.Random, name: str, lane: int, keys: list[int], *, serial: bool) -> Order:
    fails = chance.choices([0, 1, 2, 4], [95, 3, 1, 1])[0]  # 4: it fails for good, and once more when it was requeued
    nap = chance.choice([0.0, 0.0, chance.random() / 500, chance.random() / 50])
    nap = nap if chance.random() > LONG else 0.5 + 2.5 * chance.random()
    dice = chance.random()
    if dice < 0.5:
        key = chance.choice(keys)
        worker = chance.choice(["Invoice", "Payment"])
        keep = KEPT if key % 6 < 2 else None
        return Order(name, worker, key, f"key-{key}", chance.choice([None, None, 5]), fails=fails, nap=nap, keep=keep)
    if serial and dice < 0.55:
        return Order(name, "Serial", SERIAL_LANE, fails=fails % 2, nap=nap / 4)
    if dice < 0.553:
        return Order(name, "Plain", lane, mood="snooze")
    if dice < 0.58:
        return Order(name, "Plain", lane, delay=chance.random() * 3, nap=nap)
    if dice < 0.63:
        return Order(name, "Plain", lane, fails=fails, nap=nap, then=True)
    if dice < 0.65:
        return Order(name, "Plain", lane, nap=nap, batch=chance.randrange(2, 20))
    priority = chance.choice([None, None, -3, 0, 7])
    return Order(name, "Plain", lane, priority=priority, fails=fails, nap=nap)
