"""What stands between an actor and the server: a connection that stops before each request, loses some, and blocks for BLMOVE.

The server is a real one, so that the Lua files are what runs. Only its clock is not its own: they ask a key for the time.
"""

from __future__ import annotations

import functools
import hashlib
import socket
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import hiredis
from redis import exceptions as r

from exqueue.store.scripts import Script, script, script_names
from tests.simulation.line import Line
from tests.simulation.probe import Look, Probe
from tests.simulation.stage import Actor, Stage

EPOCH: Final = 1_763_899_197_000  # ms; three seconds before a full minute, for those with a schedule
QUIET: Final = frozenset({"beat", "bury", "depart", "deliver", "register", "report", "schedule", "unschedule"})  # they move no job
CLOCK: Final = """
local server = redis
local redis = setmetatable({call = function(name, ...)
  if name ~= 'TIME' then return server.call(name, ...) end
  local now = server.call('GET', 'now')
  return {string.sub(now, 1, -7), string.sub(now, -6)}
end}, {__index = server})
"""


@functools.cache
def by_the_clock(name: str) -> tuple[Script, str, str]:
    """A step; its source with the clock of the simulation; the sha of that."""
    step = script(name)
    source = CLOCK.replace("\n", " ") + step.source
    return step, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class Server:
    """One connection to a real server, which all actors of all seeds share. `path`: its Unix socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(path)
        self._reader = hiredis.Reader()
        for command in (
            ("CONFIG", "SET", "hash-max-listpack-value", "1000000"),  # else its hashes have an order of chance
            ("CONFIG", "SET", "hash-max-listpack-entries", "10000"),
            ("CONFIG", "SET", "set-max-listpack-value", "1000"),
        ):
            self.ask([command])
        self.names = {by_the_clock(name)[0].sha: name for name in script_names()}
        for name in script_names():
            self.ask([("SCRIPT", "LOAD", by_the_clock(name)[1])])

    def ask(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Send them together; errors are among the replies. (redis-py would take most of the time of a seed.)"""
        self._socket.sendall(b"".join([hiredis.pack_command(command) for command in commands]))
        replies: list[Any] = []
        while len(replies) < len(commands):
            reply = self._reader.gets()
            if reply is False:
                self._reader.feed(self._socket.recv(1 << 20))
            else:
                replies.append(r.ResponseError(str(reply)) if isinstance(reply, hiredis.ReplyError) else reply)
        return replies

    def close(self) -> None:
        self._socket.close()


@dataclass(slots=True)
class Troubles:
    """How likely what goes wrong is, for one request; `slow`: that it takes up to two seconds."""

    lost: float = 0.0
    unsent: float = 0.0
    refused: float = 0.0
    slow: float = 0.0
    torn: float = 0.0  # a pipeline, into which the requests of others come


@dataclass(slots=True)
class Waiter:
    """A client that blocks in BLMOVE, as the server knows it. `then`: what it has sent after that.

    `moved`: it has got something. `over`: the server has gone on with what it has sent. `left`: its connection is closed.
    """

    actor: Actor
    source: str
    target: str
    until: float
    then: list[tuple[Any, ...]]
    replies: list[Any] = field(default_factory=list)
    moved: bool = False
    over: bool = False
    left: bool = False


Heard = Callable[[str, str, list[Any], list[Any], Look | None], None]


