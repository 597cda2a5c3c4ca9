"""The jobs of a chaos run: they write down what they do, and the kernel says whether two of a key run at once.

They run in the directory of the chaos run: `exqueue run tests.chaos.workers`.
"""

from __future__ import annotations

import fcntl
import functools
import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from exqueue import Snooze, Worker, constant

FAILS_AT: Final = 3  # at this failure a job has failed for good
POISON_CRASHES: Final = 3
_FLOCK: Final = "hhqqi4x"


class Chaotic(Worker):
    """Runs for `nap` seconds. `lane`: no two jobs of a lane may run at once. `fails`: it succeeds at a later start than this."""

    processes = 3
    max_retries = FAILS_AT - 1
    backoff = constant(0.05)
    max_crashes = 1_000_000

    def perform(self, name: str, lane: int, nap: float = 0.0, fails: int = 0, mood: str = "") -> None:
        with alone(name, lane):
            attempt = self.job.attempt
            note("begin", name, attempt)
            time.sleep(nap)
            if mood == "poison":
                os.kill(os.getpid(), signal.SIGKILL)
            word = "snooze" if mood == "snooze" and attempt == 1 else "fail" if attempt <= fails else "end"
            note(word, name, attempt)
        if word == "snooze":
            raise Snooze(0.05)
        if word == "fail":
            raise ValueError("not yet")


class Plain(Chaotic):
    """Without a key; several at once."""

    batch = 8


class Invoice(Chaotic):
    """Shares its queue, and its keys, with Payment."""

    queue = "books"


class Payment(Chaotic):
    """Shares its queue, and its keys, with Invoice."""

    queue = "books"
    processes = 1


class Serial(Chaotic):
    """One at a time, everywhere."""

    serial = True
    processes = 1


class Poison(Chaotic):
    """Always kills its process."""

    processes = 1
    max_crashes = POISON_CRASHES


KINDS: Final[tuple[type[Chaotic], ...]] = (Plain, Invoice, Payment, Serial, Poison)
QUEUES: Final = ("Plain", "books", "Serial", "Poison")


def note(word: str, name: str, more: object = "") -> None:
    """Add a line to the journal, in one write: time (CLOCK_MONOTONIC, one for the whole system, ns), word, job, host, pid, more."""
    where = os.environ.get("EXQUEUE_HOST_ID", "here")
    os.write(opened("journal"), f"{time.monotonic_ns()} {word} {name} {where} {os.getpid()} {more}\n".encode())


@contextmanager
def alone(name: str, lane: int) -> Iterator[None]:
    """Hold the lock of a lane. The kernel frees it at death: whoever finds it taken runs beside another one that lives."""
    locks = opened("locks")
    try:
        fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lane)
    except OSError:
        note("beside", name, holder(locks, lane))
    try:
        yield
    finally:
        fcntl.lockf(locks, fcntl.LOCK_UN, 1, lane)


def holder(locks: int, lane: int) -> int:
    """The process that holds the lock of a lane; 0 if it has let go of it meanwhile."""
    ask = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, lane, 1, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(locks, fcntl.F_GETLK, ask))
    return 0 if kind == fcntl.F_UNLCK else int(pid)


@functools.cache
def opened(name: str) -> int:
    """A file of this run, kept open: closing it would free the locks of this process."""
    return os.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
