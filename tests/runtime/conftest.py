"""The bench, on a server that other tests use too, or on one of its own that may be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, embedded_url: str) -> Iterator[Rig]:
    rig = Rig(tmp_path, embedded_url)
    yield rig
    rig.close()


class OwnServer:
    """The embedded server of one test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def pid(self) -> int:
        return int((self.directory / "server.pid").read_text().split()[0])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Stop it if it still runs: whoever was killed has not left it."""
        found = (self.directory / "server.pid").read_text().split()
        if len(found) == 2 and start_time(int(found[0])) == int(found[1]):
            self.signal(signal.SIGTERM)


@pytest.fixture
def own_server(tmp_path: Path) -> OwnServer:
    return OwnServer(tmp_path / "data")


@pytest.fixture
def own_rig(tmp_path: Path, own_server: OwnServer) -> Iterator[Rig]:
    rig = Rig(tmp_path, f"embedded:{own_server.directory}")
    rig.app.queues()  # starts it
    yield rig
    rig.close()
    own_server.stop()


@pytest.fixture
def nothing_left(rig: Rig) -> Iterator[None]:
    """Also a test that fails leaves no process behind."""
    yield
    path = rig.directory / "pids"
    for pid in map(int, path.read_text().split() if path.exists() else []):
        if start_time(pid) and Path(f"/proc/{pid}/cwd").resolve() == rig.directory:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def handlers() -> Iterator[None]:
    """What a worker process in this process does to signals is undone."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
