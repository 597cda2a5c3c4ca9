"""A bench for real processes: a directory, a module of workers, runners, and ways to wait for what they do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from exqueue.app import Exqueue
from exqueue.model.lifecycle import Place
from exqueue.model.settings import Settings
from exqueue.store.invariants import broken

ROOT = Path(__file__).parents[2]

PRELUDE = """
import os, signal, sys, time
from exqueue import Reject, Retry, Snooze, Worker, constant

def say(*words):
    line = " ".join(map(str, words)) + "\\n"
    fd = os.open("said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line.encode())
    os.close(fd)

def gate(name="gate"):
    while not os.path.exists(name):
        time.sleep(0.005)
"""


class Rig:
    """One test's world. `said`: what the jobs reported, line by line, in order."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.app = Exqueue(settings=Settings(url=url, namespace=f"t{uuid.uuid4().hex[:12]}"))
        self.runners: list[subprocess.Popen[bytes]] = []

    def workers(self, source: str) -> None:
        """Write the module `jobs`, which the runners load."""
        (self.directory / "jobs.py").write_text(PRELUDE + source)

    def enqueue(self, worker: str, *args: object, **options: object) -> str:
        """Enqueue through the command line's way in: by name, in a process of its own."""
        words = ["--url", self.app.settings.url, "--namespace", self.app.settings.namespace, "enqueue", f"jobs:{worker}"]
        return self.exqueue(*words, *map(str, args)).strip()

    def enqueue_many(self, worker: str, count: int) -> list[str]:
        """Enqueue jobs with the arguments 0, 1, 2, …"""
        return self.client(f"for job in app.enqueue_many(jobs.{worker}, [call(n) for n in range({count})]): print(job.id)").split()

    def client(self, code: str) -> str:
        """Run code of a client, which has `app`, `jobs` and all of exqueue, in a process of its own; its output."""
        begin = "import sys\nfrom exqueue import *\nimport jobs\napp = Exqueue(sys.argv[1], namespace=sys.argv[2])\n"
        return self._python("-c", begin + code, self.app.settings.url, self.app.settings.namespace)

    def exqueue(self, *words: str) -> str:
        """Run a command to its end; its output."""
        return self._python("-m", "exqueue", *words)

    def command(self, *words: str) -> str:
        """Run a command on the queues of this test; its output."""
        return self.exqueue("--url", self.app.settings.url, "--namespace", self.app.settings.namespace, *words)

    def start(self, *words: str, target: str = "jobs", **environment: str) -> subprocess.Popen[bytes]:
        """Start a runner; its log goes to `log`."""
        settings = self.app.settings
        command = [sys.executable, "-m", "exqueue", "--url", settings.url, "--namespace", settings.namespace, "run", target]
        with (self.directory / "log").open("ab") as log:
            env = {**self.environment(), **environment}
            process = subprocess.Popen([*command, *words], cwd=self.directory, env=env, stderr=log, stdin=subprocess.DEVNULL)
        self.runners.append(process)
        return process

    def burst(self, *words: str, **environment: str) -> int:
        """Run everything that there is to run; the exit code."""
        return self.start("--burst", *words, **environment).wait(60)

    @property
    def said(self) -> list[str]:
        """What the jobs have reported so far."""
        path = self.directory / "said"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def log(self) -> str:
        """The log of all runners."""
        return (self.directory / "log").read_text()

    def open_gate(self, name: str = "gate") -> None:
        """Let the jobs that wait at a gate go on."""
        (self.directory / name).touch()

    def until(self, true: Callable[[], object], what: str = "") -> None:
        """Wait until something has happened; fail after a while."""
        deadline = time.monotonic() + 30
        while not true():
            assert time.monotonic() < deadline, f"waited in vain {what}; said {self.said[-5:]}; log:\n{self.log[-3000:]}"
            time.sleep(0.005)

    def pids(self, queue: str) -> list[int]:
        """The worker processes of a queue, as registered."""
        return [slot.pid for slot in self.app.reader.slots(queue)]

    def worker_of(self, queue: str) -> int:
        """The process that runs a job of this queue, once there is one."""
        self.until(lambda: any(self.app.reader.held(queue, [s.slot]) for s in self.app.reader.slots(queue)), "for a job to be claimed")
        return next(s.pid for s in self.app.reader.slots(queue) if self.app.reader.held(queue, [s.slot]))

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """Signal a runner and wait for its end; the exit code."""
        process.send_signal(number)
        return process.wait(30)

    def line_up(self, queue: str) -> list[str]:
        """The ids that are pending, in order."""
        return [job.id for job in self.app.queue(queue).jobs(Place.PENDING)]

    def close(self) -> None:
        """Kill what is left, then check what must be true."""
        for process in self.runners:
            process.kill()
            process.wait()
        self.until(lambda: not self._left_over(), "for the worker processes to die with their runner")
        found = broken(self.app.channel, self.app.settings.namespace)
        assert not found, found
        self.app.close()

    def _left_over(self) -> list[str]:
        found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
        mine = re.compile(re.escape(self.app.settings.namespace))
        return [line for line in found if mine.search(line)]

    def _python(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.directory, env=self.environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        """For processes of this test: they find the module `jobs`, and exqueue as it is here."""
        return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.directory}"}
