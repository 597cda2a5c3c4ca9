"""What a runner and its fork server say to each other: JSON, one object a line, over a socket pair."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any


class Line:
    """One end of the pair. Reading never blocks. `closed`: the other side is gone, or we have hung up."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._rest = b""
        self.closed = False

    def fileno(self) -> int:
        """For select."""
        return self._sock.fileno()

    def say(self, message: dict[str, Any]) -> None:
        """Send one message; nothing if the other side is gone: that is noticed where we listen, and only there."""
        with contextlib.suppress(OSError):
            self._sock.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived."""
        while not self.closed:
            try:
                data = self._sock.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.closed = not data
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from (json.loads(line) for line in lines)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
        self.closed = True
