"""A way to the server that goes dark: what is sent is swallowed, and nothing is closed, so that nobody is told."""

from __future__ import annotations

import contextlib
import selectors
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path


class DarkRoad:
    """Forwards from `path` to `target` until `fall`; connections of before then stay dead for ever, also after `rise`."""

    def __init__(self, path: str, target: str) -> None:
        self.path = path
        self._target = target
        self._dark = False
        self._ends: dict[socket.socket, socket.socket | None] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def fall(self) -> None:
        """From now on nothing comes through, in no direction."""
        with self._lock:
            self._dark = True
            self._ends = dict.fromkeys(self._ends)

    def rise(self) -> None:
        """New connections come through again."""
        with self._lock:
            self._dark = False

    def close(self) -> None:
        """End it all."""
        self._closed = True
        self._thread.join()
        for end in [*self._ends, self._listener]:
            end.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select(0.05):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                with self._lock:
                    if source is self._listener:
                        self._accept()
                    else:
                        self._pass_on(source)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        self._ends |= dict.fromkeys([near, far]) if self._dark else {near: far, far: near}
        for end in (near, far):
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        if source not in self._ends:  # closed a moment ago, together with its other end
            return
        with contextlib.suppress(OSError):
            said, other = source.recv(1 << 20), self._ends[source]
            if said:
                if other is not None:
                    other.sendall(said)
                return
        self._selector.unregister(source)  # closed; in the dark the other end never hears of it
        other = self._ends.pop(source)
        source.close()
        if other is not None:
            self._selector.unregister(other)
            self._ends.pop(other)
            other.close()


@contextlib.contextmanager
def dark_road(target: str) -> Iterator[DarkRoad]:
    """A road to the Unix socket `target`, for a while."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        road = DarkRoad(str(Path(directory) / "s"), target)
        try:
            yield road
        finally:
            road.close()
