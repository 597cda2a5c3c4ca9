"""Ask sentinels which server is the master."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis import exceptions as r

from exqueue.model.errors import StoreRefused
from exqueue.model.text import one_line
from exqueue.store.connection import Address, Connection
from exqueue.store.pool import TRANSIENT, Pool, Unsent, exchange

AVOID: Final = 10.0  # seconds for which a sentinel that does not answer is not asked again while others do
_DOWN: Final = ("s_down", "o_down")


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """What one sentinel says. The last one to have heard of a failover is right, and at the same time one that sees the master."""

    epoch: int
    alive: bool
    master: Address | None = None


class Sentinels:
    """The sentinels of one master. `ask`, `make`: a connection, not yet connected, to a sentinel and to a server."""

    def __init__(
        self, addresses: tuple[Address, ...], master: str, ask: Callable[[Address], Connection], make: Callable[[Address], Connection]
    ) -> None:
        self._addresses = addresses
        self._master = master
        self._pools = {address: Pool(functools.partial(ask, address)) for address in addresses}
        self._make = make
        self._avoided: dict[Address, float] = {}

    def connect(self) -> Connection:
        """A connection to the master, which says itself that it is one: it may have been made a replica just now.

        Raises Unsent: none is known now.
        """
        word = self._latest()
        if word is None:
            raise Unsent("connecting to the sentinels failed: none of them answers")
        if word.master is None:
            raise Unsent(f"no sentinel knows a master {one_line(self._master)!r}; correct its name in the URL")
        if not word.alive:
            raise Unsent(f"the sentinels say that the master {word.master} is down, or about to be replaced")
        connection = self._make(word.master)
        try:
            role = exchange(connection, [("ROLE",)])[0]
            if isinstance(role, r.ResponseError):
                raise role
            if role[0] != b"master":
                raise Unsent(f"the sentinels name {word.master} as the master, which is a replica; a failover is going on")
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, TRANSIENT) and not isinstance(error, r.AuthenticationError | Unsent):
                raise Unsent(f"{word.master}: {error}") from error
            raise
        return connection

    def confirm(self, connection: Any) -> None:
        """Raises ConnectionError unless this connection still leads to the master. If no sentinel answers, it is believed."""
        word, address = self._latest(), Address(connection.host, int(connection.port))
        if word is not None and (not word.alive or word.master != address):
            raise r.ConnectionError(f"the sentinels say that {address} is not the master any more, or about to be replaced")

    def _latest(self) -> Word | None:
        """What the one says that knows best; None if none answers."""
        now = time.monotonic()
        for asked in ([each for each in self._addresses if self._avoided.get(each, 0) < now], self._addresses):
            words = [word for sentinel in asked if (word := self._word_of(sentinel)) is not None]
            if words:
                return max(words)
        return None

    def _word_of(self, sentinel: Address) -> Word | None:
        try:
            return self._ask_one(sentinel)
        except r.AuthenticationError:
            raise
        except TRANSIENT:
            self._pools[sentinel].hang_up()
            self._avoided[sentinel] = time.monotonic() + AVOID
            return None

    def _ask_one(self, sentinel: Address) -> Word:
        with self._pools[sentinel].borrowed() as connection:
            commands = [("SENTINEL", about, self._master) for about in ("GET-MASTER-ADDR-BY-NAME", "MASTER")]
            named, described = exchange(connection, commands)
        if named is None:
            return Word(-1, alive=False)
        for reply in (named, described):
            if isinstance(reply, r.ResponseError):
                if "unknown command" in str(reply):
                    advice = "use redis:// in the URL, not redis+sentinel://, or the port of a sentinel (26379 by default)"
                    raise StoreRefused(f"Redis at {sentinel} is no sentinel; {advice}")
                raise reply
        master, known = Address(named[0].decode(), int(named[1])), dict(zip(described[::2], described[1::2], strict=True))
        epoch, flags = int(known[b"config-epoch"]), known[b"flags"].decode().split(",")
        if Address(known[b"ip"].decode(), int(known[b"port"])) != master:  # a failover: the one that takes over, and still the old one
            return Word(epoch + 1, True, master)
        if "failover_in_progress" in flags:  # only the one says so that conducts it; what the old master takes from now on may be lost
            return Word(epoch + 1, False, master)
        return Word(epoch, not any(flag in flags for flag in _DOWN), master)
