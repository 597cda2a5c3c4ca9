"""The requests of all actors: numbered, met by the faults of the scenario, and written down. And the clock they wait by."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from exqueue.store.channel import Channel
from tests.faults.faults import LASTING, PATIENCE, Fault, Killed, Request
from tests.faults.wire import Lines, Wire

MOST: Final = 3000  # requests of one scenario: one that never ends is wrong


class Stuck(AssertionError):
    """The scenario does not end."""


class Clock:
    """The time of channels and runners, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Traffic:
    """`trace`: all requests so far. `freezer`: called where the scenario wants somebody to stand still; `each`: before each request.

    `dead`: the actors that were killed. `on_wait`: what happens when this actor is about to wait for a job, once.
    `stage`: the thread of the program; `over`: it has ended.
    """

    def __init__(self, lines: Lines, faults: tuple[Fault, ...]) -> None:
        self.faults = {(fault.actor, fault.number): fault for fault in faults}
        self.trace: list[Request] = []
        self.counts: Counter[str] = Counter()
        self.dead: set[str] = set()
        self.freezer: Callable[[], None] = lambda: None
        self.each: Callable[[], None] = lambda: None
        self.on_wait: dict[str, Callable[[], None]] = {}
        self.over = False
        self.stage = threading.current_thread()
        self._lines = lines
        self._wires: list[Wire] = []

    @property
    def on_stage(self) -> bool:
        """Whether this is the program still, and not those who come after it."""
        return not self.over and threading.current_thread() is self.stage

    def channel(self, actor: str) -> Channel:
        """A way to the server for this actor."""

        def connect() -> Wire:
            self._wires.append(wire := Wire(self, self._lines, actor))
            return wire

        return Channel(connect, where=actor, patience=PATIENCE)

    def pass_by(self, actor: str, name: str, step: bool) -> Fault | None:
        """See Gate."""
        self.each()
        if actor in self.dead:
            raise Killed
        if name == "BLMOVE" and (then := self.on_wait.pop(actor, None)):
            then()
        self.counts[actor] += 1
        if len(self.trace) > MOST:
            raise Stuck
        number = self.counts[actor]
        self.trace.append(Request(actor, number, name, step))
        fault = self.faults.get((actor, number))
        if fault and fault.kind in LASTING:
            for later in (number + 1, number + 2):
                self.faults.setdefault((actor, later), Fault(actor, later, LASTING[fault.kind]))
        return fault

    def freeze(self) -> None:
        """See Gate."""
        self.freezer()

    def kill(self, actor: str) -> Killed:
        """See Gate."""
        self.dead.add(actor)
        return Killed()

    def hang_up(self) -> None:
        """Give back all connections."""
        for wire in self._wires:
            wire.disconnect()
