"""A connection of redis-py, spoken to over its socket: redis-py connects, and we send and read.

Its layers between a command and the socket cost five times what both together do; docs/adr/0027-the-hot-path.md has the figures.
What it raises, and in which words, is as it would be without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import hiredis
from redis import exceptions as r

_CHUNK: Final = 65536


class Wire:
    """Not yet connected. `made`: a connection of redis-py; nobody else may use it."""

    def __init__(self, made: Any) -> None:
        self.made = made
        self._reader: Any = None

    def fileno(self) -> int:
        """Of its socket, while it is connected."""
        return int(self.made._sock.fileno())

    @property
    def host(self) -> str:
        """Of one that goes over the network."""
        return str(self.made.host)

    @property
    def port(self) -> int:
        """The same."""
        return int(self.made.port)

    def pack_commands(self, commands: Sequence[Sequence[Any]]) -> list[bytes]:
        """Bytes for several commands."""
        return [hiredis.pack_command(tuple(words)) for words in commands]

    def send_packed_command(self, packed: Sequence[bytes], check_health: bool = True) -> None:  # noqa: ARG002 (as redis-py has it)
        """Send such bytes, connecting first if need be."""
        if self._reader is None:
            self._connect()
        try:
            self.made._sock.sendall(packed[0] if len(packed) == 1 else b"".join(packed))
        except TimeoutError as error:
            self.disconnect()
            raise r.TimeoutError("Timeout writing to socket") from error
        except OSError as error:
            self.disconnect()
            raise r.ConnectionError(f"Error {error.errno} while writing to socket. {error.strerror or error}.") from error

    def read_response(self) -> Any:
        """The next reply; raises it if it is an error. Whatever interrupts it, the connection is closed: its reply may still come."""
        try:
            reader = self._reader
            reply = reader.gets()
            while reply is False:
                data = self.made._sock.recv(_CHUNK)
                if not data:
                    raise r.ConnectionError("Connection closed by server.")
                reader.feed(data)
                reply = reader.gets()
        except TimeoutError as error:
            self.disconnect()
            raise r.TimeoutError("Timeout reading from socket") from error
        except OSError as error:
            self.disconnect()
            raise r.ConnectionError(f"Error while reading from socket: {error}") from error
        except BaseException:
            self.disconnect()
            raise
        if isinstance(reply, r.ResponseError | r.ConnectionError):  # it is still loading, or wants a password
            raise reply
        return reply

    def disconnect(self) -> None:
        """Close it."""
        self._reader = None
        self.made.disconnect()

    def _connect(self) -> None:
        self.made.connect()
        self._reader = hiredis.Reader(protocolError=r.InvalidResponse, replyError=self.made._parser.parse_error)
