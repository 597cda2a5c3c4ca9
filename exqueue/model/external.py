"""What `perform` may return besides nothing: a process, which the job then lasts as long as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """A child of the worker process that is no `subprocess.Popen`: `return Process(os.posix_spawn(...))`.

    Only a child: the exit code of any other process cannot be known, and a failure would pass for success.
    """

    pid: int

    def __post_init__(self) -> None:
        if not isinstance(self.pid, int) or self.pid <= 0:
            raise ValueError(f"Process({self.pid!r}): it takes the pid of a child process")
