"""The runner's side of the fork server: start it, ask for children, hear of their births and deaths."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from exqueue.model.settings import Settings
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.messages import Line


@dataclass(frozen=True, slots=True)
class Loaded:
    """The targets are imported."""

    specs: tuple[WorkerSpec, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The targets cannot be used; `reason` is one line for the user."""

    reason: str


@dataclass(frozen=True, slots=True)
class Born:
    """A worker process exists. `start`: ticks since boot, tells it from a later process of the same pid."""

    slot: str
    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Unborn:
    """A worker process could not be forked; `reason` is the kernel's."""

    slot: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker process is gone and reaped. `status`: negative is a signal, else the exit code."""

    pid: int
    status: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The fork server itself is gone, and so are all worker processes, or they will be in a moment."""


Event = Loaded | Refused | Born | Unborn | Ended | Lost


class Nursery:
    """One fork server. When it is lost, make a new one."""

    def __init__(self, targets: list[str], settings: Settings, runner: dict[str, Any], board: int, *, verbose: bool) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(True)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exqueue.runtime.forkserver", str(theirs.fileno()), str(os.getpid()), str(board)],
                pass_fds=[theirs.fileno(), board], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.line = Line(ours)
        # The end of the line is not enough: a process that user code forked while it was imported keeps it open.
        self._handle = os.pidfd_open(self.process.pid)
        said = {name: value for name, value in asdict(settings).items() if name != "signing_keys"}
        keys = settings.signing_keys.reveal()  # by this pair of sockets, which nobody else holds: not by argv, not by a file
        self.line.say({"load": targets, "settings": said, "signing_keys": keys, "runner": runner, "verbose": verbose})

    @property
    def sources(self) -> list[Any]:
        """What to select on; nothing once it is closed."""
        return [] if self.line.closed else [self.line, self._handle]

    def fork(self, slot: str, spec: WorkerSpec, cell: int) -> None:
        """Ask for a worker process, with this place on the board. `Born` follows, unless the server is lost."""
        self.line.say({"fork": slot, "worker": spec.name, "queue": spec.queue, "cell": cell})

    def events(self) -> Iterator[Event]:
        """What has happened. Call it when one of `sources` is readable."""
        ended = self.process.poll() is not None  # asked first: what it said before its end is heard below
        for message in self.line.hear():
            match message:
                case {"specs": specs}:
                    yield Loaded(tuple(WorkerSpec.decode(spec) for spec in specs))
                case {"refused": reason}:
                    yield Refused(reason)
                case {"forked": slot, "pid": pid, "start": start}:
                    yield Born(slot, pid, start)
                case {"unborn": slot, "reason": reason}:
                    yield Unborn(slot, reason)
                case {"ended": pid, "status": status}:
                    yield Ended(pid, status)
                case _:
                    pass
        if self.line.closed or ended:
            yield Lost()

    def close(self) -> None:
        """End the server; children that still live die with it."""
        self.line.close()
        with contextlib.suppress(OSError):
            os.close(self._handle)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
