"""The least it takes to hand a job over through redis-py: RPUSH of bytes that are there already, as many as exqueue sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from exqueue.model import codec
from exqueue.model.options import Call
from scripts.measure.systems.ours import Job


class Client:
    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url)
        header, body = codec.encode(Job, Call((10_000, 1_700_000_000_000_000_000), {}), 1_700_000_000_000, 1 << 20)
        self._bytes = b"x" * 22 + header.encode() + body  # an id first

    def enqueue(self, number: int, enqueued: int) -> object:  # noqa: ARG002 (what is sent is made beforehand)
        return self._redis.rpush("bench", self._bytes)

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return self._redis.rpush("bench", *[self._bytes] * len(jobs))