class Wire:
    """All connections of one seed. `heard`: told of each step that was executed, and of each move: name, queue, ARGV, reply."""

    def __init__(self, server: Server, stage: Stage, heard: Heard) -> None:
        self.server = server
        self.stage = stage
        self.troubles = Troubles()
        self.counts: dict[str, int] = defaultdict(int)
        self.waiting: dict[str, list[Waiter]] = defaultdict(list)
        self.cut: dict[str, float] = {}
        self.skew = 0.0
        self.skews = [0.0]
        self._heard = heard
        self._told = ""
        self._names = server.names
        self._probe = Probe(server.ask)
        server.ask([("FLUSHALL",)])

    def clock_us(self) -> int:
        """The server's clock."""
        return EPOCH * 1000 + round((self.stage.now + self.skew) * 1_000_000)

    def connect(self) -> Line:
        """A new connection."""
        return Line(self)

    def exchange(self, commands: list[tuple[Any, ...]], timeout: float) -> list[Any]:
        """One request of the current actor: a pause, perhaps some trouble, and the replies."""
        stage, chance, troubles = self.stage, self.stage.rng.random, self.troubles
        stage.pause(chance() * 2 if chance() < troubles.slow else chance() * 0.004)
        self.counts["requests"] += 1
        if self.cut.get(stage.current.place, -1.0) > stage.now:
            self.counts["cut"] += 1
            stage.pause(timeout)
            raise r.TimeoutError("Timeout reading from socket")
        draw = chance()
        if draw < troubles.unsent:
            self.counts["unsent"] += 1
            stage.note("unsent", commands[0][0])
            raise r.ConnectionError("Error 104 while writing to socket. Connection reset by peer.")
        if troubles.unsent <= draw < troubles.unsent + troubles.refused:
            self.counts["refused"] += 1
            return [r.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.") for _ in commands]
        replies = self._in_parts(commands) if len(commands) > 1 and chance() < troubles.torn else self._execute(commands)
        if chance() < troubles.lost:
            self.counts["lost"] += 1
            stage.note("lost")
            raise r.ConnectionError("Connection closed by server.")
        return replies

    def _in_parts(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        replies = []
        for command in commands:
            replies += self._execute([command])
            self.stage.pause()
        return replies

    def _execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        first = commands[0]
        if first[0] == "EVALSHA":
            return [self._step(first)]
        if first[0] == "TIME":
            seconds, micros = divmod(self.clock_us(), 1_000_000)
            now = [b"%d" % seconds, b"%d" % micros]
            return [now, *self._execute(commands[1:])] if commands[1:] else [now]
        replies = self.server.ask(commands)
        self.stage.note(*first[:2])
        return replies

    def _step(self, command: tuple[Any, ...]) -> Any:
        name = self._names[command[1]]
        now = str(self.clock_us())
        commands: list[tuple[Any, ...]] = [("SET", "now", now)] * (now != self._told)
        self._told = now
        keys, argv = command[3 : 3 + command[2]], command[3 + command[2] :]
        queue = keys[0].partition("{")[2].partition("}")[0]
        commands += [("EVALSHA", by_the_clock(name)[2], *command[2:])]
        blocked = [key for key in keys if self.waiting.get(key)]
        if name in QUIET:
            seen, reply = None, self.server.ask(commands)[-1]
        else:
            *_, reply, seen = self.server.ask([*commands, self._probe.command(queue)])
        if isinstance(reply, Exception):
            self.stage.violated(f"{name} raised {reply}")
            raise reply
        self.stage.note(name, *argv[:4], reply[0])
        self.counts["steps"] += 1
        self._heard(name, queue, list(argv), reply, None if seen is None else self._probe.read(queue, seen))
        for key in blocked:
            self.serve(key)
        return reply

    # Blocking moves: whoever waits longest is served first, as soon as there is something.

    def serve(self, key: str) -> None:
        """Give what is there to those who wait for it; then go on with what they have sent."""
        waiting, served = self.waiting[key], []
        while waiting and self._move(waiting[0].source, waiting[0].target):
            served.append(waiter := waiting.pop(0))
            waiter.moved = True
            self.stage.note("moved", waiter.actor.name)
            self.stage.wake(waiter.actor)
        for waiter in served:  # others may come first
            stage = self.stage
            stage.later(stage.rng.random() * 0.01 if stage.rng.random() < 0.3 else 0.0, functools.partial(self._go_on, waiter))

    def _go_on(self, waiter: Waiter) -> None:
        if waiter.left:
            return
        waiter.over = True
        for command in waiter.then:
            try:
                waiter.replies.append(self._step(command))
            except r.ResponseError as error:
                waiter.replies.append(error)

    def _move(self, source: str, target: str) -> bool:
        found = self.server.ask([("LMOVE", source, target, "LEFT", "RIGHT")])[0]
        if found is None:
            return False
        queue = source.partition("{")[2].partition("}")[0]
        look = self._probe.read(queue, self.server.ask([self._probe.command(queue)])[0])
        self._heard("blmove", queue, [source, target, found.decode()], [b"moved"], look)
        return True

    def block(self, command: tuple[Any, ...], then: list[tuple[Any, ...]]) -> Waiter:
        """BLMOVE begins; it may have moved something at once."""
        (_, source, target, _, _, seconds), stage = command, self.stage
        waiter = Waiter(stage.current, source, target, stage.now + float(seconds), then)
        if self._move(source, target):
            waiter.moved = True
            self._go_on(waiter)
        else:
            self.waiting[source].append(waiter)
            stage.later(float(seconds), functools.partial(self.expire, waiter))
        return waiter

    def close(self, waiter: Waiter) -> None:
        """The server learns that its connection is closed, and does nothing more for it."""
        waiter.left = True
        self._take_off(waiter)

    def _take_off(self, waiter: Waiter) -> bool:
        if found := any(other is waiter for other in self.waiting[waiter.source]):
            self.waiting[waiter.source] = [other for other in self.waiting[waiter.source] if other is not waiter]
        return found

    def expire(self, waiter: Waiter) -> None:
        """Its time is over, or it was told to end: so it goes on."""
        if self._take_off(waiter):
            self._go_on(waiter)

    def hang_up(self, actor: Actor) -> None:
        """Its process is gone; the server hears of it soon, or, where the network is cut, only when the block is over."""
        soon = 0.0 if self.stage.rng.random() < 0.5 else self.stage.rng.random() * 0.3
        for waiter in [waiter for waiting in self.waiting.values() for waiter in waiting if waiter.actor is actor]:
            if self.cut.get(actor.place, -1.0) <= self.stage.now:
                self.stage.later(soon, functools.partial(self.close, waiter))
