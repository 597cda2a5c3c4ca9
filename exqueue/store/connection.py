"""From a URL to connections of redis-py whose every habit is set here.

redis-py 8 re-sends any command up to ten times when a reply is lost, which stores a push twice and strands a claimed
job; so its retries are off, and `exqueue.store.channel` repeats only steps that give the same answer when asked again.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection, parse_url
from redis.retry import Retry

from exqueue.model.errors import ConfigError
from exqueue.model.text import one_line
from exqueue.store.embedded import EmbeddedServer

SCHEMES: Final = ("redis", "rediss", "unix", "embedded")


class Connection(Protocol):
    """What exqueue uses of a connection of redis-py."""

    def pack_commands(self, commands: Any) -> list[bytes]:
        """Bytes for several commands."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send such bytes."""

    def send_command(self, *args: Any) -> None:
        """Send one command."""

    def read_response(self) -> Any:
        """The next reply; raises it if it is an error."""

    def disconnect(self) -> None:
        """Close it."""


def safe_url(url: str) -> str:
    """The URL without its password, on one line."""
    head, at, tail = url.rpartition("@")
    scheme = head.partition("://")[0]
    return one_line(f"{scheme}://***@{tail}" if at else url)


class Connector:
    """Makes connections, not yet connected. `leave`: say that this process needs the server no more."""

    def __init__(self, make: Callable[[], Any], leave: Callable[[], None] = lambda: None) -> None:
        self._make = make
        self.leave = leave

    def __call__(self) -> Connection:
        """A new connection."""
        made: Connection = self._make()
        return made


def connector(url: str, timeout: float, start: float = 30.0) -> Connector:
    """How to connect to this URL. `timeout`: seconds for a connect, and for a reply; `start`: for an embedded server to start.

    Raises:
        ConfigError: the URL cannot be used.
    """
    scheme = url.partition(":")[0]
    if scheme == "embedded":
        return _embedded(url, timeout, start)
    if scheme not in SCHEMES:
        raise ConfigError(f"{safe_url(url)!r} is not a URL exqueue knows; use redis://HOST:PORT/DB, rediss://, unix:// or embedded:DIR")
    try:
        parse_url(url)  # type: ignore[no-untyped-call]
        urlsplit(url).port  # noqa: B018 (raises on a port that is none)
    except ValueError as error:
        raise ConfigError(f"the URL {safe_url(url)!r} cannot be used: {one_line(str(error))}") from None
    return Connector(ConnectionPool.from_url(url, **_options(timeout)).make_connection)


def _embedded(url: str, timeout: float, start: float) -> Connector:
    directory = url.partition(":")[2]
    if not directory or directory.startswith("//"):
        raise ConfigError(f"{safe_url(url)!r} names no directory; use embedded:DIR, for example embedded:.exqueue")
    server = EmbeddedServer(Path(directory), patience=start)
    kind: Any = UnixDomainSocketConnection

    def make() -> Any:
        server.join()  # a process that ends without leaving is no longer counted, but does not stop the server either
        server.ensure()
        return kind(path=str(server.socket), **_options(timeout))

    atexit.register(server.leave)
    return Connector(make, server.leave)


def _options(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "health_check_interval": 0,
        "protocol": 2,
        "driver_info": None,
    }
