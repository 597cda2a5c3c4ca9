"""Connections to one server, and how several commands are sent over one of them. Knows nothing of what is asked."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis import exceptions as r

from exqueue.store.connection import Connection

Command = tuple[Any, ...]

TRANSIENT: Final = (r.ConnectionError, r.TimeoutError, r.BusyLoadingError, OSError)
# What a server says that is not the right one any more, or not yet. With one server alone it is for a person to mend.
PASSING: Final = frozenset({"READONLY", "NOREPLICAS", "MASTERDOWN", "UNBLOCKED", "CLUSTERDOWN", "TRYAGAIN"})


class Unsent(r.ConnectionError):
    """There is no server to send to at the moment; nothing was sent."""


class Unsettled(r.ConnectionError):
    """A server refuses because it is not, or not yet, the one to ask. Nothing was done; ask again. `reply`: what it said."""

    def __init__(self, reply: r.ResponseError) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Pool:
    """Idle connections to one server, made when needed, never shared by two threads or carried over a fork."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: deque[Connection] = deque()
        self._pid = os.getpid()

    def take(self) -> Connection:
        """A connection for one exchange. Give it back if that ended well; else close it: what is still on its way must not be taken
        for the answer to something else.
        """
        if self._pid != os.getpid():  # a fork: the sockets belong to the parent, whose replies we must not steal
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, connection: Connection) -> None:
        """It is idle again."""
        self._idle.append(connection)

    @contextmanager
    def borrowed(self) -> Iterator[Connection]:
        """A connection for one exchange; it is closed if that does not end well."""
        connection = self.take()
        try:
            yield connection
        except BaseException:
            connection.disconnect()
            raise
        self.give_back(connection)

    def hang_up(self) -> None:
        """Close what is idle."""
        with contextlib.suppress(IndexError):  # other threads take some out meanwhile
            while True:
                self._idle.pop().disconnect()


class Trust:
    """When each connection was last known to lead to the right server.

    A server that was replaced, while it was frozen or by a planned failover, goes on taking writes until somebody tells
    it, and they are lost. So a reply is believed only for so many `seconds`; then those who decide must still name the server.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: weakref.WeakKeyDictionary[Connection, float] = weakref.WeakKeyDictionary()

    def begins(self, connection: Connection, since: float) -> None:
        """A connection is used. `since`: if it is new, when it was last known that it would lead to the right server."""
        self._last.setdefault(connection, since)

    def is_over(self, connection: Connection) -> bool:
        """Whether that is too long ago."""
        return time.monotonic() - self._last[connection] > self._seconds

    def renew(self, connection: Connection) -> None:
        """It is the right server."""
        self._last[connection] = time.monotonic()


def exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    """Send commands together and read their replies, errors among them."""
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    return [read_reply(connection) for _ in commands]


def read_reply(connection: Connection) -> Any:
    """One reply, an error among them. BUSY is an outage: the server does nothing until somebody ends a script that hangs."""
    try:
        return connection.read_response()
    except r.ResponseError as error:
        if code_of(error, frozenset({"BUSY"})):
            raise r.ConnectionError(str(error)) from error
        return error


def code_of(error: Exception, known: frozenset[str]) -> str:
    """The code of an error of Redis. redis-py takes off those it has a class for; Redis 6 puts scripts' inside the text."""
    words = [str(getattr(error, "status_code", "")), *str(error).split(" ")]
    return next((code for word in words if (code := word.removeprefix("-")) in known), "")
