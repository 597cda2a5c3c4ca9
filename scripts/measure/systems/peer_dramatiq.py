"""Dramatiq with its broker for Redis: one thread a process."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from scripts.measure import record
from scripts.measure.systems.table import URL

dramatiq.set_broker(RedisBroker(url=os.environ[URL]))
actor = dramatiq.actor(record.job)


class Client:
    many = None

    def __init__(self, url: str) -> None:
        pass

    def enqueue(self, number: int, enqueued: int) -> object:
        return actor.send(number, enqueued)
