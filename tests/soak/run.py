"""One soak: a runner under a mixed load for as long as is wanted, whose worker processes are killed now and then."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exqueue.runtime.host import is_alive, send_signal
from exqueue.store.fsck import check
from tests.soak.load import Load
from tests.soak.samples import QUEUES, Sample, children, files, growing, sample
from tests.store.servers import Server, find_binary, running

ROOT: Final = Path(__file__).parents[2]
TURN: Final = 0.05  # seconds between two portions of jobs
GRAVE: Final = 615  # seconds after which a closed slot must be forgotten
# What is left of a queue that is empty and has no runner. `graves` and `settled`: of processes that ended not long ago.
REMAIN: Final = frozenset({"counters", "recent", "older", "events", "graves", "settled", "control"})


@dataclass(frozen=True, slots=True)
class Options:
    """`rate`: jobs a second; `kill_every`: seconds between two kills of a worker process."""

    seconds: float
    seed: int
    rate: int = 100
    kill_every: float = 5.0
    sample_every: float = 5.0


@dataclass(slots=True)
class Result:
    """What was seen. `left`: names of keys that should be gone; `wrong`: each a line."""

    samples: list[Sample] = field(default_factory=list)
    kills: int = 0
    enqueued: int = 0
    counts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Soak:
    """A runner, its server, and what is done to them."""

    def __init__(self, options: Options, directory: Path, server: Server) -> None:
        self._options = options
        self._directory = directory
        self._chance = random.Random(options.seed)
        self.app = server.app(patience=10)
        self.load = Load(self.app, self._chance)
        self.result = Result()
        self._ended: list[float] = []  # when each process whose slot was closed ended
        self._runner = self._start(server)

    def run(self, tell: Callable[[Sample], object]) -> Result:
        """All of it. `tell`: called with each sample."""
        try:
            self._wait(self._pids, "for the worker processes")
            before = self._files()
            self._soak(tell)
            self._drain()
            if self._files() != before:
                self.result.wrong.append(f"open files of runner and fork server: {before} before, {self._files()} after")
            self._runner.send_signal(signal.SIGTERM)
            self._runner.wait(60)
            self._judge()
        finally:
            self._runner.kill()
            self._runner.wait()
            self.app.close()
        return self.result

    def _start(self, server: Server) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "exqueue", "--url", server.url(), "--namespace", "ns", "run", "tests.soak.workers"]
        with (self._directory / "log").open("wb") as log:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            return subprocess.Popen([*words, "--accept-data-loss"], cwd=self._directory, env=environment, stdout=log, stderr=log)

    def _soak(self, tell: Callable[[Sample], object]) -> None:
        began, turns = time.monotonic(), 0
        next_sample = next_kill = next_tidy = 0.0
        while (now := time.monotonic() - began) < self._options.seconds:
            self.load.enqueue(max(1, round(self._options.rate * TURN)))
            if now >= next_tidy:
                next_tidy = now + 1
                self.load.tidy()
            if now >= next_kill:
                next_kill = now + self._options.kill_every
                self._kill()
            if now >= next_sample:
                next_sample = now + self._options.sample_every
                self.result.samples.append(sample(self.app, now, self._runner.pid))
                tell(self.result.samples[-1])
            turns += 1
            time.sleep(max(0.0, began + turns * TURN - time.monotonic()))

    def _kill(self) -> None:
        living = [slot for queue in QUEUES for slot in self.app.reader.slots(queue) if is_alive(slot.pid, slot.start)]
        if living:
            slot = self._chance.choice(living)
            send_signal(slot.pid, slot.start, signal.SIGKILL)
            self.result.kills += 1
            self._ended.append(time.monotonic())

    def _drain(self) -> None:
        def drained() -> bool:
            self.load.tidy()
            counts = [self.app.reader.counts(queue) for queue in QUEUES]
            return not any(one.present for one in counts) and all(self.app.reader.unfinished(queue) <= 0 for queue in QUEUES)

        self._wait(drained, "for all jobs to be done")
        self._wait(lambda: len(self._pids()) == 4, "for killed worker processes to be replaced")

    def _judge(self) -> None:
        result = self.result
        result.enqueued = self.load.enqueued
        found = {queue: self.app.reader.counts(queue) for queue in QUEUES}
        result.counts = {queue: (one.enqueued, one.completed, one.deleted) for queue, one in found.items()}
        if sum(one.enqueued for one in found.values()) != result.enqueued:
            # what follows a job that was deleted or cancelled is not enqueued
            result.wrong += [] if sum(one.enqueued for one in found.values()) < result.enqueued else [f"more jobs than {result.enqueued}"]
        result.left = sorted(self._left())
        result.wrong += [f"{finding.queue}: {finding.line}" for finding in check(self.app.store)]
        lately = sum(1 for at in self._ended if time.monotonic() - at < GRAVE) + 4
        for queue in QUEUES:
            for name in ("graves", "settled"):
                if (size := self.app.channel.ask([("HLEN", self.app.store.keys(queue)[name])])[0]) > lately + 1:  # `by hand` is one
                    result.wrong.append(f"{queue}: {size} {name}, though only {lately} processes ended lately")
        result.wrong += growing(result.samples)

    def _left(self) -> Iterator[str]:
        for name in (key.decode() for key in self.app.channel.ask([("KEYS", "*")])[0]):
            kind = name.rpartition("}:")[2]
            if name not in ("ns:queues", "ns:schema") and kind not in REMAIN:
                yield name

    def _pids(self) -> list[int]:
        return [slot.pid for queue in QUEUES for slot in self.app.reader.slots(queue) if is_alive(slot.pid, slot.start)]

    def _files(self) -> list[int]:
        return [files(pid) for pid in (self._runner.pid, *children(self._runner.pid)[:1])]

    def _wait(self, true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 120
        while not true():
            if time.monotonic() > deadline or self._runner.poll() is not None:
                raise TimeoutError(f"waited in vain {what}; see {self._directory}/log")
            time.sleep(0.05)


def soak(options: Options, directory: Path, tell: Callable[[Sample], object] = lambda _: None) -> Result:
    """Run it in an empty directory."""
    with running("redis" if find_binary("redis") else "valkey") as server:
        return Soak(options, directory, server).run(tell)
