"""The connection of an actor: it numbers the requests, and does to them what the scenario says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from redis import exceptions as r

from exqueue.store.connection import Connection
from exqueue.store.scripts import script, script_names
from tests.faults.faults import DEATHS, ERRORS, Fault, Killed, Kind, error_of


class Gate(Protocol):
    """What a wire asks of its world."""

    def pass_by(self, actor: str, name: str, step: bool) -> Fault | None:
        """A request is about to be sent: count it, and say what shall happen to it. Raises Killed if the actor is dead."""

    def kill(self, actor: str) -> Killed:
        """The actor dies here."""

    def freeze(self) -> None:
        """Stand still until the others have moved."""


class Lines:
    """Open connections to the server, for whoever comes next: a connection has no memory, as long as all replies are read."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._free: list[Connection] = []

    def take(self) -> Connection:
        """One that nobody uses."""
        return self._free.pop() if self._free else self._connect()

    def give(self, line: Connection) -> None:
        """It is not used any more."""
        self._free.append(line)

    def close(self) -> None:
        """Close them all."""
        for line in self._free:
            line.disconnect()


class Wire:
    """One connection. Replies are read when the request is sent, and handed out later."""

    def __init__(self, gate: Gate, lines: Lines, actor: str) -> None:
        self._gate = gate
        self._lines = lines
        self._actor = actor
        self._line = lines.take()
        self._open = True
        self._commands: Sequence[tuple[Any, ...]] = ()
        self._replies: deque[Any] = deque()

    def pack_commands(self, commands: Sequence[tuple[Any, ...]]) -> list[bytes]:
        # A BLMOVE without the waiting.
        self._commands = [("LMOVE", *words[1:-1]) if words[0] == "BLMOVE" else words for words in commands]
        return []

    def send_packed_command(self, packed: Any, check_health: bool = True) -> None:
        self._request()

    def read_response(self) -> Any:
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def disconnect(self) -> None:
        if self._open:
            self._open = False
            self._lines.give(self._line)

    def _request(self) -> None:
        commands = self._commands
        fault = self._gate.pass_by(self._actor, *_named(commands))
        kind = fault.kind if fault else None
        if kind is Kind.KILL_BEFORE:
            raise self._gate.kill(self._actor)
        if kind is Kind.CUT:
            raise r.ConnectionError("the connection was cut")
        if kind in (Kind.REFUSED, Kind.DOWN):
            raise r.ConnectionError("Error 111 connecting to nowhere. Connection refused.")
        if kind in ERRORS:
            # The server knows LMOVE, whatever it makes of the step that follows.
            moved = self._exchange(commands[:1]) if kind is Kind.NOSCRIPT and commands[0][0] == "LMOVE" else []
            self._replies.extend([*moved, *(error_of(kind) for _ in commands[len(moved) :])])
            return
        if kind is Kind.FROZEN_BEFORE:
            self._gate.freeze()
        replies = self._exchange(commands)
        if kind in DEATHS:
            raise self._gate.kill(self._actor)
        if kind in (Kind.LOST, Kind.SILENT):
            raise r.ConnectionError("the reply was lost")
        if kind is Kind.FROZEN_AFTER:
            self._gate.freeze()
        self._replies.extend(replies)

    def _exchange(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        self._line.send_packed_command(self._line.pack_commands(commands), check_health=False)
        return [self._read() for _ in commands]

    def _read(self) -> Any:
        try:
            return self._line.read_response()
        except r.ResponseError as error:
            return error


_STEPS: Final = {script(name).sha: name for name in script_names()}


def _named(commands: Sequence[tuple[Any, ...]]) -> tuple[str, bool]:
    """The name of a request, and whether it is a step that may meet a server that does not know it."""
    first = commands[0]
    if first[0] == "LMOVE":
        return "BLMOVE", len(commands) > 1
    if first[0] == "EVALSHA":
        return _STEPS[first[1]], True
    return "+".join(dict.fromkeys(str(command[0]) for command in commands)), first[0] == "EVAL"
