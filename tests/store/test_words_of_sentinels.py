"""Which sentinel is believed when they do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ResponseError

from exqueue.model.errors import StoreRefused
from exqueue.store.connection import Address
from exqueue.store.pool import Unsent
from exqueue.store.sentinel import Sentinels
from exqueue.store.topology import NAMED_EVERY, Followed

OLD, NEW = Address("old", 1), Address("new", 2)


@dataclass(eq=False)
class Scripted:
    """A connection on which these replies come, again and again."""

    replies: list[Any]
    host: str = ""
    port: int = 0
    position: int = -1

    def pack_commands(self, commands: Sequence[Any]) -> Sequence[Any]:
        return commands

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self.position = -1

    def read_response(self) -> Any:
        self.position += 1
        return self.replies[self.position]

    def disconnect(self) -> None:
        """Nothing to close."""


def word(master: Address, epoch: int, flags: str = "master", described: Address | None = None) -> list[Any]:
    """What a sentinel answers."""
    old = described or master
    fields = {"ip": old.host, "port": str(old.port), "flags": flags, "config-epoch": str(epoch)}
    return [[master.host.encode(), str(master.port).encode()], [text.encode() for pair in fields.items() for text in pair]]


def chosen(*words: list[Any]) -> Address:
    """The server to which a connection is made."""
    made: list[Address] = []
    addresses = tuple(Address("sentinel", n) for n in range(len(words)))

    def make(address: Address) -> Any:
        made.append(address)
        return Scripted([[b"master", 0, []]])

    Sentinels(addresses, "m", lambda address: Scripted(words[address.port]), make).connect()  # type: ignore[arg-type,return-value]
    return made[0]


@pytest.mark.parametrize(
    "words",
    [
        [word(NEW, 2), word(OLD, 1)],
        [word(OLD, 1), word(NEW, 2)],
        [word(OLD, 1, "master,s_down"), word(NEW, 2)],
        [word(OLD, 1), word(NEW, 1, "master,failover_in_progress", described=OLD)],
        [word(NEW, 1, "master,s_down"), word(NEW, 1)],
        [[None, []], word(NEW, 1)],
    ],
    ids=["first", "second", "old one down", "taking over", "down for one", "unknown to one"],
)
def test_the_latest_word_counts(words: list[list[Any]]) -> None:
    assert chosen(*words) == NEW


@pytest.mark.parametrize(
    "words",
    [
        [word(OLD, 1), word(OLD, 1, "master,failover_in_progress")],
        [word(OLD, 1, "master,failover_in_progress"), word(OLD, 1)],
        [word(OLD, 1, "master,o_down")],
    ],
    ids=["about to be replaced", "the other way round", "down"],
)
def test_a_master_that_is_down_or_about_to_be_replaced_is_left_alone(words: list[list[Any]]) -> None:
    with pytest.raises(Unsent, match="is down, or about to be replaced"):
        chosen(*words)


@pytest.mark.parametrize(("seconds", "confirmed"), [(NAMED_EVERY * 2, True), (NAMED_EVERY / 2, False)], ids=["slow", "quick"])
def test_the_first_reply_of_a_connection_that_was_long_in_the_making_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, seconds: float, confirmed: bool
) -> None:
    clock, asked = [100.0], list[Any]()

    class Slow(Sentinels):
        def connect(self) -> Any:
            clock[0] += seconds
            return Scripted([b"PONG"])

        def confirm(self, connection: Any) -> None:
            asked.append(connection)

    for module in ("topology", "pool"):
        monkeypatch.setattr(f"exqueue.store.{module}.time", SimpleNamespace(monotonic=lambda: clock[0]))
    Followed(Slow((), "m", lambda _: Scripted([]), lambda _: Scripted([]))).exchange([("PING",)])  # type: ignore[arg-type,return-value]
    assert bool(asked) is confirmed


@pytest.mark.parametrize("said", ["unknown command 'SENTINEL', with args beginning with: ", "unknown command `SENTINEL`, with args"])
def test_a_server_that_is_no_sentinel_is_told_apart_from_one_that_is_gone(said: str) -> None:
    with pytest.raises(StoreRefused, match=r"^Redis at sentinel:0 is no sentinel; use redis:// in the URL, not redis\+sentinel://, or "):
        chosen([ResponseError(said)] * 2)
