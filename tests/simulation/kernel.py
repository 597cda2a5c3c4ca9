"""Hosts and their processes: start, signal, freeze, kill. What the real kernel does, played on the stage."""

from __future__ import annotations

import functools
import itertools
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.stage import Actor, Killed, Stage
from tests.simulation.wire import Wire


@dataclass(slots=True, eq=False)
class Process:
    """One process. `asked`: how often it was sent SIGTERM. `heard`: told of each signal. `playing`: the job it runs now."""

    pid: int
    host: str
    name: str
    ended: Callable[[Process], None]
    actor: Actor = field(init=False)
    status: int | None = None
    asked: int = 0
    heard: Callable[[signal.Signals], None] = lambda _: None
    playing: Any = None
    slot: str = ""
    queue: str = ""

    @property
    def alive(self) -> bool:
        return self.status is None


class Kernel:
    """The processes of all hosts; pids are of one row, so that none is used twice."""

    def __init__(self, stage: Stage, wire: Wire) -> None:
        self.stage = stage
        self.wire = wire
        self.living: dict[int, Process] = {}
        self._pids = itertools.count(100)

    def start(self, host: str, name: str, run: Callable[[Process], int], ended: Callable[[Process], None]) -> Process:
        """A new process. `run` answers its exit status; `ended` is told of its end, whatever that is."""
        pid = next(self._pids)
        process = Process(pid, host, f"{name}#{pid}", ended)
        process.actor = self.stage.spawn(process.name, functools.partial(run, process), host, functools.partial(self._end, process))
        process.actor.process = process
        self.living[pid] = process
        return process

    def _end(self, process: Process, status: int) -> None:
        if process.alive:
            process.status, process.playing = status, None
            del self.living[process.pid]
            self.wire.hang_up(process.actor)
            process.ended(process)

    def exit(self, process: Process, status: int) -> None:
        """The process ends itself, in the middle of what it does."""
        self._end(process, status)
        self.stage.kill(process.actor)

    def kill(self, pid: int, status: int = -9) -> None:
        """SIGKILL: it runs no more when this returns. The server may not know that for a while."""
        process = self.living.get(pid)
        if process is not None:
            self.stage.note("kill", process.name)
            self._end(process, status)
            self.stage.kill(process.actor)

    def freeze(self, process: Process, seconds: float) -> None:
        """SIGSTOP, and SIGCONT so much later."""
        process.actor.frozen = max(process.actor.frozen, self.stage.now + seconds)

    # As exqueue.runtime.host has them; what a process does that is dead has no effect.

    def send_signal(self, pid: int, _start: int, number: signal.Signals) -> None:
        process = self.living.get(pid)
        if process is None or self.stage.current.killed:
            return
        if number == signal.SIGKILL:
            self.kill(pid)
            return
        process.asked += number == signal.SIGTERM
        process.heard(number)
        self.stage.wake(process.actor)

    def is_gone(self, pid: int, _start: int) -> bool:
        if self.stage.current.killed:
            raise Killed
        return pid not in self.living

    def kill_and_wait(self, pid: int, _start: int, _seconds: float) -> bool:
        if self.stage.current.killed:
            raise Killed
        self.kill(pid)
        return True
