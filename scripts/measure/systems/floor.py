"""The least a queue can do that loses no job with its process: nothing but a list for each process, settled and filled in one request.

floor-c speaks through redis-py, floor-d over a bare socket.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis

from scripts.measure import record
from scripts.measure.systems.table import URL, VARIANT

LINE = "bench"


class Client:
    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url)

    def enqueue(self, number: int, enqueued: int) -> object:
        return self._redis.rpush(LINE, pickle.dumps((number, enqueued)))

    def many(self, jobs: Sequence[tuple[int, int]]) -> object:
        return self._redis.rpush(LINE, *map(pickle.dumps, jobs))


def through_redis_py(url: str, own: str) -> Callable[[bytes], bytes]:
    """What settles a job and takes the next; without a job it only takes."""
    client: Any = redis.Redis.from_url(url)

    def turn(done: bytes) -> bytes:
        pipeline = client.pipeline(transaction=False)
        if done:
            pipeline.lrem(own, 1, done)
        pipeline.blmove(LINE, own, 0, "LEFT", "RIGHT")
        taken: bytes = pipeline.execute()[-1]
        return taken

    return turn


def over_a_socket(url: str, own: str) -> Callable[[bytes], bytes]:
    """The same, with nothing between the bytes and the socket but hiredis."""
    place = urlsplit(url)
    connection = socket.create_connection((place.hostname or "", place.port or 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pack: Any = hiredis.pack_command  # annotated as if it took tuples of one
    reader, take = hiredis.Reader(), pack(("BLMOVE", LINE, own, "LEFT", "RIGHT", "0"))

    def reply() -> Any:
        while (found := reader.gets()) is False:
            reader.feed(connection.recv(65536))
        return found

    def turn(done: bytes) -> bytes:
        if done:
            connection.sendall(pack(("LREM", own, "1", done)) + take)
            reply()
        else:
            connection.sendall(take)
        taken: bytes = reply()
        return taken

    return turn


def main() -> None:
    make = over_a_socket if os.environ[VARIANT] == "floor-d" else through_redis_py
    turn, taken = make(os.environ[URL], f"{LINE}:{os.getpid()}"), b""
    while taken := turn(taken):
        record.job(*pickle.loads(taken))


if __name__ == "__main__":
    main()
