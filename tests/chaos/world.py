"""What a chaos run does things to: a server, ways to it, runners, clients. All on this machine, in one directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.runtime.host import start_time
from tests.chaos import workers
from tests.chaos.processes import children, parents
from tests.store.proxy import proxy_to
from tests.store.servers import find_binary

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "chaos"
TARGETS: Final = tuple(f"tests.chaos.workers:{kind.__name__}" for kind in workers.KINDS)
UNREACHABLE: Final = 3  # the exit code of a runner that cannot use Redis at its start
HOPELESS: Final = 20  # so many troubles
START: Final = 60.0  # seconds at most
AGAIN: Final = 0.3  # seconds until a process is started again that ended for that


@dataclass(frozen=True, slots=True)
class Options:
    """`jobs`, `faults`: how many. `server`: redis or valkey. `fsync`: appendfsync. `hosts`: 2: the second runner is on another one."""

    seed: int
    seconds: float = 300.0
    jobs: int = 60_000
    faults: int = 300
    server: str = "redis"
    fsync: str = "everysec"
    hosts: int = 1
    lease: float = 2.5
    producers: int = 2


class Server:
    """Redis or Valkey with an append-only file."""

    def __init__(self, directory: Path, kind: str, fsync: str) -> None:
        self._data = directory / "data"
        self._data.mkdir()
        self._options = ["--port", "0", "--unixsocket", str(directory / "s"), "--dir", str(self._data), "--save", "", "--appendonly", "yes"]
        self._options += ["--appendfsync", fsync, "--auto-aof-rewrite-min-size", "16mb", "--logfile", str(directory / "server.log")]
        binary = find_binary(kind)
        if binary is None:
            raise SystemExit(f"there is no {kind}-server on PATH")
        self._binary = binary
        self.socket = str(directory / "s")
        self.start()

    def start(self) -> None:
        """Begin, or go on with what is on disk; returns at once."""
        self.process = subprocess.Popen([self._binary, *self._options], stdout=subprocess.DEVNULL, start_new_session=True)

    def kill(self) -> None:
        """As by kill -9."""
        self.process.kill()
        self.process.wait()


class Member:
    """A runner or a client: a process that is started again when it has ended.

    `may_end`: with which exit code it may do so by itself, before it has written `[pid] runner` to the log.
    """

    def __init__(self, name: str, command: list[str], directory: Path, *, may_end: int | None = None, **environment: str) -> None:
        self.name = name
        self._command = command
        self._directory = directory
        self._may_end = may_end
        inherited = {variable: value for variable, value in os.environ.items() if not variable.startswith("EXQUEUE_")}
        self._environment = {**inherited, "PYTHONPATH": str(ROOT), **environment}
        self._start_at = 0.0
        self._is_expected, self._pause = False, AGAIN
        self.former: list[subprocess.Popen[bytes]] = []
        self.ended: int | None = None
        self._begin()

    @property
    def host(self) -> str:
        """As the jobs write it down."""
        return self._environment.get("EXQUEUE_HOST_ID", "here")

    def _begin(self) -> None:
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=self._directory, env=self._environment, stderr=log, stdin=subprocess.DEVNULL)
        self._is_expected, self._pause, self.ended = False, AGAIN, None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self.process.pid if start_time(self.process.pid) else None

    def expect_end(self, pause: float) -> None:
        """It was told to end, or killed; a new one begins so many seconds after its end."""
        self._is_expected, self._pause = True, pause

    def replace(self) -> None:
        """Tell it to stop, and start a new one at once."""
        self.process.terminate()
        self.former.append(self.process)
        self._begin()

    def keep(self, now: float) -> str:
        """Start it again if it is time; what went wrong, if it ended by itself."""
        if self.ended is None:
            self.ended = self.process.poll()
            if self.ended is None:
                return ""
            self._start_at = now + self._pause
            if not self._is_expected and (self.ended != self._may_end or self._had_begun()):
                return f"{self.name} ended by itself, with status {self.ended}; see the log"
        elif now >= self._start_at:
            self._begin()
        return ""

    def _had_begun(self) -> bool:
        return f"[{self.process.pid}] runner".encode() in (self._directory / "log").read_bytes()


class World:
    """A chaos run's processes. Use as a context: whatever is left at its end is killed."""

    def __init__(self, options: Options, directory: Path) -> None:
        self.options = options
        self.directory = directory
        self.trouble: list[str] = []
        self._open = ExitStack()

    def __enter__(self) -> World:
        options, directory = self.options, self.directory
        self.server = Server(directory, options.server, options.fsync)
        self._open.callback(self.server.kill)
        self.ways = [self._open.enter_context(proxy_to(self.server.socket, tcp=True)) for _ in range(3)]  # of both runners, of the clients
        self.app = Exqueue(settings=Settings(url=f"unix://{self.server.socket}", namespace=NAMESPACE, patience=20))
        self._open.callback(self.app.close)
        self.app.queues()  # it is up
        self.runners = [self._runner(number) for number in range(2)]
        self.producers: list[Member] = []
        self.person = self._client("person", "person")
        self.wait(self.is_served, START, "for both runners to start")
        start = time.monotonic()
        self.producers += [self._producer(number, start) for number in range(options.producers)]
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self.server.process.send_signal(signal.SIGCONT)
        for member in [*self.runners, *self.producers, self.person]:
            for process in [*member.former, member.process]:
                process.kill()
                process.wait()
        self._open.close()

    def _runner(self, number: int) -> Member:
        own = {"EXQUEUE_HOST_ID": "elsewhere"} if number and self.options.hosts == 2 else {}
        command = [sys.executable, "-m", "exqueue", "--url", self.ways[number].url, "--namespace", NAMESPACE, "run", *TARGETS]
        return Member(
            f"runner {number}", [*command, "--lease", str(self.options.lease), "--grace", "2"], self.directory, may_end=UNREACHABLE, **own
        )

    def _client(self, name: str, role: str, *words: object, may_end: int | None = None) -> Member:
        command = [sys.executable, "-m", "tests.chaos.clients", role, self.ways[2].url, NAMESPACE, str(self.options.seed)]
        return Member(name, [*command, *map(str, words)], self.directory, may_end=may_end)

    def _producer(self, number: int, start: float) -> Member:
        options = self.options
        jobs = options.jobs // options.producers
        return self._client(f"producer {number}", "producer", number, options.producers, jobs, jobs / options.seconds, start, may_end=0)

    def family(self, runner: Member) -> tuple[list[int], list[int]]:
        """Its fork server, if it has one, and the worker processes."""
        if runner.pid is None:
            return [], []
        tree = parents()
        servers = children(runner.process.pid, tree)
        return servers, [worker for server in servers for worker in children(server, tree)]

    def is_served(self) -> bool:
        """Whether both runners have worker processes."""
        return all(self.family(runner)[1] for runner in self.runners)

    def keep(self) -> None:
        """Start again what has ended and is not done. Producers that have enqueued everything end with 0."""
        now = time.monotonic()
        for member in [*self.runners, *self.producers, self.person]:
            if (member not in self.producers or member.ended != 0) and (trouble := member.keep(now)):
                self.trouble.append(trouble)

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> bool:
        """Keep everything going until something is so, at most so long; then it is written down as trouble."""
        deadline = time.monotonic() + seconds
        while not done():
            self.keep()
            if time.monotonic() > deadline or len(self.trouble) > HOPELESS:
                self.trouble.append(f"waited {seconds:g} s in vain {what}")
                return False
            time.sleep(0.05)
        return True
