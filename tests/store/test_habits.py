"""How our connections behave, where redis-py would do otherwise."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import pytest
from redis import exceptions as r

from exqueue.runtime.process import BLOCK
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import connector


def test_a_connection_of_ours_tries_nothing_again_by_itself() -> None:
    made: Any = connector("redis://localhost:1/0", 5)()
    assert (made.retry.get_retries(), made.retry_on_error, made.health_check_interval) == (0, [], 0)


def test_a_reply_is_waited_for_longer_than_a_process_blocks() -> None:
    timeout = inspect.signature(open_channel).parameters["timeout"].default
    made: Any = connector("redis://localhost:1/0", timeout)()
    assert made.socket_timeout >= BLOCK + 2


class Late:
    """A connection whose first reply times out, and comes when the next one is read."""

    def __init__(self) -> None:
        self._replies: list[Any] = [r.TimeoutError("Timeout reading from socket"), b"late", b"right"]

    def pack_commands(self, commands: Any) -> list[bytes]:
        return []

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        pass

    def send_command(self, *args: Any) -> None:
        pass

    def read_response(self) -> Any:
        reply = self._replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def disconnect(self) -> None:
        self._replies = [b"right"]


@pytest.mark.parametrize("ask", [lambda channel: channel.wait_for_move("a", "b", 1.0, None), lambda channel: channel.ask([("PING",)])])
def test_a_reply_that_comes_late_is_not_taken_for_the_next_one(ask: Any) -> None:
    made: list[Late] = []

    def connect() -> Late:
        connection = Late()
        if made:
            connection.disconnect()
        made.append(connection)
        return connection

    channel = Channel(connect, where="test", patience=0)
    with contextlib.suppress(Exception):
        ask(channel)
    assert channel.ask([("GET", "x")]) == [b"right"]


def test_a_reply_that_a_signal_has_cut_off_is_not_taken_for_the_next_one() -> None:
    connection = Late()
    connection._replies[0] = KeyboardInterrupt()
    channel = Channel(lambda: connection, where="test", patience=0)
    with contextlib.suppress(KeyboardInterrupt):
        channel.ask([("PING",)])
    assert channel.ask([("GET", "x")]) == [b"right"]
