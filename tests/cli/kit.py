"""The command line as a person meets it: what went in, what came out; and jobs in every place to look at."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import exqueue
from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.job import Claim, ErrorInfo, Header, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Retry
from exqueue.store.blocking import readable

ROOT: Final = Path(exqueue.__file__).parents[1]
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?")
RAW: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Result:
    """What a command ended with. Times read as `T`: they are never the same twice."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        return json.loads(MOMENT.sub("T", self.out))

    @property
    def lines(self) -> list[str]:
        """The lines of the output, with runs of blanks as one."""
        return [" ".join(line.split()) for line in MOMENT.sub("T", self.out.rstrip()).splitlines()]

    @property
    def whole(self) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        return self.code, self.out, self.err

    @property
    def refusal(self) -> tuple[int, str, str]:
        """Exit code, standard output, and the one line on standard error."""
        assert self.err.count("\n") == 1, self.err
        return self.code, self.out, self.err.rstrip("\n")


def run(*words: str | bytes, cwd: Path, env: dict[str, str] | None = None, text: str | None = None) -> Result:
    """`python -m exqueue` as a process of its own; `text`: its standard input."""
    done = subprocess.run([sys.executable, "-m", "exqueue", *words], capture_output=True, input=(text or "").encode(),
                          cwd=cwd, env=environment(env), timeout=50)  # fmt: skip
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Of a process that finds this exqueue, and no settings but those given."""
    own = {"COLUMNS", "LINES"}  # of whoever runs the tests; what is started here may have a terminal of another size
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXQUEUE_") and name not in own}
    return {**kept, "PYTHONPATH": str(ROOT), "TZ": "UTC", **(more or {})}


def survivors(directory: Path) -> dict[int, str]:
    """The command lines, by pid, of all processes that name this directory, or had it in the environment they were started with."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes()  # the server writes its own, over its environment
            if os.fsencode(directory) in line + (path / "environ").read_bytes():
                found[int(path.name)] = line.replace(b"\0", b" ").decode().strip()
    return found


def clear(directory: Path) -> dict[int, str]:
    """Kill what survived there, so that a test that fails leaves nothing; what it was."""
    found = survivors(directory)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def soon(is_so: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask until the answer is true, and give it back."""
    end = time.monotonic() + seconds
    while not (answer := is_so()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return answer


class Terminal:
    """A command in a pseudo terminal, 180 columns wide."""

    def __init__(self, *words: str, cwd: Path, env: dict[str, str] | None = None) -> None:
        self._side, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 180, 0, 0))
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "env", "--default-signal=INT", sys.executable, "-m", "exqueue", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment({"TERM": "xterm", **(env or {})}),
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def until(self, text: str, seconds: float = 40) -> str:
        """Read until the text is shown; what was shown so far."""
        end = time.monotonic() + seconds
        while text not in self.shown and self._read(end - time.monotonic()):
            pass
        assert text in self.shown, self.shown
        return self.shown

    def type(self, text: str) -> None:
        """Type this."""
        os.write(self._side, text.encode())

    def end(self, seconds: float = 40) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        os.close(self._side)
        return self._process.wait(5)

    def _read(self, seconds: float) -> bool:
        found = readable([self._side], max(0.0, seconds))
        with contextlib.suppress(OSError):  # EIO: everybody has closed the other side
            chunk = os.read(self._side, 65536) if found else b""
            self.shown += chunk.decode(errors="replace")
            return bool(chunk)
        return False


class Hands:
    """Puts jobs where a test wants them, without a runner. `queue`: that of all its jobs."""

    def __init__(self, app: Exqueue, queue: str = "Add") -> None:
        self.app, self.queue = app, queue
        self.keys = app.store.keys(queue)
        self._tokens = count(1)

    def put(
        self, *ids: str, worker: str = "shop:Add", args: str = "1, b=2", body: bytes = b"\x01", delay: int = 0, at: int = 1, **terms: Any,
    ) -> None:  # fmt: skip
        """Enqueue jobs; `delay` in ms. `terms`: as of `Terms`."""
        header = Header(worker=worker, at=at, args=args, by="reference", python="3.11", cloudpickle="3", size=len(body))
        agreed = Terms(**{"blocks": "key" in terms, **terms}).encode()
        self.app.store.enqueue(self.queue, [NewJob(job_id, header, body, agreed) for job_id in ids], f"+{delay}" if delay else "")

    def claim(self, slot: str = "s") -> Claim:
        """Start the next job."""
        self.app.store.register(self.queue, slot, '{"runner":"r"}', "r")
        found = self.app.store.claim(self.queue, slot, f"{slot}/{next(self._tokens)}")
        assert isinstance(found, Claim)
        return found

    def fail(self, *ids: str, error: ErrorInfo | None = None, **how: Any) -> None:
        """Enqueue jobs and let them fail for good, once each."""
        for job_id in ids:
            self.put(job_id, **how)
            self.fail_next(error or oops("no such customer"))

    def fail_next(self, error: ErrorInfo) -> None:
        """Let the next job fail for good."""
        self.app.store.apply(self.claim(), "s", Fail(error))

    def retry(self, job_id: str) -> None:
        """Enqueue a job and let it fail once; it waits for its next attempt."""
        self.put(job_id)
        self.app.store.apply(self.claim(), "s", Retry(3600, oops("try later")))

    def ask(self, *command: Any) -> Any:
        """A plain command to Redis."""
        return self.app.channel.ask([command])[0]

    def age(self, job_id: str, place: str, hours: int) -> None:
        """Let it have come there so long ago."""
        self.ask("ZADD", self.keys[place], int((time.time() - 3600 * hours) * 1000), job_id)


def places(app: Exqueue) -> dict[str, list[str]]:
    """The ids of all jobs, by `queue place`; empty places left out."""
    found = {
        f"{queue.name} {place}": [job.id for job in queue.jobs(place)]
        for queue in app.queues() for place in Place if place is not Place.NONE
    }  # fmt: skip
    return {where: ids for where, ids in found.items() if ids}


def oops(message: str, kind: str = "ValueError", **more: Any) -> ErrorInfo:
    """The error of a first attempt."""
    known = {"reason": "error", "traceback": f"Traceback:\n{kind}: {message}\n", "attempt": 1, "when": 1, "where": "host:1"}
    return ErrorInfo(**{"type": kind, "message": message, **known, **more})
