"""Worker types that another process could import."""

from __future__ import annotations

from exqueue.model.schedule import cron
from exqueue.model.worker import Worker


class Add(Worker):
    """Takes arguments of every sort."""

    def perform(self, a: int, b: int = 0, *, c: int = 0) -> int:
        """Add them."""
        return a + b + c


class Any(Worker):
    """Takes anything."""

    queue = "any"

    def perform(self, *args: object, **kwargs: object) -> None:
        """Do nothing."""


class Daily(Worker):
    """Has a schedule."""

    schedule = cron("0 7 * * 1-5", tz="Europe/Stockholm", missed="skip")

    def perform(self, day: str = "today", *days: str) -> None:
        """Do nothing."""


class NotAWorker:
    """Has `perform`, but is no worker."""

    def perform(self) -> None:
        """Do nothing."""


class Outer:
    """Holds a worker."""

    class Inner(Worker):
        """A worker inside a class."""

        def perform(self) -> None:
            """Do nothing."""


number = 42
