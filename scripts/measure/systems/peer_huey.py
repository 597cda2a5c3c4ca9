"""Huey with worker processes."""

from __future__ import annotations

import os

from huey import RedisHuey

from scripts.measure import record
from scripts.measure.systems.table import URL

huey = RedisHuey("bench", url=os.environ[URL])
task = huey.task()(record.job)


class Client:
    many = None

    def __init__(self, url: str) -> None:
        pass

    def enqueue(self, number: int, enqueued: int) -> object:
        return task(number, enqueued)
