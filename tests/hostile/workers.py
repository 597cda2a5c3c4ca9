"""Workers that only say that they have run."""

from __future__ import annotations

from exqueue import Worker


class Note(Worker):
    """Its result is what it was given."""

    max_retries = 0

    def perform(self, name: str) -> str:
        return name


class Next(Worker):
    """What follows a `Note`."""

    def perform(self, name: object) -> None:
        pass
