"""A server inside this process: fakeredis, which runs the same Lua as Redis, by a clock that stands still until it is moved."""

from __future__ import annotations

from typing import Any

from exqueue.model.errors import ConfigError
from exqueue.store.channel import Channel
from exqueue.store.connection import Connection


class Clock:
    """The time of one server, µs since 1970. It never goes back."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def after(self, seconds: float) -> int:
        """The moment so much later, µs. Raises ConfigError where that is not later."""
        if not 0 <= seconds < 1e13:
            raise ConfigError(f"the clock cannot be moved by {seconds!r} seconds; it takes a number from 0")
        return self.now_us + round(seconds * 1_000_000)

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.now_us = self.after(seconds)

    def time(self) -> list[bytes]:
        """What TIME answers."""
        return [str(part).encode() for part in divmod(self.now_us, 1_000_000)]

    def stamp(self, entry: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The arguments of XADD, with the clock's time in place of `*`, which would be the real one."""
        return tuple(str(self.now_us // 1000).encode() + b"-*" if word == b"*" else word for word in entry)


def open_fake(clock: Clock) -> Channel:
    """A channel to a new server of its own, which goes by this clock.

    Raises:
        ConfigError: fakeredis is not installed, or lets nobody set its clock.
    """
    try:
        import fakeredis
        import lupa  # noqa: F401 (without it fakeredis knows no scripts)
    except ImportError as error:
        raise ConfigError(f'the test kit needs fakeredis with Lua ({error}); run: pip install "exqueue[testing]"') from error
    pool: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer()).connection_pool
    pool.max_connections = 2**31  # it counts what it has ever made

    def connect() -> Connection:
        made: Any = pool.make_connection()
        made.connect()
        _obey(made._sock, clock)
        found: Connection = made
        return found

    channel = Channel(connect, where="fakeredis", patience=0)
    if channel.ask([("TIME",)])[0] != clock.time():
        raise ConfigError("this version of fakeredis lets nobody set its clock; install another one, 2.38 to 2.40 are known to work")
    return channel


def _obey(socket: Any, clock: Clock) -> None:
    """A command of fakeredis is a method of the socket it came through, also one of a script; so nothing else is touched."""
    xadd = socket.xadd
    socket.time = clock.time
    socket.xadd = lambda key, *entry: xadd(key, *clock.stamp(entry))
