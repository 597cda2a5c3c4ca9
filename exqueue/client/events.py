"""Follow what happens: an iterator over the events of some queues, or of all."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from exqueue.model.event import Event
from exqueue.store.events import BLOCK, EventReader
from exqueue.store.unreadable import Unreadable


class Events(Iterator[Event]):
    """Events as they happen, from the moment this was made. `timeout`: seconds without any after which it ends; None: never."""

    def __init__(self, reader: EventReader, *, timeout: float | None = None) -> None:
        self._reader = reader
        self._timeout = timeout
        self._ready: deque[Event] = deque()

    def __next__(self) -> Event:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while not self._ready:
            left = BLOCK if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise StopIteration
            self._ready.extend(self._reader.read(min(left, BLOCK)))
        return self._ready.popleft()

    def past(self, limit: int | None = None, *, unreadable: Unreadable | None = None) -> list[Event]:
        """What there is to read now, the last `limit` of it, without waiting for more.

        Raises StoreCorrupt if a queue cannot be read, unless `unreadable` is there to keep that until the others are told of.
        """
        found = [*self._ready, *self._reader.past(limit, unreadable)]
        self._ready.clear()
        return found if limit is None else found[-limit:]

    def wait_for(self, name: str, job: str | None = None) -> Event:
        """The next event of that name, of one job or of any. Raises TimeoutError when none comes in time."""
        for event in self:
            if event.name == name and job in (None, event.job):
                return event
        raise TimeoutError(f"no event {name!r}{f' of job {job}' if job else ''} within {self._timeout:g} s")
