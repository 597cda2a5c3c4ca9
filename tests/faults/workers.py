"""Worker types of the programs. What a job does is said by the program: a job only knows its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model.policy import constant
from exqueue.model.schedule import cron
from exqueue.model.worker import Worker


@dataclass(slots=True)
class Stage:
    """Where jobs are played. `play`: called by each start, with the worker and the name of the job."""

    play: Callable[[Worker, str], Any]


def _nothing(worker: Worker, name: str) -> None:
    raise AssertionError(f"{name} runs outside of a scenario")


STAGE: Final = Stage(_nothing)


class Plain(Worker):
    """Retried once, a minute later."""

    max_retries = 1
    backoff = constant(60)

    def perform(self, name: str) -> Any:
        return STAGE.play(self, name)


class Serial(Plain):
    """One at a time."""

    serial = True


class Fragile(Plain):
    """The first crash is one too many."""

    max_crashes = 1


class Kept(Plain):
    """Its results are kept."""

    keep_result = 60


class Alone(Plain):
    """One at a time, in any order."""

    max_running = 1
    processes = 2


class Batched(Plain):
    """Three at once."""

    batch = 3


class Told(Plain):
    """Wants to know what becomes of it."""

    def after_success(self, result: object) -> None:
        STAGE.play(self, "after_success")


class Yearly(Plain):
    """Due at the beginning of each year."""

    schedule = cron("0 0 1 1 *")

    def perform(self, name: str = "tick") -> Any:
        return STAGE.play(self, name)
