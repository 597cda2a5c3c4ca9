"""The worker types of the simulation. What a job does is decided by the actor it runs in."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar, Final

from exqueue import Worker, constant, cron

PLAY: Final = ContextVar[Callable[..., Any]]("play")  # what the process whose turn it is does with a job


class Part(Worker):
    max_retries: ClassVar[int] = 2
    backoff = constant(0.4)
    processes = 2

    def perform(self, number: int = 0) -> Any:
        return PLAY.get()(self.job, number)


class Plain(Part):
    queue = "plain"


class Eager(Part):
    """Shares the queue of another type, lets its keys go on, and has little time."""

    queue = "plain"
    on_failure = "continue"
    timeout = 1.5
    priority = 1
    processes = 1


class Serial(Part):
    queue = "serial"
    serial = True


class Narrow(Part):
    queue = "narrow"
    max_running = 2


class Rated(Part):
    queue = "rated"
    max_running = 1
    rate = "6/second"


class Many(Part):
    """Its queue is the only one in which a slot may have begun several jobs; see probe.py."""

    queue = "many"
    batch = 4


class Ticking(Part):
    queue = "ticking"
    schedule = cron("* * * * *")
    processes = 1
    keep_result = 1
