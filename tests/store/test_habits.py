"""How our connections behave, where redis-py would do otherwise."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import pytest
from redis import exceptions as r

from exqueue.runtime.process import BLOCK
from exqueue.store.blocking import Behind
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import connector
from exqueue.store.scripts import script
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


each_way = pytest.mark.parametrize("ask", [lambda one: one.wait_for_move("a", "b", 1.0, None), lambda one: one.ask([("PING",)])])


@each_way
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


@each_way
def test_a_reply_that_a_signal_has_cut_off_is_not_taken_for_the_next_one(ask: Any) -> None:
    connection = late(KeyboardInterrupt())
    channel = Channel(lambda: connection, where="test", patience=0)
    with contextlib.suppress(KeyboardInterrupt):
        ask(channel)
    assert channel.ask([("GET", "x")]) == [b"right"]


@pytest.mark.parametrize(("replies", "told"), [([b"a", KeyboardInterrupt()], 1), ([KeyboardInterrupt()], 0), ([b"a", [b"empty"]], 1)])
def test_what_is_sent_behind_a_wait_is_heard_of_when_that_has_ended_and_before_its_answer_is_read(replies: list[Any], told: int) -> None:
    channel, heard = Channel(lambda: Scripted(replies), where="test", patience=0), list[int]()
    with contextlib.suppress(KeyboardInterrupt):
        channel.wait_for_move("a", "b", 1.0, None, Behind(script("claim"), [], [], lambda: heard.append(1)))
    assert len(heard) == told
