"""The board: memory that a runner, its fork server and its worker processes share, one cell for each worker process.

What is said through it costs neither a system call nor a round trip: a worker process writes how long its job may run,
its runner writes that the job shall stop. A cell belongs to one process, and every field of it has one writer, so
there are no locks. A reader may see a cell half written; the runner acts on what stands there for seconds.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Final

CELLS: Final = 1 << 16  # pages that nobody has touched cost nothing
CELL: Final = 64  # bytes: eight fields of eight; a line of the cache, so that neighbours do not disturb each other
_NUMBER, _DEADLINE, _SECONDS, _RETRY, _EXTERNAL, _STOP, _URGE, _BEGUN = range(8)


@dataclass(frozen=True, slots=True)
class Limited:
    """A job with a time limit, as its process wrote it down before it began.

    `number`: that of its claim. `deadline`: by CLOCK_MONOTONIC, which is one for the whole machine. `seconds`: the limit.
    `retry`: in how many seconds it shall run again if it is not done by then; below 0: it fails for good.
    """

    number: int
    deadline: float
    seconds: float
    retry: float


class Cell:
    """What concerns one worker process. `number`, here and below: of a claim, the last part of its token; 0 is none."""

    def __init__(self, whole: memoryview, index: int) -> None:
        mine = whole[index * CELL : (index + 1) * CELL]
        self._numbers = mine.cast("q")
        self._times = mine.cast("d")
        self._runner = whole[-CELL:].cast("d")

    @staticmethod
    def alone() -> Cell:
        """One that nobody else sees, for a process without a runner."""
        return Cell(memoryview(bytearray(2 * CELL)), 0)

    def clear(self) -> None:
        """Before a new process gets it."""
        for field in range(CELL // 8):
            self._numbers[field] = 0

    # By the worker process.

    def begin(self, number: int) -> None:
        """Write down which job is begun, before anything of it is looked at."""
        self._numbers[_BEGUN] = number

    def expect(self, number: int) -> None:
        """Write down that the server may claim a job for this process, by this number, while nothing is heard of it."""
        self._numbers[_BEGUN] = -number

    def hear(self) -> None:
        """The answer is about to be read; from here on it may be what the process dies of."""
        self._numbers[_BEGUN] = self.begun

    def limit(self, job: Limited) -> None:
        """Write down how long a job may run; the deadline last, for it is what the others go by."""
        self._numbers[_NUMBER], self._times[_SECONDS], self._times[_RETRY] = job.number, job.seconds, job.retry
        self._times[_DEADLINE] = job.deadline

    def lift(self) -> None:
        """The job has ended."""
        self._times[_DEADLINE] = 0.0

    def attach(self, target: int) -> None:
        """What shall be killed with this process: a pid, or minus a process group; 0 for nothing."""
        self._numbers[_EXTERNAL] = target

    def is_stopped(self, number: int) -> bool:
        """Whether the runner wants this job to be stopped because a person said so."""
        return self._numbers[_STOP] == number != 0

    def is_urged(self, number: int) -> bool:
        """Whether the runner has told this job to stop once more."""
        return self._numbers[_URGE] == number != 0

    @property
    def heard(self) -> float:
        """See `Board.heard`."""
        return self._runner[0]

    # By the runner, and the fork server.

    @property
    def begun(self) -> int:
        """The number of the job that was begun last, at most. What was claimed and has a higher one has not begun."""
        number = self._numbers[_BEGUN]
        return number if number >= 0 else -number - 1

    @property
    def unheard(self) -> int:
        """The number that the server may have claimed a job by of which the process has heard nothing; see `expect`."""
        return max(0, -self._numbers[_BEGUN])

    def limited(self) -> Limited | None:
        """The job that runs, if it has a time limit."""
        deadline = self._times[_DEADLINE]
        return Limited(self._numbers[_NUMBER], deadline, self._times[_SECONDS], self._times[_RETRY]) if deadline > 0 else None

    def stop(self, number: int) -> None:
        """Want this job to be stopped. A SIGALRM makes the process look."""
        self._numbers[_STOP] = number

    def urge(self, number: int) -> None:
        """Tell this job to stop once more. A SIGTERM makes the process look."""
        self._numbers[_URGE] = number

    @property
    def attached(self) -> int:
        """What shall be killed when the process has ended; see `attach`."""
        return self._numbers[_EXTERNAL]


class Board:
    """All cells. `fd`: how to find it from a process that was started, not forked, by whoever made it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, (CELLS + 1) * CELL)
        self._whole = memoryview(self._memory)
        self._last = self._whole[-CELL:].cast("d")  # the runner's own

    @staticmethod
    def create() -> Board:
        """A new one, on which nothing is written. It is gone when the last process that maps it is."""
        fd = os.memfd_create("exqueue")
        os.ftruncate(fd, (CELLS + 1) * CELL)
        return Board(fd)

    def cell(self, index: int) -> Cell:
        """One cell, from 0."""
        return Cell(self._whole, index)

    @property
    def heard(self) -> float:
        """When the runner has last shown Redis that it lives, by CLOCK_MONOTONIC; 0 before the first time."""
        return self._last[0]

    @heard.setter
    def heard(self, moment: float) -> None:
        """By the runner."""
        self._last[0] = moment

    def close(self) -> None:
        """Close what it was found by; the memory stays mapped until nobody looks at it."""
        os.close(self.fd)


def number_of(token: str) -> int:
    """The number of a claim by its token, `slot/number`; 0 where it has none.

    >>> number_of("5f0c.3/17")
    17
    """
    last = token.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
