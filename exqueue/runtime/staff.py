"""The worker processes of a runner, through its fork server: fork what is missing, hear of deaths, signal, kill."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any, Final

from exqueue.model.errors import ConfigError
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.board import Board
from exqueue.runtime.crew import Child, Crew
from exqueue.runtime.host import kill_and_wait, send_signal
from exqueue.runtime.nursery import Born, Ended, Event, Loaded, Lost, Nursery, Refused, Unborn
from exqueue.runtime.process import FENCED, ORDERLY
from exqueue.runtime.recovery import Death

LOG: Final = logging.getLogger("exqueue.runner")
NEVER: Final = float("inf")
RELOAD_PAUSE: Final = 1.0
RELOAD_AGAIN: Final = 3.0


class Staff:
    """Knows processes, not Redis. `dead`: those whose slots are still to be recovered, in the order they died."""

    def __init__(self, start: Callable[[], Nursery], runner: str, processes: dict[str, int], board: Board) -> None:
        self._start = start
        self._board = board
        self._runner = runner
        self._processes = processes
        self._nursery = start()
        self._stopping = False
        self._reload_at = NEVER
        self._able = False
        self.loaded = False
        self.specs: tuple[WorkerSpec, ...] = ()
        self.crew = Crew((), runner)
        self.dead: list[tuple[Child, Death]] = []

    @property
    def sources(self) -> list[Any]:
        """What to select on for news; nothing while there is no fork server."""
        return self._nursery.sources

    def slots(self) -> set[str]:
        """The slots this runner answers for: of the living, and of the dead that are not recovered yet."""
        return {*self.crew.children, *(child.slot for child, _ in self.dead)}

    def living(self) -> list[Child]:
        """Those that are born and were not killed."""
        return [child for child in self.crew.children.values() if child.pid and not child.killed]

    def fill(self, now: float, without: Set[str] = frozenset()) -> None:
        """Fork what is missing, as far as the pauses after crashes allow; nothing for the queues in `without`."""
        if self._able and not self._stopping:
            for child in self.crew.missing(now, without):
                self._board.cell(child.cell).clear()
                self._nursery.fork(child.slot, child.spec, child.cell)

    def next_due(self, now: float) -> float | None:
        """Seconds until `fill` or `revive` has something to do; None if nothing is planned."""
        waits = [wait for wait in (self.crew.next_due(now), self._reload_at - now) if wait is not None and wait < NEVER]
        return min(waits, default=None)

    def revive(self, now: float) -> None:
        """Start a new fork server if the last one was lost a while ago."""
        if now >= self._reload_at:
            self._reload_at = NEVER
            self._nursery = self._start()

    def hear(self, now: float) -> None:
        """Take in the news. Raises ConfigError when the targets cannot be loaded at the start."""
        for event in self._nursery.events():
            self._on(event, now)

    def stop(self) -> None:
        """Ask all processes to end after the job they run; fork no more."""
        self._stopping = True
        for child in self.crew.children.values():
            self.signal(child, signal.SIGTERM)

    def kill(self, slots: list[str] | None = None) -> None:
        """Kill these processes, or all, on purpose: their jobs go back uncounted."""
        for child in list(self.crew.children.values()):
            if slots is None or child.slot in slots:
                child.killed = True
                self.signal(child, signal.SIGKILL)

    def close(self) -> None:
        """Kill what is left, end the fork server."""
        self.kill()
        self._nursery.close()

    def _on(self, event: Event, now: float) -> None:
        match event:
            case Loaded(specs):
                if not self.loaded:
                    self.specs = _override(specs, self._processes)
                    self.crew = Crew(self.specs, self._runner)
                self.loaded = self._able = True
            case Refused(reason):
                if not self.loaded:
                    raise ConfigError(reason)
                LOG.error("the workers cannot be loaded any more, will go on trying: %s", reason)
                self._nursery.close()
                self._able, self._reload_at = False, now + RELOAD_AGAIN
            case Born(slot, pid, start):
                self._on_born(slot, pid, start)
            case Unborn(slot, reason):
                if child := self.crew.children.get(slot):
                    LOG.error("no worker process can be forked for %s, will go on trying: %s", child.spec.name, reason)
                    self.crew.ended(child, orderly=False, now=now)
            case Ended(pid, status):
                if child := self.crew.by_pid(pid):
                    self._bury(child, status, now)
            case Lost():
                self._on_lost(now)

    def _on_born(self, slot: str, pid: int, start: int) -> None:
        if child := self.crew.children.get(slot):
            child.pid, child.start = pid, start
            if child.killed or self._stopping:  # it was on its way when the others were told
                self.signal(child, signal.SIGKILL if child.killed else signal.SIGTERM)

    def _on_lost(self, now: float) -> None:
        self._able = False
        self._nursery.close()
        if not self.loaded:
            raise ConfigError(f"importing the workers ended the process that did it, with status {self._nursery.process.returncode}")
        LOG.error("the fork server ended with status %s, and its worker processes with it; starting anew", self._nursery.process.returncode)
        for child in list(self.crew.children.values()):
            if child.pid and kill_and_wait(child.pid, child.start, 2.0):
                self._bury(child, None, now)
            else:  # never heard of, or not to be killed: the caretaker finds its slot if it opened one
                self.crew.ended(child, orderly=False, now=now)
        self._reload_at = now + RELOAD_PAUSE

    def _bury(self, child: Child, status: int | None, now: float) -> None:
        orderly = child.killed or status in (ORDERLY, FENCED)
        self.crew.ended(child, orderly=orderly, now=now)
        where = f"{socket.gethostname()}:{child.pid}"
        cell = self._board.cell(child.cell)
        limited = cell.limited()
        overrun = limited if limited and now >= limited.deadline else None
        death = Death(child.slot, self._runner, where, status, ours=orderly, overrun=overrun, begun=cell.begun, unheard=cell.unheard)
        self.dead.append((child, death))
        if not orderly:
            LOG.warning("worker process %d of %s ended with status %s", child.pid, child.spec.name, status)

    @staticmethod
    def signal(child: Child, number: signal.Signals) -> None:
        """Send a signal to a process, if it is born."""
        if child.pid:
            send_signal(child.pid, child.start, number)


def _override(specs: tuple[WorkerSpec, ...], processes: dict[str, int]) -> tuple[WorkerSpec, ...]:
    known = {name for spec in specs for name in (spec.short, spec.name)}
    for name in processes:
        if name not in known:
            raise ConfigError(f"--processes {name}: there is no such worker; there are {', '.join(spec.short for spec in specs)}")
    return tuple(replace(spec, processes=processes.get(spec.name, processes.get(spec.short, spec.processes))) for spec in specs)
