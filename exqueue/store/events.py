"""The streams of events, read from a place on: each reader keeps its own place, so any number may read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from exqueue.model.event import Event
from exqueue.store.channel import Channel
from exqueue.store.keys import queue_keys, registry_key
from exqueue.store.replies import text_id
from exqueue.store.unreadable import Unreadable

BLOCK: Final = 2.0  # seconds in XREAD: how long a queue that is new may go unnoticed
AT_ONCE: Final = 1000


class EventReader:
    """The events of some queues, or of all there are and will be. May raise StoreError; then read again."""

    def __init__(self, channel: Channel, namespace: str, queues: Iterable[str] | None = None, *, history: bool = False) -> None:
        self._channel = channel
        self._namespace = namespace
        self._chosen = None if queues is None else list(queues)
        self._places: dict[str, str] = {}
        for queue in [] if history else self._known():
            newest = self._channel.ask([("XREVRANGE", self._key(queue), "+", "-", "COUNT", 1)])[0]
            self._places[queue] = newest[0][0].decode() if newest else "0"

    def read(self, seconds: float) -> list[Event]:
        """What has happened since the last time, in order within each queue; waits at most so long if that is nothing."""
        for queue in self._known():
            self._places.setdefault(queue, "0")
        keys = {self._key(queue): queue for queue in self._places}
        found = self._channel.wait_for_entries({key: self._places[queue] for key, queue in keys.items()}, seconds, AT_ONCE)
        events = [_event(keys[key.decode()], cursor, fields) for key, entries in found for cursor, fields in entries]
        for event in events:
            self._places[event.queue] = event.cursor
        return sorted(events, key=lambda event: event.at)

    def past(self, most: int | None = None, unreadable: Unreadable | None = None) -> list[Event]:
        """What there is to read by now, of each queue at most the last so many; one look, however much is added meanwhile.

        Raises StoreCorrupt if a queue cannot be read, unless `unreadable` is there to keep that.
        """
        events, places, kept = list[Event](), dict[str, str](), Unreadable() if unreadable is None else unreadable
        for queue in self._known():
            place = self._places.get(queue, "0")
            command = ("XREVRANGE", self._key(queue), "+", f"({place}" if place != "0" else "-")
            with kept:
                found = self._channel.ask([command if most is None else (*command, "COUNT", most)])[0]
                events += [_event(queue, cursor, fields) for cursor, fields in reversed(found)]
                places[queue] = events[-1].cursor if found else place
        if unreadable is None:
            kept.raise_any()
        self._places |= places
        return sorted(events, key=lambda event: event.at)

    def _known(self) -> list[str]:
        if self._chosen is not None:
            return self._chosen
        return sorted(name.decode("utf-8", "replace") for name in self._channel.ask([("SMEMBERS", registry_key(self._namespace))])[0])

    def _key(self, queue: str) -> str:
        return queue_keys(self._namespace, queue)["events"]


def _event(queue: str, cursor: bytes, fields: Any) -> Event:
    pairs = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=False))
    name, job, more = (pairs.get(field, b"") for field in (b"event", b"job", b"more"))
    moment = cursor.partition(b"-")[0]
    return Event(queue, text_id(name), text_id(job), text_id(more), int(moment) if moment.isdigit() else 0, cursor.decode())
