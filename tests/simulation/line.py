"""A connection of an actor, with the methods that exqueue.store.channel uses of one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from redis import exceptions as r

if TYPE_CHECKING:
    from tests.simulation.wire import Waiter, Wire


class Line:
    """Not shared by actors."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._replies: list[Any] = []
        self._waiter: Waiter | None = None
        self.timeout = 0.8

    def pack_commands(self, commands: Any) -> list[Any]:
        return list(commands)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if command[0][0] == "BLMOVE":
            self._block(*command)
        else:
            self._replies = self._wire.exchange(command, self.timeout)

    def _block(self, command: tuple[Any, ...], *then: tuple[Any, ...]) -> None:
        """Until the reply is read the actor is where a real one would be, in the kernel."""
        wire, stage, chance = self._wire, self._wire.stage, self._wire.stage.rng.random
        stage.pause(chance() * 0.004)
        wire.counts["requests"] += 1
        if wire.cut.get(stage.current.place, -1.0) > stage.now:
            stage.pause(self.timeout)
            raise r.TimeoutError("Timeout reading from socket")
        if chance() < wire.troubles.unsent:
            raise r.ConnectionError("Error 104 while writing to socket. Connection reset by peer.")
        self._waiter = wire.block(command, list(then))

    def read_response(self) -> Any:
        if self._replies:
            reply = self._replies.pop(0)
            if isinstance(reply, Exception):
                raise reply
            return reply
        return self._end_of_block()

    def _end_of_block(self) -> None:
        wire, waiter, chance = self._wire, self._waiter, self._wire.stage.rng.random
        assert waiter is not None
        if not waiter.moved:
            wire.stage.pause(waiter.until - wire.stage.now)
            if chance() < wire.troubles.lost * 2 or wire.cut.get(wire.stage.current.place, -1.0) > wire.stage.now:
                wire.counts["lost"] += 1  # the server does not know yet, and may still move something
                wire.stage.later(chance(), functools.partial(wire.close, waiter))
                raise r.ConnectionError("Connection closed by server.")
            wire.expire(waiter)  # its time is over, or a signal has come: CLIENT UNBLOCK
        if waiter.moved:
            wire.stage.pause()
            if chance() < wire.troubles.lost * 2:
                wire.counts["lost"] += 1
                raise r.ConnectionError("Connection closed by server.")
        while not waiter.over:
            wire.stage.pause(0.001)
        self._replies = waiter.replies

    def disconnect(self) -> None:
        self._replies = []
