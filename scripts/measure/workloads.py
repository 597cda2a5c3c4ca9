"""One measurement of one system on an empty server: what it was asked to do, and the figures."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.measure import record
from scripts.measure.client import WARM
from scripts.measure.server import Counts, Server
from scripts.measure.systems.table import URL, VARIANT, System

ROOT: Final = Path(__file__).parents[2]
POLL: Final = 0.01  # seconds
GRACE: Final = 10.0  # seconds worker processes get to end
STARTING: Final = 20.0  # seconds until each worker process should have a job; one at least must
CALM: Final = 0.5  # seconds after which a worker process waits for jobs

Figures = dict[str, float]


class Failed(Exception):
    """A system did not do what it was asked to do."""


@dataclass(frozen=True)
class Size:
    """How much is measured. `seconds`: the longest that jobs are enqueued or run in one measurement."""

    jobs: int
    seconds: float
    latency_jobs: int


@dataclass(frozen=True)
class Run:
    """One system on one server. `directory`: where it may write."""

    system: System
    server: Server
    directory: Path
    size: Size

    @property
    def log(self) -> Path:
        """What the jobs write."""
        return self.directory / "jobs"

    @property
    def ready(self) -> Path:
        """A byte of each worker process that has a job."""
        return self.directory / "ready"

    @property
    def gate(self) -> Path:
        """There, once they may run it."""
        return self.directory / "open"

    @property
    def output(self) -> Path:
        """What the worker processes say."""
        return self.directory / "output"

    def reset(self) -> None:
        """Begin with nothing."""
        self.server.empty()
        self.gate.unlink(missing_ok=True)
        for path in (self.log, self.ready, self.output):
            path.write_bytes(b"")

    def environment(self) -> dict[str, str]:
        """Of clients and worker processes; what is set for exqueue elsewhere is not meant here."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EXQUEUE_")}
        ours = {URL: self.server.url, VARIANT: self.system.name, "PYTHONPATH": str(ROOT), record.LOG: str(self.log)}
        return {**kept, **ours, record.READY: str(self.ready), record.OPEN: str(self.gate)}

    def ask(self, operation: str, count: int) -> tuple[int, float]:
        """Let a client process do this; how many jobs, in how many seconds."""
        words = [sys.executable, "-m", "scripts.measure.client", self.system.name, operation, str(count), str(self.size.seconds)]
        ran = subprocess.run(words, env=self.environment(), cwd=self.directory, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Failed(f"its client failed: {_last_line(ran.stderr)}")
        told = json.loads(ran.stdout.splitlines()[-1])
        return told["done"], told["seconds"]

    @contextlib.contextmanager
    def working(self, processes: int) -> Iterator[Callable[[], None]]:
        """Worker processes; they end with the block. Yields what raises Failed once all of them are gone."""
        with self.output.open("ab") as output:
            started = [
                subprocess.Popen([sys.executable, *words], env=self.environment(), cwd=self.directory,
                                 stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
                for words in self.system.commands(self.server.url, processes)
            ]  # fmt: skip

        def check() -> None:
            if all(process.poll() is not None for process in started):
                raise Failed(f"its worker processes have ended: {_last_line(self.output.read_text('utf-8', 'replace'))}")

        try:
            yield check
        finally:
            _end(started)


def enqueue(run: Run, how: str) -> Figures:
    """`how`: "enqueue", one by one, or "many"."""
    run.reset()
    asking, before = run.server.asking(), run.server.counts()
    done, seconds = run.ask(how, run.size.jobs)
    if not done:
        return {}  # it has no call for many
    return {"jobs/s": done / seconds, **_costs(before, run.server.counts(), asking, done + WARM)}


def drain(run: Run, processes: int) -> Figures:
    """Jobs wait, worker processes start; from the first job after all of them have one to the last."""
    run.reset()
    empty = run.server.counts().memory
    filled, _ = run.ask("fill", run.size.jobs)
    memory = (run.server.counts().memory - empty) / filled
    asking = run.server.asking()
    with run.working(processes) as check:
        _wait(lambda: run.ready.stat().st_size >= processes, STARTING, check)
        before = run.server.counts()
        run.gate.touch()
        _wait(lambda: record.count(run.log) >= filled, run.size.seconds, check)
        after, begun = run.server.counts(), sorted(start for _, _, start in record.records(run.log))
    if len(begun) < 2:
        raise Failed(f"it ran {len(begun)} of {filled} jobs in {run.size.seconds:g} s")
    rate = (len(begun) - 1) / (begun[-1] - begun[0]) * 1e9
    return {"jobs/s": rate, "run": len(begun), "memory": memory, **_costs(before, after, asking, len(begun))}


def latency(run: Run) -> Figures:
    """One idle worker process, a job now and then: ms from the call that enqueues it to its first line."""
    run.reset()
    run.gate.touch()
    with run.working(1) as check:
        run.ask("fill", WARM)
        _wait(lambda: record.count(run.log) >= WARM, STARTING, check)
        time.sleep(CALM)
        run.ask("trickle", run.size.latency_jobs)
        check()
    waits = sorted((begun - enqueued) / 1e6 for _, enqueued, begun in record.records(run.log)[WARM:])
    if len(waits) < 2:
        raise Failed("it ran no job")
    return {"p50": statistics.median(waits), "p99": waits[min(len(waits) - 1, round(0.99 * len(waits)))], "run": len(waits)}


def measures(processes: list[int]) -> dict[str, Callable[[Run], Figures]]:
    """All workloads by their names."""
    drains = {f"drain {count}": (lambda run, count=count: drain(run, count)) for count in processes}
    one_by_one: dict[str, Callable[[Run], Figures]] = {"enqueue": lambda run: enqueue(run, "enqueue")}
    return {**one_by_one, "enqueue_many": lambda run: enqueue(run, "many"), **drains, "latency": latency}


def _wait(over: Callable[[], bool], seconds: float, check: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while not over() and time.monotonic() < until:
        check()
        time.sleep(POLL)


def _costs(before: Counts, after: Counts, asking: Counts, jobs: int) -> Figures:
    """What a job has cost the server, without the asking."""
    return {
        "commands": (after.commands - before.commands) / jobs,
        "reads": (after.reads - before.reads - asking.reads) / jobs,
        "bytes": (after.bytes - before.bytes - asking.bytes) / jobs,
        "cpu": max(0.0, after.cpu - before.cpu - asking.cpu) / jobs * 1e6,
    }


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    """Ask them to end, then kill what is left of their sessions, each of which is ours."""
    for process in started:
        process.terminate()
    until = time.monotonic() + GRACE
    for process in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]
