"""`exqueue demo`: the whole life of jobs in a few seconds, with real processes on a server that is thrown away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from exqueue.app import Exqueue
from exqueue.cli import render
from exqueue.cli.demo_workers import CountWords, ImportLedger, SendInvoice
from exqueue.model.errors import ExqueueError
from exqueue.model.options import call
from exqueue.runtime.host import is_alive

LONGEST: Final = 25.0
WORKERS: Final = (CountWords, SendInvoice, ImportLedger)


def demo() -> None:
    """Run jobs of three workers; some fail, one is killed; watch what becomes of them. Needs no set-up, leaves nothing."""
    out = render.console()
    with tempfile.TemporaryDirectory(prefix="exqueue-demo-") as directory:
        app = Exqueue(f"embedded:{directory}/data", namespace="demo")  # with all else that is set, signing keys above all, as the runner
        try:
            _enqueue(app, out)
            with _runner(app, Path(directory)) as process:
                victim = _watch(app, out, process)
            _conclude(app, out, victim)
        finally:
            app.close()


def _enqueue(app: Exqueue, out: Console) -> None:
    app.enqueue_many(CountWords, [call(f"page {page} of a book that nobody has read") for page in range(12)])
    app.enqueue(SendInvoice, 4711)
    app.enqueue_many(ImportLedger, [call("2026/october.csv"), call("2026/broken.csv"), call("2026/november.csv")])
    out.print("16 jobs are in the queues; now a runner with 4 worker processes starts:")
    out.print("  exqueue run exqueue.cli.demo_workers --burst\n", style="bold")


@contextmanager
def _runner(app: Exqueue, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    where = ["--url", app.settings.url, "--namespace", "demo"]
    command = [sys.executable, "-m", "exqueue", *where, "run", "exqueue.cli.demo_workers", "--burst", "--grace", "1"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield process
            if process.poll() is None:
                raise ExqueueError(f"the runner has not ended after {LONGEST:g} s; this machine may be very busy, try again")
            if process.returncode:
                raise ExqueueError(
                    f"the runner ended with {process.returncode}: {(directory / 'log').read_text('utf-8', 'replace')[-500:]}"
                )
        finally:
            if process.poll() is None:  # asked, not killed: what dies of a kill still holds the server for a moment
                process.terminate()
                process.wait(10)


def _watch(app: Exqueue, out: Console, process: subprocess.Popen[bytes]) -> _Victim | None:
    began, victim, told = time.monotonic(), None, ""
    with Live(console=out, auto_refresh=False, transient=False) if out.is_terminal else _Plain() as live:
        while process.poll() is None and time.monotonic() - began < LONGEST:
            victim = victim or _kill_one(app)
            made, line = _progress(app, victim)
            if line != told:
                live.update(made, refresh=True)
                if not out.is_terminal:
                    out.print(line)
                told = line
            time.sleep(0.05)
    out.print()
    return victim


class _Plain:
    """In place of rich's Live where there is no terminal."""

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, renderable: Table, *, refresh: bool) -> None:
        """Nothing: the caller prints a line."""


@dataclass(frozen=True, slots=True)
class _Victim:
    """The process that was killed, and the arguments of the job it was running."""

    pid: int
    arguments: str


def _kill_one(app: Exqueue) -> _Victim | None:
    """Kill -9 the process of the slow worker while it runs its first job, as the kernel does when memory is short."""
    queue = ImportLedger.__name__
    for slot in app.reader.slots(queue):
        held = app.reader.held(queue, [slot.slot]).get(slot.slot, [])
        job = app.reader.find(queue, held[0]) if held else None
        if job and is_alive(slot.pid, slot.start):
            os.kill(slot.pid, signal.SIGKILL)
            return _Victim(slot.pid, job.header.args)
    return None


def _progress(app: Exqueue, victim: _Victim | None) -> tuple[Table, str]:
    made = render.table("queue", "#pending", "#processing", "#delayed", "#failed", "#completed")
    parts = []
    for worker in WORKERS:
        counts = app.queue(worker).counts()
        numbers = (counts.pending, counts.processing, counts.delayed, counts.failed, counts.completed)
        made.add_row(worker.__name__, *map(str, numbers))
        parts.append(f"{worker.__name__} {counts.completed} done, {counts.failed} failed")
    if victim:
        made.caption = f"kill -9 of worker process {victim.pid}, in the middle of a job"
        parts.append(f"kill -9 of worker process {victim.pid}")
    return made, "; ".join(parts)


def _conclude(app: Exqueue, out: Console, victim: _Victim | None) -> None:
    counts = [app.queue(worker).counts() for worker in WORKERS]
    enqueued, completed, failed = (sum(getattr(c, name) for c in counts) for name in ("enqueued", "completed", "failed"))
    out.print(
        f"{enqueued} enqueued = {completed} completed + {failed} failed; nothing lost, all accounted for: {all(c.adds_up for c in counts)}"
    )
    if victim:
        out.print(
            f"worker process {victim.pid} was killed while it ran ImportLedger({victim.arguments}): the job was recovered and ran again"
        )
    out.print("\nThe failed job stays until a person acts:\n")
    out.print(render.job_table(app.failed(), errors=True, width=out.width))
    job_id = app.failed()[0].id
    out.print("\nWith your own jobs you would now type one of:")
    for command in (f"failed show {job_id}", f"failed requeue {job_id}", f"failed delete {job_id}"):
        out.print(f"  exqueue {command}", style="bold")
