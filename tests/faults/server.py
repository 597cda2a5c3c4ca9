"""A server that keeps nothing on disk, for as long as the scenarios run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from exqueue.store.embedded import _binary


@contextmanager
def server(directory: Path) -> Iterator[str]:
    """The path of its Unix socket."""
    socket = str(directory / "s")
    arguments = ["--port", "0", "--unixsocket", socket, "--dir", str(directory), "--appendonly", "no", "--save", ""]
    process = subprocess.Popen([_binary(), *arguments], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        Channel(connector(f"unix://{socket}", 5), where="test", patience=20).ask([("PING",)])
        yield socket
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
