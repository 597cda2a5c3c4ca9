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
from tests.store.scripted import Scripted


def test_a_connection_of_ours_tries_nothing_again_by_itself() -> None:
    made: Any = connector("redis://localhost:1/0", 5)().made
    assert (made.retry.get_retries(), made.retry_on_error, made.health_check_interval) == (0, [], 0)


def test_a_reply_is_waited_for_longer_than_a_process_blocks() -> None:
    timeout = inspect.signature(open_channel).parameters["timeout"].default
    made: Any = connector("redis://localhost:1/0", timeout)().made
    assert made.socket_timeout >= BLOCK + 2


def late(error: BaseException) -> Scripted:
    """A connection whose first reply is waited for in vain, and comes when the next one is read."""
    return Scripted([error, b"late", b"right"], afresh=[b"right"])


@pytest.mark.parametrize("ask", [lambda channel: channel.wait_for_move("a", "b", 1.0, None), lambda channel: channel.ask([("PING",)])])
def test_a_reply_that_comes_late_is_not_taken_for_the_next_one(ask: Any) -> None:
    made: list[Scripted] = []

    def connect() -> Scripted:
        connection = late(r.TimeoutError("Timeout reading from socket"))
        if made:
            connection.disconnect()
        made.append(connection)
        return connection

    channel = Channel(connect, where="test", patience=0)
    with contextlib.suppress(Exception):
        ask(channel)
    assert channel.ask([("GET", "x")]) == [b"right"]


def test_a_reply_that_a_signal_has_cut_off_is_not_taken_for_the_next_one() -> None:
    connection = late(KeyboardInterrupt())
    channel = Channel(lambda: connection, where="test", patience=0)
    with contextlib.suppress(KeyboardInterrupt):
        channel.ask([("PING",)])
    assert channel.ask([("GET", "x")]) == [b"right"]
