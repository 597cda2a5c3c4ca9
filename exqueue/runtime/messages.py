"""What a runner and its fork server say to each other: JSON, one object a line, over a socket pair."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any


class Line:
    """One end of the pair. Never blocks when reading; ends when the other side is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._rest = b""
        self.closed = False

    def fileno(self) -> int:
        """For select."""
        return self._sock.fileno()

    def say(self, message: dict[str, Any]) -> None:
        """Send one message; silently nothing if the other side is gone (its end is noticed elsewhere)."""
        try:
            self._sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.closed = True

    def hear(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived."""
        try:
            data = self._sock.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        yield from (json.loads(line) for line in lines)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
        self.closed = True
