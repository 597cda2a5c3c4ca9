"""Which server is asked: the only one, the one that sentinels name, or the one of a cluster that has the key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from redis import exceptions as r

from exqueue.store.connection import Connection
from exqueue.store.pool import PASSING, TRANSIENT, Command, Pool, Trust, Unsettled, code_of, exchange
from exqueue.store.sentinel import Sentinels

NAMED_EVERY: Final = 0.25  # seconds: what an old master acknowledges after a planned failover is lost for so long


class Topology(Protocol):
    """Where requests go. What it raises is either passing (one of TRANSIENT), or for a person to mend.

    `alone`: there is one server, so that whatever it answers is believed.
    """

    alone: bool

    def exchange(self, commands: Sequence[Command], *, near: str = "", together: bool = False) -> list[Any]:
        """Send commands, read their replies, errors among them.

        `near`: a key; commands without one go where it is. `together`: all over one connection, or none of them counts.
        """

    def pool(self, key: str) -> Pool:
        """Connections to the server that has a key."""

    def heed(self, pool: Pool, error: Exception) -> Exception:
        """Learn from an error of a command that was sent over one of these connections; returns what to make of it."""

    def groups(self, keys: Sequence[str]) -> list[list[str]]:
        """Keys that one command may name together."""

    def everywhere(self) -> dict[str, str]:
        """For each server that has keys, by its address, a key on it: what is asked near all of them is asked everywhere.

        Of one that is alone, neither is known, or needed: both are empty.
        """

    def hang_up(self) -> None:
        """Close what is idle."""


class Single:
    """One server, at an address that stays the same."""

    alone = True

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._pool = Pool(connect)

    def exchange(self, commands: Sequence[Command], *, near: str = "", together: bool = False) -> list[Any]:  # noqa: ARG002
        """See Topology."""
        connection = None
        try:
            connection = self._pool.take()
            replies = exchange(connection, commands)
        except BaseException as error:
            if connection is not None:
                connection.disconnect()
            if isinstance(error, TRANSIENT):
                self._pool.hang_up()  # a restarted server has closed the others too
            raise
        self._pool.give_back(connection)
        return replies

    def pool(self, key: str) -> Pool:  # noqa: ARG002
        """See Topology."""
        return self._pool

    def heed(self, pool: Pool, error: Exception) -> Exception:
        """See Topology."""
        if isinstance(error, TRANSIENT):
            pool.hang_up()
        return error

    def groups(self, keys: Sequence[str]) -> list[list[str]]:
        """See Topology."""
        return [list(keys)]

    def everywhere(self) -> dict[str, str]:
        """See Topology."""
        return {"": ""}

    def hang_up(self) -> None:
        """See Topology."""
        self._pool.hang_up()


class Followed(Single):
    """The master that sentinels name. Each new connection asks them; see `Sentinels.connect`."""

    alone = False

    def __init__(self, sentinels: Sentinels) -> None:
        super().__init__(sentinels.connect)
        self._sentinels = sentinels
        self._trust = Trust(NAMED_EVERY)

    def exchange(self, commands: Sequence[Command], *, near: str = "", together: bool = False) -> list[Any]:  # noqa: ARG002
        """See Topology."""
        before = time.monotonic()  # if the connection is new, the sentinels name the server after this
        try:
            with self._pool.borrowed() as connection:
                self._trust.begins(connection, before)
                replies = exchange(connection, commands)
                for reply in replies:
                    if isinstance(reply, r.ResponseError) and code_of(reply, PASSING):
                        raise Unsettled(reply)
                if self._trust.is_over(connection):
                    self._sentinels.confirm(connection)
                    self._trust.renew(connection)
                return replies
        except TRANSIENT:
            self._pool.hang_up()
            raise

    def heed(self, pool: Pool, error: Exception) -> Exception:
        """See Topology."""
        if isinstance(error, r.ResponseError) and code_of(error, PASSING):
            error = Unsettled(error)
        return super().heed(pool, error)
