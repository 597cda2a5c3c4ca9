"""The runners of all hosts, and what befalls them."""

from __future__ import annotations

import functools
import signal
from typing import Final

from exqueue.model.worker import Worker, WorkerSpec
from tests.simulation.kernel import Kernel, Process
from tests.simulation.machine import LEASE, Play, SimRunner

HOSTS: Final = ("h1", "h2")
TROUBLES: Final = (
    "kill", "kill", "freeze", "freeze", "kill runner", "freeze runner", "freeze runner", "freeze tree", "stop runner", "freeze host",
    "cut host", "lose", "skew",
)  # fmt: skip


class Fleet:
    """Keeps runners running until `closing`. Of all kinds of trouble a seed has few: many at once hide one another."""

    def __init__(self, kernel: Kernel, specs: tuple[WorkerSpec, ...], known: dict[str, type[Worker]], play: Play) -> None:
        self.runners: dict[Process, SimRunner] = {}
        self.closing = False
        self._kernel = kernel
        self._stage, self._rng, self._wire = kernel.stage, kernel.stage.rng, kernel.wire
        self._specs = specs
        self._known = known
        self._play = play
        self._made = 0
        self._kinds = [self._rng.choice(TROUBLES) for _ in range(self._rng.choice((1, 2, 3, 8)))]

    def start(self, host: str) -> None:
        """A new runner; when it ends, another one follows."""
        if not self.closing:
            self._made += 1
            self._kernel.start(host, f"{host}r{self._made}", functools.partial(self._live, f"{host}r{self._made}"), self._ended)

    def _live(self, name: str, process: Process) -> int:
        runner = self.runners[process] = SimRunner(self._kernel, process, name, self._specs, self._known, self._play)
        return runner.live()

    def _ended(self, process: Process) -> None:
        self.runners.pop(process, None)
        self._stage.later(self._rng.random() * 1.5, functools.partial(self.start, process.host))

    def trouble(self) -> None:
        """Something goes wrong."""
        rng, kind = self._rng, self._rng.choice(self._kinds)
        self._stage.note("trouble", kind)
        self._wire.counts[kind] += 1
        for_long = rng.choice((0.2, LEASE * 0.5, LEASE * 1.3, LEASE * 2)) * (0.5 + rng.random())
        host = rng.choice(HOSTS)
        if kind == "skew":
            self._skew()
        elif kind == "cut host":
            self._wire.cut[host] = self._stage.now + for_long
        elif kind == "freeze host":
            for process in [process for process in self.runners if process.host == host]:
                self._freeze_tree(process, for_long)
        elif kind in ("kill", "freeze"):
            self._to_worker(kind, for_long)
        elif self.runners:
            self._to_runner(kind, rng.choice(list(self.runners)), for_long)

    def _skew(self) -> None:
        if self._rng.random() < 0.3:
            self._wire.skew += self._rng.choice((-3600, 3600, 2, -2))
            self._wire.skews.append(self._wire.skew)

    def _to_worker(self, kind: str, for_long: float) -> None:
        workers = [process for process in self._kernel.living.values() if process.slot]
        if workers and kind == "kill":
            self._kernel.kill(self._rng.choice(workers).pid)
        elif workers:
            self._kernel.freeze(self._rng.choice(workers), for_long)

    def _to_runner(self, kind: str, process: Process, for_long: float) -> None:
        nurseries = self.runners[process].nurseries
        if kind == "kill runner":
            self._kernel.kill(process.pid)
        elif kind == "freeze runner":
            self._kernel.freeze(process, for_long)
        elif kind == "freeze tree":
            self._freeze_tree(process, for_long)
        elif kind == "stop runner":
            self._kernel.send_signal(process.pid, 0, signal.SIGTERM)
        elif kind == "lose" and nurseries:
            nurseries[-1].lose()

    def _freeze_tree(self, process: Process, seconds: float) -> None:
        """A runner with all that is below it."""
        self._kernel.freeze(process, seconds)
        for nursery in self.runners[process].nurseries:
            nursery.frozen = self._stage.now + seconds
            for child in nursery.children.values():
                self._kernel.freeze(child, seconds)
