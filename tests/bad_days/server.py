"""A server of one test that has bad days: killed, cut off from its power, filled up, with a wrong clock; and started again."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from tests.store.servers import binary

SHIM: Final = Path(__file__).with_name("shim.c")


def compiled_shim(directory: Path) -> Path:
    """The shim, as a library; the test is skipped where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc") or pytest.skip("no C compiler on PATH")
    library = directory / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIM], check=True, timeout=60)
    return library


class Clock:
    """By how many seconds the clock on the wall of the processes with this environment is wrong."""

    def __init__(self, directory: Path, shim: Path) -> None:
        self._path = directory / "clock"
        self.environment = {"LD_PRELOAD": str(shim), "SHIM_CLOCK": str(self._path)}
        self._path.write_bytes(struct.pack("q", 0))

    def step(self, seconds: int) -> None:
        """Let it step, for processes that run, too."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("q", seconds))


class BadServer:
    """redis-server, or where there is none valkey-server, with a directory of its own, on a Unix socket."""

    def __init__(self, directory: Path, *options: str, **environment: str) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.socket = directory / "s"
        self.url = f"unix://{self.socket}"
        self.options = list(options)
        self.environment = environment
        self._channel = Channel(connector(self.url, 5), where=self.url, patience=20)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it with what its directory holds, and wait until it answers."""
        self.begin(*options)
        self.ask("PING")

    def begin(self, *options: str) -> None:
        """Start it, and wait for nothing."""
        kind = "redis" if shutil.which("redis-server") else "valkey"
        places = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory), "--save", "", "--appendonly", "yes"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(kind), *places, *self.options, *options],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Not to be ended by a write beyond the limit: a full disk is an error, too.
                preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ask(self, *command: Any) -> Any:
        """A plain command."""
        return self._channel.ask([command])[0]

    def app(self, *, patience: float, namespace: str) -> Exqueue:
        """An app of its own."""
        return Exqueue(settings=Settings(url=self.url, namespace=namespace, patience=patience))

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        code = self._process.wait(30)
        self.socket.unlink(missing_ok=True)
        return code

    def close(self) -> None:
        """End it, whatever a failed test has left of it."""
        self._channel.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()

    # The disk.

    def sizes(self) -> dict[str, int]:
        """The files of the append-only file, with their sizes now."""
        return {path.name: path.stat().st_size for path in (self.directory / "appendonlydir").iterdir() if path.suffix != ".manifest"}

    def cut(self, sizes: dict[str, int]) -> None:
        """Let the disk have no more of the append-only file than this: it is not running."""
        for name, size in sizes.items():
            os.truncate(self.directory / "appendonlydir" / name, size)

    def fill_disk(self) -> None:
        """From now on no file of it can grow."""
        self._limit_files(10 + max(size for name, size in self.sizes().items() if "incr" in name))

    def free_disk(self) -> None:
        """Its files can grow again."""
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, size: int) -> None:
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most if size == resource.RLIM_INFINITY else size, most))

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.directory / "log").read_text()


class Power(BadServer):
    """One whose power can be cut: what was not synced is gone then."""

    def __init__(self, directory: Path, shim: Path, *options: str) -> None:
        super().__init__(directory, *options, LD_PRELOAD=str(shim), SHIM_SYNCED=str(directory / "synced"))

    def synced(self) -> dict[str, int]:
        """How much of each file has been synced."""
        covered: dict[int, int] = {}
        for line in (self.directory / "synced").read_text().splitlines():
            inode, size = map(int, line.split())
            covered[inode] = max(size, covered.get(inode, 0))
        files = [path for path in (self.directory / "appendonlydir").iterdir() if path.suffix != ".manifest"]
        return {path.name: min(covered.get(path.stat().st_ino, 0), path.stat().st_size) for path in files}

    def lose_power(self) -> int:
        """Kill it, and cut its files back; by how many bytes."""
        self.kill()
        before, kept = sum(self.sizes().values()), self.synced()
        self.cut(kept)
        return before - sum(kept.values())
