"""Signs of life: which runners beat, and whether the server takes writes.

A runner lives whose counter moves while somebody looks. Nothing else proves it, see ADR 0008.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from exqueue.model.errors import StoreCorrupt, StoreError, StoreRefused, StoreUnavailable
from exqueue.model.facts import ServerFacts
from exqueue.model.text import one_line
from exqueue.store.care_reads import CareReader
from exqueue.store.keys import queue_keys
from exqueue.store.server_facts import server_info
from exqueue.store.unreadable import Unreadable

PAUSE: Final = 0.1  # seconds between two looks
SLOWEST: Final = 3.0  # seconds between two beats of any runner, and a second for the look


class Pulse:
    """The runners of some queues: by queue, those that have a counter, and of them those `beating` that moved it since this was made.

    `unreadable` keeps what somebody else wrote to their counters; nobody can say who beats in these queues, which are `blind`.
    """

    def __init__(self, reader: CareReader, queues: Iterable[str], unreadable: Unreadable) -> None:
        self._reader, self._unreadable = reader, unreadable
        self.blind: set[str] = set()
        self._first = {queue: self._beats(queue) for queue in queues}
        self.known = {queue: set(beats) for queue, beats in self._first.items()}
        self.beating: dict[str, set[str]] = {queue: set() for queue in self._first}

    def watch(self, enough: Callable[[Pulse], bool], seconds: float = SLOWEST + 1) -> None:
        """Look until it is enough, or for so long. By default as long as the slowest runner needs for one beat."""
        deadline = time.monotonic() + seconds
        while not enough(self) and time.monotonic() < deadline:
            time.sleep(PAUSE)
            self.look()

    def look(self) -> None:
        """Look once more."""
        for queue, first in self._first.items():
            now = self._beats(queue)
            self.known[queue] = set(now)
            self.beating[queue] |= {runner for runner, beat in now.items() if first.get(runner) != beat}

    def _beats(self, queue: str) -> dict[str, str]:
        with self._unreadable:
            return self._reader.beats(queue)
        self.blind.add(queue)
        return {}


def refusal(reader: CareReader) -> str:
    """Why a server would not take what we write, empty if all would. Changes nothing; raises StoreUnavailable.

    Asked by a write of the kind that a full server refuses, to a member that no job can have. Whoever may not write at all
    is told by what the server says of itself.
    """
    for at, near in reader.channel.everywhere().items():
        if said := _refusal_near(reader, near):
            return f"node {one_line(at, 60)}: {said}" if at else said
    return ""


def _refusal_near(reader: CareReader, near: str) -> str:
    queue = near or next(iter(reader.queues()), "health")  # a queue that is called like a key is where the key is
    try:
        reader.channel.ask([("ZADD", queue_keys(reader.namespace, queue)["delayed"], "XX", 0, "")])
    except StoreRefused as error:
        return _said(ServerFacts(server_info(reader.channel, near))) if error.code == "NOPERM" else str(error)
    except StoreCorrupt:
        return ""  # it is a matter of this key: a server that takes no writes says so before it looks at any
    except StoreUnavailable:
        raise
    except StoreError as error:
        return str(error)
    return ""


def _said(server: ServerFacts) -> str:
    if server.info is None:
        return "whether it does, it does not tell this user"
    used, limit = server.number("used_memory") or 0, server.number("maxmemory") or 0
    bad = {
        "it is a read-only replica": server.info.get("role", "master") != "master",
        "it cannot write to its disk": server.info.get("aof_last_write_status", "ok") != "ok",
        "its memory is full": 0 < limit <= used,
    }
    return ", ".join(what for what, is_so in bad.items() if is_so)
