"""What is measured in a soak, once in a while, and whether it grows."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from exqueue.app import Exqueue
from tests.soak.workers import Mixed, Plain

QUEUES: Final = (Plain.__name__, Mixed.__name__)
BOUNDED: Final = ("recent", "older", "events")  # these fill up to a bound, which takes longer than many a soak
WARM_UP: Final = 0.3  # of all samples
ROOM: Final = 1024  # kB that anything may grow from the warm-up to the end: an allocator is not exact
SHARE: Final = 0.05  # of its mean, the same


@dataclass(frozen=True, slots=True)
class Sample:
    """Sizes in kB, but for the numbers of open files. `workers`: the largest worker process. `redis`: without `BOUNDED`."""

    at: float
    runner: int
    fork_server: int
    workers: int
    redis: int
    bounded: int
    runner_files: int
    fork_server_files: int


def sample(app: Exqueue, at: float, runner: int) -> Sample:
    """One look at all of them."""
    server = next(iter(children(runner)), 0)
    bounded = _bounded(app)
    memory = next(line for line in app.channel.ask([("INFO", "memory")])[0].decode().splitlines() if line.startswith("used_memory:"))
    used = int(memory.partition(":")[2]) // 1024
    largest = max((rss(pid) for pid in children(server)), default=0)
    return Sample(at, rss(runner), rss(server), largest, used - bounded, bounded, files(runner), files(server))


def _bounded(app: Exqueue) -> int:
    keys = [app.store.keys(queue)[name] for queue in QUEUES for name in BOUNDED]
    return sum(size or 0 for size in app.channel.ask([("MEMORY", "USAGE", key, "SAMPLES", 20) for key in keys])) // 1024


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def rss(pid: int) -> int:
    """Resident memory, kB; 0 for a process that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        return 0


def files(pid: int) -> int:
    """How many files are open."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def growth(samples: list[Sample], name: str) -> float:
    """By how much it grows from the end of the warm-up to the last sample, by a straight line through all between."""
    seen = samples[int(len(samples) * WARM_UP) :]
    ats, values = [one.at for one in seen], [float(getattr(one, name)) for one in seen]
    return statistics.linear_regression(ats, values).slope * (ats[-1] - ats[0]) if len(set(ats)) > 1 else 0.0


def growing(samples: list[Sample]) -> list[str]:
    """What is not flat: it grew by more than `ROOM` and `SHARE`; a number of files by one or more."""
    found = []
    for name in (field.name for field in fields(Sample) if field.name not in ("at", "bounded")):
        grown, mean = growth(samples, name), statistics.mean(getattr(one, name) for one in samples)
        if grown > (0.9 if name.endswith("files") else max(ROOM, mean * SHARE)):
            found.append(f"{name} grew by {grown:.0f} from {mean:.0f}")
    return found
