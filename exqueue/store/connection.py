"""From a URL to connections of redis-py whose every habit is set here.

redis-py 8 re-sends any command up to ten times when a reply is lost, which stores a push twice and strands a claimed
job; so its retries are off, and `exqueue.store.channel` repeats only steps that give the same answer when asked again.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection, parse_url
from redis.retry import Retry

from exqueue.model.errors import ConfigError
from exqueue.model.text import one_line
from exqueue.store.embedded import EmbeddedServer
from exqueue.store.wire import Wire

SCHEMES: Final = ("redis", "rediss", "unix", "embedded", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
KNOWN: Final = "redis://HOST:PORT/DB, rediss://, unix://, redis+sentinel://HOST:PORT,…/MASTER, redis+cluster://HOST:PORT,… or embedded:DIR"

_UNCOUNTED: Final = 2**31  # the pool counts what it has ever made, and would stop at 100 after an outage
_FROM_URL: Final = frozenset({"host", "port", "path", "db", "username", "password", "connection_class", "client_name"})
_NOT_FROM_URL: Final = frozenset({
    "decode_responses", "protocol", "retry_on_timeout", "retry_on_error", "health_check_interval", "socket_timeout",
    "socket_connect_timeout", "socket_keepalive", "max_connections", "timeout",
})  # fmt: skip


class Connection(Protocol):
    """What exqueue uses of a connection."""

    def pack_commands(self, commands: Any) -> list[bytes]:
        """Bytes for several commands."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send such bytes."""

    def read_response(self) -> Any:
        """The next reply; raises it if it is an error."""

    def fileno(self) -> int:
        """Of its socket."""

    def disconnect(self) -> None:
        """Close it."""


def safe_url(url: str) -> str:
    """The URL without its password, on one line; whatever form it has, what could be a password is left out."""
    url = re.sub(r"(?i)([?&][^=&]*(?:password|username)=)[^&]*", r"\1***", url)  # first, since they may have an @ in them
    scheme = re.match(r"[a-z][a-z0-9+]*:(//)?", url)
    _, at, after = url.rpartition("@")
    return one_line(f"{scheme[0] if scheme and '@' not in scheme[0] else ''}***@{after}" if at else url)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A server on the network."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


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
    if scheme not in SCHEMES or not url.startswith(f"{scheme}://"):
        raise ConfigError(f"{safe_url(url)!r} is not a URL exqueue knows; use {KNOWN}")
    return Connector(factory(parsed(url, url), timeout))


def factory(said: dict[str, Any], timeout: float) -> Callable[..., Any]:
    """Makes connections to what a URL says, without connecting them. `timeout`: seconds for a connect, and for a reply."""
    pool = ConnectionPool(**{**said, **_options(timeout), "max_connections": _UNCOUNTED})
    return lambda: Wire(pool.make_connection())


def parsed(url: str, shown: str, form: str = "redis://USER:PASSWORD@HOST:PORT/DB or unix:///PATH?db=DB") -> dict[str, Any]:
    """What the URL says of server, user, database and certificates. How we talk is not for the URL to say.

    `shown`, `form`: the URL as the user wrote it, and how it should be written; for messages.
    """
    unusable = ConfigError(
        f"the URL {safe_url(shown)!r} cannot be used; write {form}, and percent-encode special characters in the password"
    )
    try:
        said: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise unusable from None
    database = parts.path.strip("/")
    if (parts.scheme == "unix" and not parts.path) or (parts.scheme != "unix" and database and not database.isdecimal()) or port == 0:
        raise unusable
    known = {name: value for name, value in said.items() if name in _FROM_URL or name.startswith("ssl_")}
    unknown = sorted(said.keys() - known.keys() - _NOT_FROM_URL)
    if unknown:
        raise ConfigError(f"the URL {safe_url(shown)!r} has an option {one_line(unknown[0])!r} that exqueue does not know")
    return known


def _embedded(url: str, timeout: float, start: float) -> Connector:
    directory = url.partition(":")[2]
    if not directory or directory.startswith("//"):
        raise ConfigError(f"{safe_url(url)!r} names no directory; use embedded:DIR, for example embedded:.exqueue")
    server = EmbeddedServer(Path(directory), patience=start)
    kind: Any = UnixDomainSocketConnection

    def make() -> Any:
        server.join()  # a process that ends without leaving is no longer counted, but does not stop the server either
        server.ensure()
        return Wire(kind(path=str(server.socket), **_options(timeout)))

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
