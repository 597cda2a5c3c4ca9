"""What all steps have in common: a namespace of one server, and how a Lua file is called."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from typing import Any, Final

from exqueue.model.ids import new_id
from exqueue.store.channel import Channel
from exqueue.store.keys import QueueKeys, queue_keys
from exqueue.store.replies import raw_id
from exqueue.store.schema import LOOK_EVERY, heed, read_schema
from exqueue.store.scripts import script

BATCH: Final = 100  # ids one script call may carry: a script blocks the server while it runs


@functools.lru_cache(maxsize=4096)
def located(step: str, keys: QueueKeys, slot: str | None) -> list[str | bytes]:
    """Where a step finds its keys; not to be changed. Kept: a worker process asks for the same ones with every job."""
    return script(step).locate(keys, {"slot": slot})


class Steps:
    """Steps on one namespace of one server. Every method may raise StoreError; all are safe to repeat.

    `copies`: how many replicas must have confirmed a job before it counts as accepted.
    """

    def __init__(self, channel: Channel, namespace: str, copies: int = 0) -> None:
        self.channel = channel
        self.namespace = namespace
        self._copies = copies
        self._announced: set[str] = set()
        self._looked = -math.inf

    def keys(self, queue: str) -> QueueKeys:
        """The keys of a queue."""
        return queue_keys(self.namespace, queue)

    def heed_schema(self) -> None:
        """Make sure that we are not too old for the data, unless we did so a moment ago.

        Raises:
            SchemaTooNew: a newer exqueue has written it.
        """
        if time.monotonic() - self._looked > LOOK_EVERY:
            heed(read_schema(self.channel, self.namespace), self.namespace)
            self._looked = time.monotonic()

    def _each(self, step: str, queue: str, ids: Sequence[str], *, asked: bool = True) -> int:
        """A step for these ids, a hundred at a time; for how many of them it was done. `asked`: it remembers the request."""
        self.heed_schema()
        chunks = [tuple(map(raw_id, ids[start : start + BATCH])) for start in range(0, len(ids), BATCH)]
        return sum(self._run(step, queue, rest=chunk, **({"request": new_id()} if asked else {}))[1] for chunk in chunks)

    def _run(
        self, step: str, queue: str, rest: Sequence[str | bytes] = (), *, slots: Sequence[str] | None = None, **argv: Any
    ) -> list[Any]:
        loaded, keys = script(step), self.keys(queue)
        places = loaded.locate(keys, argv, slots) if slots is not None else located(step, keys, argv.get("slot"))
        return self.channel.run(loaded, places, loaded.arguments(argv, rest))

    def _run_confirmed(self, step: str, queue: str, rest: Sequence[str | bytes] = (), **argv: Any) -> tuple[list[Any], int]:
        """As `_run`, and how many replicas have what it wrote."""
        loaded, keys = script(step), self.keys(queue)
        touch = ("HINCRBY", keys["counters"], "enqueued", 0)
        return self.channel.run_confirmed(loaded, loaded.locate(keys, argv), loaded.arguments(argv, rest), touch, self._copies)
