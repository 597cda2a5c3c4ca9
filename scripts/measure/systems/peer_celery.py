"""Celery with its prefork pool, without results."""

from __future__ import annotations

import os
from collections.abc import Sequence

import celery

from scripts.measure import record
from scripts.measure.systems.table import URL

app = celery.Celery("bench", broker=os.environ[URL])
task = app.task(record.job, name="job")


class Client:
    def __init__(self, url: str) -> None:
        pass

    def enqueue(self, number: int, enqueued: int) -> object:
        return task.delay(number, enqueued)

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return celery.group([task.s(*job) for job in jobs]).apply_async()
