"""RQ: its worker pool, whose workers fork for each job."""

from __future__ import annotations

from collections.abc import Sequence

import redis
import rq

from scripts.measure import record


class Client:
    def __init__(self, url: str) -> None:
        self._queue = rq.Queue("bench", connection=redis.Redis.from_url(url))

    def enqueue(self, number: int, enqueued: int) -> object:
        return self._queue.enqueue(record.job, number, enqueued)

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return self._queue.enqueue_many([rq.Queue.prepare_data(record.job, args=job) for job in jobs])
