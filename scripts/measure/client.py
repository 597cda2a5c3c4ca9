"""The process that enqueues: `python -m scripts.measure.client SYSTEM OPERATION COUNT LIMIT`; prints what it took as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from scripts.measure import record
from scripts.measure.systems.table import SYSTEMS, URL, Client

TOGETHER: Final = 1000  # jobs in one call of `many`
WARM: Final = 5  # jobs that are not measured: with them come connections, scripts, modules
GAP: Final = 0.02  # seconds between two jobs, where latency is measured


def enqueue(client: Client, count: int, limit: float) -> tuple[int, float]:
    """One by one, as many as there is time for; how many, in how many seconds."""
    begin = time.perf_counter()
    for number in range(count):
        client.enqueue(number, time.time_ns())
        if time.perf_counter() - begin > limit:
            return number + 1, time.perf_counter() - begin
    return count, time.perf_counter() - begin


def many(client: Client, count: int, limit: float) -> tuple[int, float]:
    """The same with few calls; none, where there is no call for that."""
    begin, done = time.perf_counter(), 0
    while client.many and done < count and time.perf_counter() - begin < limit:
        part = range(done, min(done + TOGETHER, count))
        client.many([(number, time.time_ns()) for number in part])
        done += len(part)
    return done, time.perf_counter() - begin


def fill(client: Client, count: int, limit: float) -> tuple[int, float]:
    """As fast as it goes."""
    return (many if client.many else enqueue)(client, count, limit)


def trickle(client: Client, count: int, limit: float) -> tuple[int, float]:
    """One now and then, for whoever waits for jobs."""
    log = Path(os.environ[record.LOG])
    begin, last = time.perf_counter(), record.count(log) + count
    for number in range(count):
        client.enqueue(number, time.time_ns())
        time.sleep(GAP)
    until = time.monotonic() + limit
    while record.count(log) < last and time.monotonic() < until:
        time.sleep(GAP)
    return count, time.perf_counter() - begin


Operation = Callable[[Client, int, float], tuple[int, float]]
OPERATIONS: Final[dict[str, Operation]] = {"enqueue": enqueue, "many": many, "fill": fill, "trickle": trickle}


def main(name: str, operation: str, count: str, limit: str) -> None:
    client: Any = SYSTEMS[name].client(os.environ[URL])
    if operation in ("enqueue", "many"):
        for _ in range(WARM):
            client.enqueue(0, 0)
    done, seconds = OPERATIONS[operation](client, int(count), float(limit))
    print(json.dumps({"done": done, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
