"""A way to the server that can be made bad: replies and requests get lost, cut or late, or connections go silent."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exqueue.store.blocking import readable

LINGER = 3.0  # seconds: longer than a worker process blocks


@dataclass
class Proxy:
    """Forwards all that comes to `path`, or to `host:port`, to the Unix socket `target`.

    `replies_to_lose`, `requests_to_lose`, `requests_to_cut`: of the next requests with `word`, how many; a request that
    is cut arrives in half. Then the connection breaks. `delay`: seconds, of all that passes. `swallows_requests`,
    `swallows_replies`: what comes is dropped, and no connection is closed: one that has met this stays silent for ever,
    and if its client hangs up, the server does not hear of it for LINGER seconds.
    """

    path: str
    target: str
    replies_to_lose: int = 0
    requests_to_lose: int = 0
    requests_to_cut: int = 0
    word: bytes = b"EVALSHA"
    delay: float = 0.0
    swallows_requests: bool = False
    swallows_replies: bool = False
    _links: list[tuple[socket.socket, threading.Thread]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"unix://{self.path}" if self.path.startswith("/") else f"redis://{self.path}"

    def serve(self, listener: socket.socket) -> None:
        """Accept until the listener is shut down."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._links = [(end, thread) for end, thread in self._links if thread.is_alive()]
                self._links.append((near, threading.Thread(target=_Link(self, near).serve, daemon=True)))
                self._links[-1][1].start()

    def heal(self) -> None:
        """Let everything pass again that comes from now on."""
        self.replies_to_lose = self.requests_to_lose = self.requests_to_cut = 0
        self.delay, self.swallows_requests, self.swallows_replies = 0.0, False, False

    def cut(self) -> None:
        """Break all connections there are."""
        for near, _ in list(self._links):
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all connections, also those that a failed test has left open."""
        self.cut()
        for _, thread in self._links:
            thread.join()


class _Link:
    """One connection: `near` is the client's, `far` the server's."""

    def __init__(self, proxy: Proxy, near: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._deaf = self._mute = False  # a connection that has lost something in a direction passes nothing there any more

    def serve(self) -> None:
        with self._near, socket.socket(socket.AF_UNIX) as self._far, contextlib.suppress(OSError):
            self._far.connect(self._proxy.target)
            while self._pass_on():
                pass
            if self._deaf or self._mute:  # as if nobody had told the server
                deadline = time.monotonic() + LINGER
                while (left := deadline - time.monotonic()) > 0 and (not readable([self._far.fileno()], left) or self._far.recv(1 << 20)):
                    pass

    def _pass_on(self) -> bool:
        """One read in each direction that has something; False when the connection shall end."""
        if self._near.fileno() in readable([self._near.fileno(), self._far.fileno()], 600):  # not select(): that ends at descriptor 1023
            return self._request(self._near.recv(1 << 20))
        reply = self._far.recv(1 << 20)
        self._mute = self._mute or self._proxy.swallows_replies
        if not self._mute:
            time.sleep(self._proxy.delay)
            self._near.sendall(reply)
        return bool(reply)

    def _request(self, request: bytes) -> bool:
        proxy, is_meant = self._proxy, self._proxy.word in request
        self._deaf = self._deaf or proxy.swallows_requests
        if self._deaf:
            return bool(request)
        if is_meant and proxy.requests_to_lose > 0:
            proxy.requests_to_lose -= 1
            return False
        time.sleep(proxy.delay)
        if is_meant and proxy.requests_to_cut > 0:
            proxy.requests_to_cut -= 1
            self._far.sendall(request[: len(request) // 2])
            return False
        self._far.sendall(request)
        if is_meant and proxy.replies_to_lose > 0 and self._far.recv(1 << 20):
            proxy.replies_to_lose -= 1
            return False
        return bool(request)


@contextlib.contextmanager
def proxy_to(target: str, *, tcp: bool = False) -> Iterator[Proxy]:
    """A proxy to the Unix socket `target`, for a while; it listens on a Unix socket too, or on a port of this machine."""
    family = socket.AF_INET if tcp else socket.AF_UNIX
    with tempfile.TemporaryDirectory(prefix="exq") as directory, socket.socket(family) as listener:
        path = str(Path(directory) / "s")
        listener.bind(("127.0.0.1", 0) if tcp else path)
        listener.listen(128)
        proxy = Proxy("{}:{}".format(*listener.getsockname()) if tcp else path, target)
        accepting = threading.Thread(target=proxy.serve, args=(listener,))
        accepting.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            proxy.close()
