"""Ask sentinels which server is the master. No connection to one is kept: they are asked seldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from redis import exceptions as r

from exqueue.model.text import one_line
from exqueue.store.connection import Address, Connection
from exqueue.store.pool import TRANSIENT, Unsent, exchange

_DOWN: Final = ("s_down", "o_down")


class Sentinels:
    """The sentinels of one master. `ask`, `make`: a connection, not yet connected, to a sentinel and to a server."""

    def __init__(
        self, addresses: tuple[Address, ...], master: str, ask: Callable[[Address], Connection], make: Callable[[Address], Connection]
    ) -> None:
        self._addresses = addresses
        self._master = master
        self._ask = ask
        self._make = make

    def connect(self) -> Connection:
        """A connection to the master, which says itself that it is one: a sentinel may be the last to hear of a failover.

        Raises Unsent: none is known now.
        """
        address, said = self._named()
        if address is None:
            raise Unsent(said or "connecting to the sentinels failed: none of them answers")
        connection = self._make(address)
        try:
            role = exchange(connection, [("ROLE",)])[0]
        except TRANSIENT as error:
            connection.disconnect()
            raise error if isinstance(error, r.AuthenticationError) else Unsent(f"{address}: {error}") from error
        if isinstance(role, r.ResponseError):
            connection.disconnect()
            raise role
        if role[0] != b"master":
            connection.disconnect()
            raise Unsent(f"the sentinels name {address} as the master, which is a replica; a failover is going on")
        return connection

    def confirm(self, connection: Any) -> None:
        """Raises ConnectionError unless this connection still leads to the master; if no sentinel answers, nobody can have replaced it."""
        address, said = self._named()
        if address != Address(connection.host, int(connection.port)) and said:
            raise r.ConnectionError(said)

    def _named(self) -> tuple[Address | None, str]:
        """The address of the master, if it is known now; and what was said. No word: no sentinel answers."""
        said = ""
        for sentinel in self._addresses:
            try:
                found = self._ask_one(sentinel)
            except r.AuthenticationError:
                raise
            except TRANSIENT:
                continue
            if isinstance(found, Address):
                self._addresses = (sentinel, *(other for other in self._addresses if other != sentinel))  # it is asked first from now on
                return found, f"the sentinels name {found} as the master now"
            said = found
        return None, said

    def _ask_one(self, sentinel: Address) -> Address | str:
        connection = self._ask(sentinel)
        try:
            reply = exchange(connection, [("SENTINEL", "MASTER", self._master)])[0]
        finally:
            connection.disconnect()
        if isinstance(reply, r.ResponseError):
            if "no such master" in str(reply).lower():
                return f"no sentinel knows a master {one_line(self._master)!r}; correct its name in the URL"
            raise reply
        known = dict(zip(reply[::2], reply[1::2], strict=True))
        address = Address(known[b"ip"].decode(), int(known[b"port"]))
        down = any(flag in known[b"flags"].decode().split(",") for flag in _DOWN)
        return f"the sentinels say that the master {address} is down; wait for a failover" if down else address
