"""exqueue: with its defaults, and in batches."""

from __future__ import annotations

import os
from collections.abc import Sequence

from exqueue import Exqueue, Worker, call
from scripts.measure import record
from scripts.measure.systems.table import VARIANT


class Job(Worker):
    def perform(self, number: int, enqueued: int) -> None:
        record.job(number, enqueued)


class Many(Job):
    batch = 16


class Client:
    def __init__(self, url: str) -> None:
        self._app = Exqueue(url)
        self._worker = Many if os.environ[VARIANT] == "exqueue-batch" else Job

    def enqueue(self, number: int, enqueued: int) -> object:
        return self._app.enqueue(self._worker, number, enqueued)

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return self._app.enqueue_many(self._worker, [call(*job) for job in jobs])
