"""exqueue, with its defaults."""

from __future__ import annotations

from collections.abc import Sequence

from exqueue import Exqueue, Worker, call
from scripts.measure import record


class Job(Worker):
    def perform(self, number: int, enqueued: int) -> None:
        record.job(number, enqueued)


class Client:
    def __init__(self, url: str) -> None:
        self._app = Exqueue(url)

    def enqueue(self, number: int, enqueued: int) -> object:
        return self._app.enqueue(Job, number, enqueued)

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return self._app.enqueue_many(Job, [call(*job) for job in jobs])
