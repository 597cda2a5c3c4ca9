"""What a job, a list and a repair cost as a queue grows: `growth.py [--queued 1000,100000] [--failed N] [--keys N]`.

Starts a Redis of its own on a Unix socket. How to read the figures: docs/growth.md.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.codec import encode
from exqueue.model.ids import new_id
from exqueue.model.job import Claim, ErrorInfo, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from exqueue.model.policy import Fail
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker
from exqueue.store.channel import open_channel

TRACEBACK = "Traceback (most recent call last):\n" + '  File "app.py", line 7, in perform\n    raise ValueError(number)\n' * 10
ERROR = ErrorInfo("error", "ValueError", "no", TRACEBACK, 1, 1_763_882_000_123, "host/12")
QUEUE = "Grown"
SAMPLE = 2000  # jobs that are run to see what one costs


class Grown(Worker):
    """Never run."""

    def perform(self, number: int) -> None: ...


@dataclass(frozen=True)
class Bench:
    """A server and an app on it."""

    app: Exqueue
    url: str

    def info(self, section: str) -> dict[str, str]:
        lines = self.app.channel.ask([("INFO", section)])[0].decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def cpu(self) -> float:
        """Seconds of CPU that the server has used."""
        found = self.info("cpu")
        return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])

    def commands(self) -> int:
        """Commands that it has run, those of scripts too."""
        return sum(int(value.split(",")[0].removeprefix("calls=")) for name, value in self.info("commandstats").items())

    def slow(self) -> str:
        """What took the server longer than 10 ms since the last time. On a busy machine that is also what was not let run."""
        found = self.app.channel.ask([("SLOWLOG", "GET", -1), ("SLOWLOG", "RESET")])[0]
        own = [int(entry[2]) for entry in found if entry[3][0] != b"FLUSHALL"]
        return f"{len(own)} above 10 ms, the longest {max(own) / 1000:.0f} ms" if own else "none above 10 ms"

    def empty(self) -> None:
        self.app.channel.ask([("FLUSHALL",)])

    def put(self, count: int, *, keyed: bool = False) -> None:
        """So many jobs; `keyed`: each of a key of its own that it blocks if it fails."""
        for start in range(0, count, 1000):
            jobs = []
            for number in range(start, min(start + 1000, count)):
                header, body = encode(Grown, call(number), 1_763_882_000_123, 10**6)
                jobs.append(NewJob(new_id(), header, body, Terms(f"k{number}", blocks=True).encode() if keyed else ""))
            self.app.store.enqueue(QUEUE, jobs)

    def fail(self, count: int) -> None:
        """Run so many, all of which fail for good."""
        self.app.store.register(QUEUE, "s", "{}", "r")
        for number in range(count):
            claim = self.app.store.claim(QUEUE, "s", f"s/{number}")
            assert isinstance(claim, Claim)
            self.app.store.apply(claim, "s", Fail(ERROR))

    def run(self, count: int) -> None:
        """Run so many, all of which succeed."""
        self.app.store.register(QUEUE, "s", "{}", "r")
        claim: Any = self.app.store.claim(QUEUE, "s", f"s/{new_id()}")
        for _ in range(count - 1):
            claim = self.app.store.complete(claim, "s", f"s/{new_id()}")
        self.app.store.complete(claim, "s", "")

    def cost(self, count: int) -> tuple[float, float]:
        """Microseconds of the server, and commands, to claim and complete a job."""
        cpu, commands = self.cpu(), self.commands()
        self.run(count)
        return (self.cpu() - cpu) / count * 1e6, (self.commands() - commands) / count

    def command(self, *words: str) -> tuple[float, int, str]:
        """A command of exqueue: seconds, the most memory it had in kB, and its last line."""
        started, most = time.perf_counter(), 0
        with subprocess.Popen(
            [sys.executable, "-m", "exqueue", "--url", self.url, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout
            with contextlib.suppress(OSError, StopIteration):  # until it ends; what wait4 says counts what it was forked from
                while process.poll() is None:
                    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    most = int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
                    time.sleep(0.01)
            said = process.stdout.read().splitlines()
        return time.perf_counter() - started, most, said[-1] if said else f"exit code {process.returncode}"


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="exq-growth-") as directory:
        places = ["--port", "0", "--unixsocket", f"{directory}/s", "--dir", directory, "--save", "", "--appendonly", "no"]
        slow = ["--slowlog-log-slower-than", "10000", "--slowlog-max-len", "100000"]
        server = subprocess.Popen(["redis-server", *places, *slow], stdout=subprocess.DEVNULL)
        try:
            url = f"unix://{directory}/s"
            yield Bench(Exqueue(settings=Settings(url=url), channel=open_channel(url, patience=20)), url)
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()


def pages(one: Bench, *places: Place) -> str:
    """How long the counts take, and the first page of each list, as the commands ask for them: the best of five."""
    asked: dict[str, Callable[[], object]] = {
        "counts": lambda: [queue.counts() for queue in one.app.queues()],
        **{place.value: lambda place=place: list(islice(one.app.jobs(place), 101)) for place in places},  # type: ignore[misc]
        "blocked": lambda: list(islice(one.app.reader.each_blocked(QUEUE), 101)),
    }
    return ", ".join(f"{name} {min(timed(ask) for _ in range(5)) * 1000:.0f} ms" for name, ask in asked.items())


def timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def queued(one: Bench, counts: list[int]) -> None:
    print(f"{'queued':>9} {'server us/job':>14} {'commands/job':>13} {'us/enqueue':>11}  first pages")
    for count in counts:
        one.empty()
        before = one.cpu()
        one.put(count)
        enqueue = (one.cpu() - before) / count * 1e6
        cpu, commands = one.cost(min(SAMPLE, count))
        print(
            f"{count:9,} {cpu:14.1f} {commands:13.2f} {enqueue:11.1f}  {pages(one, Place.PENDING)}; {one.slow()}",
            flush=True,
        )


def failed(one: Bench, count: int) -> None:
    one.empty()
    one.put(count)
    one.fail(count)
    print(f"\n{count:,} failed: {pages(one, Place.FAILED)}; {one.slow()}", flush=True)
    for words in (["failed", "requeue", "--all"], ["failed", "delete", "--all", "--yes"]):
        seconds, memory, said = one.command(*words)
        print(f"{' '.join(words)}: {seconds:.1f} s, {memory // 1024} MB; {said}; {one.slow()}", flush=True)
        if "requeue" in words:
            one.fail(count)


def keys(one: Bench, count: int) -> None:
    one.empty()
    one.put(count, keyed=True)
    cpu, commands = one.cost(SAMPLE)
    print(f"\n{count:,} keys: {cpu:.1f} us, {commands:.2f} commands a job; {pages(one, Place.PENDING)}", flush=True)
    one.fail(count - SAMPLE)
    print(f"all blocked: {pages(one, Place.FAILED)}; {one.slow()}", flush=True)
    seconds, memory, said = one.command("failed", "requeue", "--all")
    print(f"failed requeue --all: {seconds:.1f} s, {memory // 1024} MB; {said}; {one.slow()}", flush=True)


def many(one: Bench, count: int) -> None:
    """How long another client waits at most for a PING, and how fast it is against one by one."""
    one.empty()
    calls = [call(number) for number in range(count)]
    pinger = subprocess.Popen(
        [sys.executable, "-c", PINGER, one.url.removeprefix("unix://")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert pinger.stdout
    pinger.stdout.readline()
    started = time.perf_counter()
    one.app.enqueue_many(Grown, calls)
    together = (time.perf_counter() - started) / count
    gaps, _ = pinger.communicate("\n")
    single = min(count, 5000)
    started = time.perf_counter()
    for number in range(single):
        one.app.enqueue(Grown, number)
    alone = (time.perf_counter() - started) / single
    print(f"\nenqueue_many of {count:,}: {together * 1e6:.1f} us a job, one by one {alone * 1e6:.1f} us, {alone / together:.1f} x;"
          f" the longest PING meanwhile took {gaps.strip()}; {one.slow()}")  # fmt: skip


PINGER = """
import select, socket, sys, time
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
print("ready", flush=True)
times = []
while not select.select([sys.stdin], [], [], 0.0005)[0]:
    started = time.perf_counter()
    line.sendall(b"PING\\r\\n")
    line.recv(64)
    times.append(time.perf_counter() - started)
times.sort()
print(f"{times[-1] * 1000:.1f} ms, the middle one {times[len(times) // 2] * 1000:.2f} ms of {len(times):,}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", default="1000,10000,100000,1000000")
    parser.add_argument("--failed", type=int, default=300_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=100_000)
    given = parser.parse_args()
    with bench() as one:
        queued(one, [int(number) for number in given.queued.split(",") if number])
        if given.many:
            many(one, given.many)
        if given.keys:
            keys(one, given.keys)
        if given.failed:
            failed(one, given.failed)


if __name__ == "__main__":
    main()
