"""A way to the server that loses a reply: the request arrives and is carried out, then the connection breaks."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exqueue.store.channel import readable


@dataclass
class Proxy:
    """Forwards all that comes to `path`. `replies_to_lose`, `requests_to_lose`: of the next requests with `word`, how many."""

    path: str
    target: str
    replies_to_lose: int = 0
    requests_to_lose: int = 0
    word: bytes = b"EVALSHA"
    _links: list[tuple[socket.socket, threading.Thread]] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        """Accept until the listener is shut down."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._links.append((near, threading.Thread(target=self._forward, args=(near,))))
                self._links[-1][1].start()

    def close(self) -> None:
        """End all connections, also those that a failed test has left open."""
        for near, thread in self._links:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _forward(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(self.target)
            with contextlib.suppress(OSError):
                while self._pass_on(near, far):
                    pass

    def _pass_on(self, near: socket.socket, far: socket.socket) -> bool:
        """One read in each direction that has something; False when the connection shall end."""
        if near.fileno() in readable([near.fileno(), far.fileno()], 600):  # not select(): that ends at descriptor 1023
            request = near.recv(1 << 20)
            is_meant = self.word in request
            if is_meant and self.requests_to_lose > 0:
                self.requests_to_lose -= 1
                return False
            far.sendall(request)
            if is_meant and self.replies_to_lose > 0 and far.recv(1 << 20):
                self.replies_to_lose -= 1
                return False
            return bool(request)
        reply = far.recv(1 << 20)
        near.sendall(reply)
        return bool(reply)


@contextlib.contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """A proxy to the Unix socket `target`, for a while."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory, socket.socket(socket.AF_UNIX) as listener:
        proxy = Proxy(str(Path(directory) / "s"), target)
        listener.bind(proxy.path)
        listener.listen()
        accepting = threading.Thread(target=proxy.serve, args=(listener,))
        accepting.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            proxy.close()
