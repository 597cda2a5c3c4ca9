"""What every job does, whichever system runs it: it appends to a file that it was begun. To count jobs costs no command."""

from __future__ import annotations

import functools
import os
import struct
import time
from pathlib import Path
from typing import Final

LOG: Final = "BENCH_LOG"  # of the environment: the file
READY: Final = "BENCH_READY"  # the file with a byte for each process that has begun a job
OPEN: Final = "BENCH_OPEN"  # the file that is made once they may go on

RECORD: Final = struct.Struct("<qqq")  # number of the job, when it was enqueued, when it was begun: ns
_PAUSE: Final = 0.002
_LATEST: Final = 60.0  # seconds; whoever measures was killed


def job(number: int, enqueued: int) -> None:
    """The job. The first one of a process waits until all of them have one: no figure is to contain how long they take to start."""
    _meet(of=os.getpid())
    os.write(_opened(LOG), RECORD.pack(number, enqueued, time.time_ns()))


@functools.cache
def _meet(of: int) -> None:  # noqa: ARG001 (once in each process, also where it was forked from one that has met)
    os.write(_opened(READY), b".")
    gate, until = Path(os.environ[OPEN]), time.monotonic() + _LATEST
    while not gate.exists() and time.monotonic() < until:
        time.sleep(_PAUSE)


@functools.cache
def _opened(name: str) -> int:
    return os.open(os.environ[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def count(log: Path) -> int:
    """How many jobs have been begun."""
    return log.stat().st_size // RECORD.size


def records(log: Path) -> list[tuple[int, int, int]]:
    """What they have written."""
    return list(RECORD.iter_unpack(log.read_bytes()[: count(log) * RECORD.size]))
