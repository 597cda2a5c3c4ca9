"""Worker types that the tests of the client enqueue."""

from __future__ import annotations

from exqueue.model.worker import Worker


class Add(Worker):
    """Takes two numbers."""

    def perform(self, a: int, b: int = 0) -> int:
        """Add them."""
        return a + b


class Send(Worker):
    """Takes anything."""

    queue = "mail"

    def perform(self, *args: object, **kwargs: object) -> None:
        """Do nothing."""
